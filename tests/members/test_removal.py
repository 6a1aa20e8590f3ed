"""Those who go: what another worker, or the member's own browser, does in the same moment."""

from contextlib import suppress

import pytest

from chalicelib.discord.client import RequestOptions
from chalicelib.discord.models import Account
from chalicelib.errors import UnknownMember
from chalicelib.members.account_removal import STRIP_AGAIN
from chalicelib.store import users
from local.simulated import GUILD, WorkerDied, World
from tests.members.support import deliver, fault, linked


@pytest.fixture
def kira(world: World) -> World:
    """A world with the role Blue, Kira linked as Member, and nothing waiting."""
    world.guild.create_role("Blue")
    world.link("101", "kira", groups=["Member"], nickname="Kira", changed_at=1)
    world.run()
    world.site.notices()
    return world


def test_what_a_dying_worker_gave_to_whom_the_bot_may_not_remove_is_taken_once_more(kira: World) -> None:
    """Its write arrives after the roles were taken, and nobody is left to see that the link is gone."""
    kira.guild.create_role("Director", position=50)  # above the bot
    kira.guild.change_member("kira", give=["Director"])
    first, second = kira.container(), kira.container()
    give = first.services.discord.give_role

    def deleted_meanwhile(discord_id: int, role_id: int, options: RequestOptions) -> None:
        kira.site.delete("101")
        deliver(kira, second)
        assert (kira.roles("kira"), linked(kira, "101")) == ({"Director"}, False)
        give(discord_id, role_id, options)
        raise WorkerDied

    first.services.discord.give_role = deleted_meanwhile  # type: ignore[method-assign]  # one moment, made certain
    kira.site.groups("101", ["Member", "Blue"])
    with pytest.raises(WorkerDied):
        deliver(kira, first)
    assert kira.roles("kira") == {"Director", "Blue"}
    kira.run(seconds=STRIP_AGAIN + 5)
    assert kira.roles("kira") == {"Director"}


def test_who_left_by_themselves_is_gone_also_for_a_bot_that_may_kick_nobody(kira: World) -> None:
    kira.guild.inject(fault(method="DELETE", path=r"/members/[0-9]+$", status=403, code=50013, times=None))
    kira.guild.leave("kira")
    kira.site.delete("101", notify=True)
    kira.run()
    assert not linked(kira, "101")
    assert [(one["kind"], one["reason"]) for one in kira.site.notices()] == [("unlinked", "asked")]
    assert list(kira.dead_letters()) == []


def test_who_links_anew_while_a_worker_finds_that_they_left_stays_linked(kira: World) -> None:
    """The worker's look is older than the link, which may be to the same account."""
    kira.guild.leave("kira")

    def linked_meanwhile(called: str, _arguments: object) -> None:
        if called == "TransactWriteItems":  # the worker's first: it removes the link
            kira.dynamodb.before = None
            kira.link("101", "kira", groups=["Member", "Blue"], nickname="Kira")

    kira.dynamodb.before = linked_meanwhile
    kira.site.post({"kind": "update_all", "user_id": "101"})
    kira.run()
    assert linked(kira, "101")
    assert kira.roles("kira") == {"Member", "Blue"}
    assert [n["kind"] for n in kira.site.notices()][-1] == "linked", "so that the auth site knows it, too"


def test_who_is_deleted_while_their_callback_brings_them_in_does_not_stay(world: World) -> None:
    """Their join reaches Discord right after the removal, and is on record right before the link goes."""
    now, reconciler = world.clock.now(), world.container()
    person = world.guild.add_person("kira")
    users.link("101", int(GUILD), Account(int(person.id), "kira"), users.Claim(issued_at=now), now=now)
    remove = reconciler.services.discord.remove

    def joined_meanwhile(discord_id: int, options: RequestOptions) -> None:
        with suppress(UnknownMember):
            remove(discord_id, options)
        world.guild.add_member("kira")
        user = users.get("101", now=now)
        assert user
        assert users.mark_synced(user, now=now)

    reconciler.services.discord.remove = joined_meanwhile  # type: ignore[method-assign]  # one moment, made certain
    world.site.delete("101")
    deliver(world, reconciler)
    assert (world.roles("kira"), linked(world, "101")) == (set(), False)
    world.run()
    assert world.roles("kira") is None
