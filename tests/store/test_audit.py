"""The audit trail."""

from dataclasses import replace

import pytest

from chalicelib.store import audit
from chalicelib.store.audit import DAY, Entry, Kind, Wanted
from local.memory.clock import START as NOW

ENTRY = Entry("1", 2**62, NOW, "sweep 7", "trace-1", given=("a",), taken=("b", "c"), nickname_from="x", nickname_to="y")


def test_an_entry_says_what_changed_and_who_asked() -> None:
    audit.keep(ENTRY)
    (found,) = audit.of_user("1", now=NOW)
    assert found == {
        "user_id": "1",
        "discord_id": str(2**62),
        "at": "2026-01-05T12:00:00.000000+00:00",
        "cause": "sweep 7",
        "trace": "trace-1",
        "given": ["a"],
        "taken": ["b", "c"],
        "nickname_from": "x",
        "nickname_to": "y",
        "what": "changed",
    }


def test_what_did_not_change_is_not_in_it() -> None:
    audit.keep(Entry("1", 5, NOW, "link", "t", what="joined"))
    (found,) = audit.of_user("1", now=NOW)
    assert found.keys() == {"user_id", "discord_id", "at", "cause", "trace", "what"}


def test_a_users_changes_come_newest_first() -> None:
    moments = [0.0, 0.000001, 0.5, 1.0, 10.0, 100_000.0]
    for moment in (moments[3], moments[0], moments[5], moments[1], moments[4], moments[2]):
        audit.keep(replace(ENTRY, at=NOW + moment, cause=str(moment)))
    audit.keep(replace(ENTRY, user_id="2", cause="another's"))
    assert [found["cause"] for found in audit.of_user("1", now=NOW)] == [str(moment) for moment in reversed(moments)]
    assert [found["cause"] for found in audit.of_user("1", now=NOW, most=2)] == ["100000.0", "10.0"]


def test_two_changes_at_one_moment_are_both_kept() -> None:
    audit.keep(ENTRY)
    audit.keep(replace(ENTRY, trace="trace-2"))
    assert {found["trace"] for found in audit.of_user("1", now=NOW)} == {"trace-1", "trace-2"}


def test_entries_are_kept_for_the_days_they_were_given() -> None:
    audit.keep(replace(ENTRY, keep_days=2))
    assert len(audit.of_user("1", now=NOW + 2 * DAY - 1)) == 1
    assert audit.of_user("1", now=NOW + 2 * DAY) == []


# --- all users ----------------------------------------------------------------------------------------------------


def causes(trail: audit.Trail) -> list[str]:
    return [entry["cause"] for entry in trail.entries]


def kept(*entries: Entry) -> None:
    for entry in entries:
        audit.keep(entry)


def test_entries_of_all_users_are_found_newest_first_over_the_end_of_a_month() -> None:
    for days, user_id in ((0, "1"), (-6, "2"), (-3, "3"), (-40, "4")):
        audit.keep(replace(ENTRY, user_id=user_id, at=NOW + days * DAY, cause=f"{days} days"))
    found = audit.search(Wanted(), now=NOW)
    assert causes(found) == ["0 days", "-3 days", "-6 days", "-40 days"]
    assert found.older == ""


def test_a_search_goes_on_where_it_stopped_and_misses_nothing() -> None:
    kept(*(replace(ENTRY, user_id=str(number), at=NOW + number, cause=str(number)) for number in range(7)))
    seen, before = [], ""
    while True:
        found = audit.search(Wanted(), now=NOW + 9, before=before, most=3)
        seen += causes(found)
        before = found.older
        if not before:
            break
    assert seen == ["6", "5", "4", "3", "2", "1", "0"]


def test_a_search_of_years_reads_some_months_at_a_time() -> None:
    kept(replace(ENTRY, at=NOW - 300 * DAY, keep_days=1000, cause="long ago"))
    tries, before = 0, ""
    found = audit.search(Wanted(), now=NOW, keep_days=1000)
    while not found.entries:
        tries, before = tries + 1, found.older
        found = audit.search(Wanted(), now=NOW, keep_days=1000, before=before)
    assert causes(found) == ["long ago"]
    assert tries == 3  # four months at a time, of which the next time begins with the last


JOINED = replace(ENTRY, user_id="2", what="joined", cause="link", given=("Member",), taken=(), nickname_to=None)
RELEASED = Entry("3", 5, NOW, "Vera (officers' page)", "t", what="removal released")
STARTED = Entry(audit.THE_SERVER, 0, NOW, "Vera (officers' page)", "t", what="sweep started")
LEFT = Entry("4", 5, NOW, "left_server", "t", what="unlinked: left_server")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(user_id="1"), {"1"}),
        (Wanted(role="memb"), {"2"}),
        (Wanted(role="B"), {"1", "2"}),
        (Wanted(by="vera"), {"3", audit.THE_SERVER}),
        (Wanted(by="vera", kind=Kind.ANSWERED), {"3"}),
        (Wanted(kind=Kind.SERVER), {audit.THE_SERVER}),
        (Wanted(kind=Kind.ROLES), {"1", "2"}),
        (Wanted(kind=Kind.NICKNAME), {"1"}),
        (Wanted(kind=Kind.JOINED), {"2"}),
        (Wanted(kind=Kind.UNLINKED), {"4"}),
        (Wanted(kind=Kind.REMOVED), set()),
        (Wanted(user_id="1", kind=Kind.JOINED), set()),
    ],
    ids=lambda value: str(value) if isinstance(value, Wanted) else " ".join(sorted(value)),
)
def test_a_search_finds_what_is_wanted_only(wanted: Wanted, found: set[str]) -> None:
    kept(ENTRY, JOINED, RELEASED, STARTED, LEFT)
    assert {entry["user_id"] for entry in audit.search(wanted, now=NOW).entries} == found


def test_an_entry_of_an_older_version_is_found_by_its_user() -> None:
    row = audit.row(ENTRY)
    row.month = None
    row.save()
    assert audit.search(Wanted(), now=NOW).entries == ()
    assert len(audit.search(Wanted(user_id="1"), now=NOW).entries) == 1


def test_what_expired_is_not_found() -> None:
    kept(replace(ENTRY, keep_days=2))
    assert len(audit.search(Wanted(), now=NOW + 2 * DAY - 1).entries) == 1
    assert audit.search(Wanted(), now=NOW + 2 * DAY).entries == ()


@pytest.mark.parametrize("before", ["x", "2026-01' OR 1", "9" * 400, "2026-13x", "9999-12"])
def test_a_place_that_is_none_of_ours_counts_as_none(before: str) -> None:
    kept(ENTRY)
    assert len(audit.search(Wanted(), now=NOW, before=before).entries) == 1
