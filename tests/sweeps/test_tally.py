"""A survey counts the linked users on its way, at hardly any cost."""

import tracemalloc

from chalicelib.store.tally import MAX_TROUBLED, Tallies, Tally
from chalicelib.sweeps.tally import TallyKeeper
from local.simulated import GUILD, World
from tests.members.support import crowd, stored, swept


def tally() -> Tally:
    found = Tallies(int(GUILD)).newest()
    assert found
    return found


def test_a_sweep_counts_the_linked_users_and_their_groups(world: World) -> None:
    assert Tallies(int(GUILD)).newest() is None
    for number in range(3):
        world.link(f"10{number}", f"pilot{number}", groups=["Member"] if number else ["Member", "Logistics"])
    world.run()
    swept(world)
    found = tally()
    assert (found.linked, found.unsettled, found.groups) == (3, 0, {"Member": 3, "Logistics": 1})
    assert found.troubled == ()
    assert world.clock.now() - 3600 < found.at <= world.clock.now()


def test_an_imported_user_of_whom_nothing_is_stated_has_no_change_under_way(world: World) -> None:
    crowd(world, 3, groups=None)
    swept(world)
    assert (tally().linked, tally().unsettled, tally().never_stated) == (3, 0, 3)


def test_a_guild_of_several_pages_is_counted_as_a_whole(world: World) -> None:
    crowd(world, 1100, roles=[], groups=["Member"], imported=False)
    world.guild.create_role("Member")
    swept(world)
    assert (tally().linked, tally().groups) == (1100, {"Member": 1100})


def test_without_a_list_of_members_users_are_counted_all_the_same(world: World) -> None:
    world.link("101", "kira", groups=["Member"])
    world.run()
    world.guild.turn(member_intent=False)
    swept(world)
    assert tally().linked == 1


def test_who_is_found_to_be_in_trouble_by_the_sweep_itself_is_named(world: World) -> None:
    world.link("101", "kira", groups=["Member"])
    world.run()
    swept(world)
    assert tally().troubled == ()
    world.guild.change_role("Member", position=200)
    world.guild.change_member("kira", roles=[])
    swept(world)
    user = stored(world, "101")
    assert user
    assert user.problems
    assert tally().troubled == ("101",)
    world.guild.change_role("Member", position=1)
    swept(world)
    swept(world)
    assert tally().troubled == ()


def test_the_last_user_unlinked_leaves_a_tally_of_nobody(world: World) -> None:
    world.link("101", "kira", groups=["Member"])
    world.run()
    swept(world)
    world.site.post({"kind": "delete_user", "user_id": "101"})
    world.run()
    swept(world)
    assert tally().linked == 0


def test_a_sweep_of_one_page_writes_the_tally_once(world: World) -> None:
    world.link("101", "kira", groups=["Member"])
    world.run()
    swept(world)
    calls: list[str] = []
    world.dynamodb.before = lambda operation, arguments: calls.append(f"{operation} {arguments}")
    swept(world)
    assert sum("'tally'" in call for call in calls) == 1


def test_the_sum_of_many_pages_takes_no_more_memory_than_that_of_few(world: World) -> None:
    tallies, keeper = Tallies(int(GUILD)), TallyKeeper(world.http.services)
    groups = {f"group {number} of the alliance": number for number in range(50)}
    one = Tally(world.clock.now(), 50, groups=groups, troubled=tuple(groups), all_troubled=50)
    for sweep_id, pages in (("few", 40), ("many", 400)):
        for page in range(pages):
            tallies.keep_page(sweep_id, page, one)
    world.dynamodb.page_size = 20  # rows that are read at once, and so in memory together

    def peak(sweep_id: str, pages: int) -> int:
        tracemalloc.start()
        try:
            keeper.note(sweep_id, pages, one, is_last=True)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak("few", 40)
    few, many = peak("few", 40), peak("many", 400)
    assert (tally().linked, tally().all_troubled, len(tally().troubled)) == (50 * 401, 50 * 401, MAX_TROUBLED)
    assert many < 1.3 * few
