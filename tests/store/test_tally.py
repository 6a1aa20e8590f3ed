"""What sweeps counted, as it is stored."""

from chalicelib.store.tally import MAX_GROUPS, MAX_TROUBLED, Tallies, Tally, summed
from local.memory.clock import START as NOW

GUILD = 111111111111111111


def test_the_newest_tally_takes_the_place_of_the_one_before() -> None:
    tallies = Tallies(GUILD)
    assert tallies.newest() is None
    tallies.keep(Tally(NOW, 1))
    tallies.keep(Tally(NOW + 1, 2, groups={"Member": 2}, troubled=("1",)))
    assert tallies.newest() == Tally(NOW + 1, 2, groups={"Member": 2}, troubled=("1",))
    assert Tallies(GUILD + 1).newest() is None


def test_a_page_that_is_kept_twice_counts_once() -> None:
    tallies = Tallies(GUILD)
    for page, linked in ((0, 10), (1, 5), (1, 5)):
        tallies.keep_page("2026-a", page, Tally(NOW, linked))
    tallies.keep_page("2026-b", 0, Tally(NOW, 100))
    assert summed(tallies.pages("2026-a")).linked == 15


def test_the_sum_of_pages_counts_groups_together() -> None:
    first = Tally(NOW, 2, 1, 1, {"Member": 2, "Blue": 1}, 2, ("1",), 1)
    second = Tally(NOW + 5, 3, 0, 0, {"Member": 3, "Green": 1}, 2, ("7",), 1)
    whole = Tally(NOW + 5, 5, 1, 1, {"Member": 5, "Blue": 1, "Green": 1}, 3, ("1", "7"), 2)
    assert summed([first, second]) == whole


def test_what_an_item_cannot_hold_is_only_counted() -> None:
    groups = {f"{number:04}" * 25: number for number in range(MAX_GROUPS + 5)}
    several = tuple(f"{number:04}" * 20 for number in range(MAX_TROUBLED + 5))
    found = summed([Tally(NOW, 600, groups=groups, all_groups=len(groups), troubled=several, all_troubled=205)])
    assert len(found.groups) == MAX_GROUPS
    assert min(found.groups.values()) == 5, "the largest groups stay"
    assert found.all_groups == MAX_GROUPS + 5
    assert (len(found.troubled), found.all_troubled) == (MAX_TROUBLED, 205)
    Tallies(GUILD).keep(found)


def test_a_tally_of_the_longest_names_is_stored_as_far_as_a_row_holds_them() -> None:
    groups = {f"{number:04}" + "🚀" * 96: 1000 - number for number in range(MAX_GROUPS)}
    troubled = tuple(f"{number:04}" + "🚀" * 252 for number in range(MAX_TROUBLED))
    tallies = Tallies(GUILD)
    tallies.keep(summed([Tally(NOW, 600, groups=groups, all_groups=500, troubled=troubled, all_troubled=200)]))
    found = tallies.newest()
    assert found is not None
    assert (found.linked, found.all_groups, found.all_troubled) == (600, 500, 200)
    assert 50 < len(found.groups) < MAX_GROUPS
    assert max(found.groups.values()) == 1000, "the largest groups stay"
