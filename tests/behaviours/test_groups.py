"""Section C: the roles of one user."""

import pytest

from local.simulated import World
from tests.members.support import Meter, fault, last_error, linked, stored

MEMBER = r"/members/[0-9]+$"


@pytest.mark.behaviour(22)
def test_drifted_roles_are_written_with_the_whole_list(world: World) -> None:
    world.guild.create_role("Nitro", managed=True)
    world.guild.create_role("Odd")
    world.link("101", "kira", groups=["Member", "Logistics"])
    world.guild.change_member("kira", roles=["Nitro", "Odd"])
    meter = Meter(world)
    world.site.post({"kind": "update_groups", "user_id": "101"})
    world.run()
    assert world.roles("kira") == {"Member", "Logistics", "Nitro"}
    assert meter.writes == ["PATCH member"]


@pytest.mark.behaviour(23)
def test_roles_in_order_are_not_written(world: World) -> None:
    world.link("101", "kira", groups=["Member", "Logistics"])
    meter = Meter(world)
    world.site.groups("101", ["Logistics", "Member"])
    world.run()
    assert meter.routes == ["GET member"]


@pytest.mark.behaviour(24)
@pytest.mark.parametrize("groups", [["Member"], []], ids=["seen by the look", "seen by the write"])
def test_who_left_is_unlinked_and_the_auth_site_told(world: World, groups: list[str]) -> None:
    world.link("101", "kira", groups=["Member"])
    world.site.notices()
    if not groups:
        world.guild.inject(fault(method="DELETE", path="/roles/", status=404, code=10007))
    else:
        world.guild.leave("kira")
    meter = Meter(world)
    world.site.groups("101", groups)
    world.run()
    assert len(meter.routes) <= 2
    assert not linked(world, "101")
    assert [(n["kind"], n["user_id"], n["reason"], n["username"]) for n in world.site.notices()] == [
        ("unlinked", "101", "left_server", "@kira")
    ]


@pytest.mark.behaviour(24)
def test_who_deleted_their_discord_account_is_unlinked_with_that_reason(world: World) -> None:
    world.link("101", "kira", groups=["Member"])
    world.site.notices()
    world.guild.delete_account("kira")
    world.site.groups("101", [])
    world.run()
    assert not linked(world, "101")
    assert [n["reason"] for n in world.site.notices()] == ["account_deleted"]


@pytest.mark.behaviour(25)
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({"code": 0, "message": "404: Not Found"}, id="another code"),
        pytest.param({"body": "<html>not here</html>"}, id="no JSON"),
        pytest.param({"body": {}}, id="no code"),
    ],
)
def test_a_404_that_does_not_say_unknown_member_removes_nobody(world: World, answer: dict[str, object]) -> None:
    world.link("101", "kira", groups=["Member", "Logistics"])
    world.run()  # the check of the new link is over: it would heal what this is about
    world.guild.inject(fault(method="GET", path=MEMBER, status=404, **answer))
    world.site.groups("101", ["Member"])
    world.run(until=lambda: world.roles("kira") == {"Member"}, seconds=90)
    assert world.guild.faults() == [], "it struck"
    assert linked(world, "101")
    assert world.roles("kira") == {"Member"}, "tried again after a minute"


@pytest.mark.behaviour(26)
def test_a_lasting_refusal_is_recorded_not_retried_and_deletes_nothing(world: World) -> None:
    world.link("101", "kira", groups=["Member"])
    world.site.notices()
    world.guild.inject(fault(method="PATCH", status=400, code=50035, times=None, path=MEMBER))
    meter = Meter(world)
    world.site.groups("101", ["Blue", "Logistics"])
    world.run(seconds=60)
    assert meter.statuses("PATCH member") == [400]
    assert linked(world, "101")
    assert "50035" in (last_error(world, "101") or "")
    assert [notice["kind"] for notice in world.site.notices()] == ["sync_failed"]
    assert list(world.dead_letters()) == []


@pytest.mark.behaviour(27)
@pytest.mark.parametrize(
    "message",
    [
        {"kind": "update_groups", "groups": ["Member"], "changed_at": 5},
        {"kind": "update_nickname", "nickname": "Kira", "changed_at": 5},
        {"kind": "update_username"},
        {"kind": "update_all"},
        {"kind": "delete_user", "notify": True},
    ],
    ids=lambda message: str(message["kind"]),
)
def test_a_user_without_an_account_costs_no_request(world: World, message: dict[str, object]) -> None:
    world.site.post(message | {"user_id": "101"})
    world.run()
    assert world.asked() == []
    assert world.site.notices() == []
    assert list(world.dead_letters()) == []


@pytest.mark.behaviour(27)
def test_what_was_said_before_the_callback_is_not_lost(world: World) -> None:
    early = world.site.stamp()
    world.site.groups("101", ["Member", "Logistics"])
    world.run()
    world.link("101", "kira", groups=["Member"], changed_at=early)
    assert world.roles("kira") == {"Member", "Logistics"}
    user = stored(world, "101")
    assert user
    assert user.groups == ("Member", "Logistics")


@pytest.mark.behaviour(28)
@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_2xx_is_success(world: World, status: int) -> None:
    world.link("101", "kira", groups=["Member"])
    world.link("102", "liam", groups=["Blue", "Logistics"])
    body = {} if status != 204 else ""
    world.guild.inject(fault(method="PATCH", path=MEMBER, status=status, body=body))
    meter = Meter(world)
    world.site.groups("101", ["Blue", "Logistics"])
    world.run(seconds=5)
    assert meter.statuses("PATCH member") == [status]
    assert last_error(world, "101") is None
    world.run()
    assert world.roles("kira") == {"Blue", "Logistics"}, "it showed no member, and so was looked at once more"


@pytest.mark.behaviour(28)
@pytest.mark.parametrize("status", [302, 304])
def test_a_redirection_is_no_success(world: World, status: int) -> None:
    world.link("101", "kira", groups=["Member"])
    world.link("102", "liam", groups=["Blue", "Logistics"])
    world.guild.inject(fault(method="PATCH", path=MEMBER, status=status, body=""))
    world.site.groups("101", ["Blue", "Logistics"])
    world.run()
    assert world.roles("kira") == {"Blue", "Logistics"}, "tried again"


@pytest.mark.behaviour(22)
@pytest.mark.parametrize("order", [(1, 2), (2, 1)], ids=["in order", "reversed"])
def test_an_older_change_never_overwrites_a_newer_one(world: World, order: tuple[int, int]) -> None:
    world.link("101", "kira", groups=[], changed_at=0)
    for stamp in order:
        world.site.groups("101", [f"Group {stamp}"], changed_at=stamp)
    world.run()
    assert world.roles("kira") == {"Group 2"}
