"""Discord refuses a well-formed nickname: the roles must not depend on it.

Where AutoMod blocks a word, a PATCH that sets the nickname of a member whose *server tag* contains the word is refused
whole with 400/50035 (discord-api-docs#7711). Joining with roles was answered 400 for single people, while joining
without roles worked (allianceauth#1008).
"""

import pytest

from local.discord.messages import Answer, Request
from local.simulated import World
from tests.faults.support import before, body_of, is_member, joins, outcome, reasons, refusal

TAG = {"code": "AUTO_MODERATION_USER_PROFILES_INVALID_GUILD_TAG", "message": "Tag contains community flagged words"}
REFUSED = {"message": "Invalid Form Body", "code": 50035, "errors": {"guild_tag": {"_errors": [TAG]}}}


def refuse_nicknames(world: World, *methods: str) -> list[float]:
    """Refuse every request of these methods that sets a nickname; when each was refused."""
    times: list[float] = []

    def change(request: Request) -> Answer | None:
        if request.method in methods and is_member(request) and "nick" in body_of(request):
            times.append(world.clock.now())
            return refusal(400, REFUSED)
        return None

    before(world, change)
    return times


@pytest.fixture
def renamed(world: World) -> World:
    """Two linked members, one of them renamed by hand."""
    world.link("101", "kira", groups=["Member", "Director"], nickname="Kira Vex")
    world.link("102", "other", groups=["Member", "Logistics"])
    world.run()
    world.sweep(force=True)
    world.run()
    world.guild.change_member("kira", nick="renamed by hand")
    world.site.notices()
    return world


def test_a_message_takes_the_roles_of_a_member_whose_nickname_is_refused(renamed: World) -> None:
    refuse_nicknames(renamed, "PATCH")
    renamed.site.groups("101", [])
    renamed.run(seconds=3600)
    assert renamed.roles("kira") == set()


def test_roles_go_and_the_nickname_is_reported_once_and_not_tried_again_and_again(renamed: World) -> None:
    times = refuse_nicknames(renamed, "PATCH")
    change = {"groups": [], "nickname": "Kira V", "changed_at": renamed.site.stamp()}
    renamed.site.post({"kind": "update_all", "user_id": "101", **change})
    renamed.run(seconds=3600)
    assert renamed.roles("kira") == set()
    for _ in range(3):
        renamed.clock.advance(3600)
        renamed.sweep()
        renamed.run(seconds=1800)
    assert renamed.roles("kira") == set()
    assert len(reasons(renamed)) == 1
    assert len(times) <= 2


def test_a_sweep_gives_a_lost_role_to_a_member_whose_nickname_is_refused(renamed: World) -> None:
    refuse_nicknames(renamed, "PATCH")
    renamed.guild.change_member("kira", take=["Director"])
    renamed.sweep()
    renamed.run(seconds=1800)
    assert renamed.roles("kira") == {"Member", "Director"}


def test_a_message_exchanges_a_role_of_a_member_whose_nickname_is_refused(renamed: World) -> None:
    refuse_nicknames(renamed, "PATCH")
    change = {"groups": ["Member", "Logistics"], "nickname": "Kira V", "changed_at": renamed.site.stamp()}
    renamed.site.post({"kind": "update_all", "user_id": "101", **change})
    renamed.run(seconds=3600)
    assert renamed.roles("kira") == {"Member", "Logistics"}


def test_a_newcomer_whose_nickname_is_refused_is_let_in_with_roles(world: World) -> None:
    world.guild.create_role("Member")
    refuse_nicknames(world, "PATCH", "PUT")
    assert outcome(world, "101", "kira", groups=["Member"], nickname="Kira Vex") == "linked"
    world.run()
    assert world.roles("kira") == {"Member"}


def test_a_member_whose_nickname_is_refused_is_linked_and_has_the_roles(world: World) -> None:
    world.guild.create_role("Member")
    world.guild.add_member("kira", nick="By hand")
    refuse_nicknames(world, "PATCH")
    assert outcome(world, "101", "kira", groups=["Member"], nickname="Kira Vex") == "linked"
    world.run()
    assert world.roles("kira") == {"Member"}


def test_a_newcomer_who_may_not_join_with_roles_joins_without_them_and_gets_them(world: World) -> None:
    world.guild.create_role("Member")

    def change(request: Request) -> Answer | None:
        with_roles = joins(request) and body_of(request).get("roles")
        return (
            refusal(400, {"message": "Invalid Form Body", "code": 50035, "errors": {"roles": {}}})
            if with_roles
            else None
        )

    before(world, change)
    assert outcome(world, "101", "kira", groups=["Member"]) == "linked"
    world.run()
    assert world.roles("kira") == {"Member"}
