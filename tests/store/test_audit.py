"""The audit trail."""

from dataclasses import replace

from chalicelib.store import audit
from chalicelib.store.audit import DAY, Entry
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
