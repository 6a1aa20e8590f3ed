"""What stops all calls, as all workers share it."""

from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from pynamodb.exceptions import PynamoDBException

from chalicelib.discord.availability import Away
from chalicelib.discord.halts import REPORT_WINDOW, BlockReport, SharedState
from chalicelib.store.halts import DynamoHaltStore
from chalicelib.store.rows import RateLimitRow
from local.memory.clock import START as NOW
from tests.store.conftest import Database

APP, GUILD = 7, 900


@pytest.fixture
def halt_store() -> DynamoHaltStore:
    return DynamoHaltStore(APP, GUILD)


def test_at_first_nothing_is_halted(halt_store: DynamoHaltStore) -> None:
    assert halt_store.shared_state() == SharedState()


def test_a_refused_token_is_told_to_all(halt_store: DynamoHaltStore) -> None:
    halt_store.refuse_token("fingerprint", now=NOW)
    assert DynamoHaltStore(APP, GUILD).shared_state() == SharedState("fingerprint", halted_at=NOW, refused_since=NOW)


def test_a_halt_never_shortens_a_longer_one(halt_store: DynamoHaltStore) -> None:
    halt_store.halt_until(NOW + 10.5, "first")
    halt_store.halt_until(NOW + 9, "shorter")
    assert halt_store.shared_state() == SharedState("", NOW + 10.5, "first")
    halt_store.halt_until(NOW + 60, "longer")
    assert halt_store.shared_state().blocked_why == "longer"


def test_since_when_a_token_is_refused_outlasts_every_probe_but_not_another_token(halt_store: DynamoHaltStore) -> None:
    for hour in range(3):
        halt_store.refuse_token("fingerprint", now=NOW + hour * 3600)
    assert halt_store.shared_state() == SharedState("fingerprint", halted_at=NOW + 7200, refused_since=NOW)
    halt_store.refuse_token("another", now=NOW + 9000)
    assert halt_store.shared_state() == SharedState("another", halted_at=NOW + 9000, refused_since=NOW + 9000)
    halt_store.lift(halt_store.shared_state())
    halt_store.refuse_token("another", now=NOW + 9999)
    assert halt_store.shared_state().refused_since == NOW + 9999


def test_since_when_calls_are_blocked_is_kept_while_the_block_is_renewed(halt_store: DynamoHaltStore) -> None:
    halt_store.halt_until(NOW + 300, "address_banned", since=NOW)
    halt_store.halt_until(NOW + 600, "address_banned", since=NOW + 301)
    assert halt_store.shared_state().blocked_since == NOW
    halt_store.lift(halt_store.shared_state())
    halt_store.halt_until(NOW + 900, "address_banned", since=NOW + 700)
    assert halt_store.shared_state().blocked_since == NOW + 700
    halt_store.halt_until(NOW + 901, "global_limit")
    assert halt_store.shared_state() == SharedState(blocked_until=NOW + 901, blocked_why="global_limit")


# --- whether Discord answers --------------------------------------------------------------------------------------


def test_since_when_discord_is_away_is_that_of_the_first_who_saw_it(halt_store: DynamoHaltStore) -> None:
    halt_store.away(Away(NOW, NOW, "HTTP 503"))
    halt_store.away(Away(NOW + 30, NOW + 90, "ReadTimeout"))
    assert halt_store.shared_state() == SharedState(away=Away(NOW, NOW + 90, "ReadTimeout"))


def test_an_answer_ends_an_outage_of_discord_but_not_one_that_came_after_it(halt_store: DynamoHaltStore) -> None:
    halt_store.away(Away(NOW, NOW + 90, "HTTP 503"))
    halt_store.back(now=NOW + 89)
    assert halt_store.shared_state().away
    halt_store.back(now=NOW + 90)
    assert halt_store.shared_state() == SharedState()


def test_a_record_for_people_breaks_no_job(
    halt_store: DynamoHaltStore, dynamodb: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://dynamodb.test")

    monkeypatch.setattr(dynamodb, "_make_api_call", away)
    halt_store.away(Away(NOW, NOW, "HTTP 503"))
    halt_store.back(now=NOW)
    with pytest.raises(PynamoDBException):
        halt_store.shared_state()


def test_halts_concern_the_bot_whatever_the_guild(halt_store: DynamoHaltStore) -> None:
    halt_store.refuse_token("fingerprint", now=NOW)
    assert DynamoHaltStore(APP, 901).shared_state() == SharedState("fingerprint", halted_at=NOW, refused_since=NOW)
    assert DynamoHaltStore(8, 901).shared_state() == SharedState()


def test_invalid_requests_are_counted_over_ten_minutes(halt_store: DynamoHaltStore) -> None:
    for second in (0, 1, 61, 300, 599):
        halt_store.count_invalid(NOW + second)
    assert halt_store.invalid(NOW + 599) == 5
    assert halt_store.invalid(NOW + 601) == 3  # the first minute's are over


# --- containers ---------------------------------------------------------------------------------------------------


def test_every_container_reports_itself_once_within_the_window(halt_store: DynamoHaltStore) -> None:
    asked = [("a", 0), ("b", 1), ("a", 2), ("c", 3), ("b", REPORT_WINDOW + 1), ("d", REPORT_WINDOW + 2)]
    counts = [halt_store.report(BlockReport(name, NOW + at, "why")) for name, at in asked]
    assert counts == [1, 2, 2, 3, 3, 3]
    assert {one.container: one.at - NOW for one in halt_store.shared_state().reports} == {
        "c": 3,
        "b": REPORT_WINDOW + 1,
        "d": REPORT_WINDOW + 2,
    }


def test_no_report_is_lost_where_two_come_at_once(halt_store: DynamoHaltStore, dynamodb: Database) -> None:
    dynamodb.meanwhile("UpdateItem", lambda: halt_store.report(BlockReport("a", NOW, "why")))
    assert halt_store.report(BlockReport("b", NOW, "why")) == 2


# --- probes -------------------------------------------------------------------------------------------------------


def test_one_at_a_time_may_probe(halt_store: DynamoHaltStore) -> None:
    assert halt_store.claim_probe(now=NOW, until=NOW + 30)
    assert not halt_store.claim_probe(now=NOW + 29, until=NOW + 59)
    assert halt_store.claim_probe(now=NOW + 30, until=NOW + 60)


@pytest.mark.parametrize("ends", ["halt_until", "refuse_token", "lift", "lift_all"])
def test_a_probe_ends_with_its_answer(halt_store: DynamoHaltStore, ends: str) -> None:
    halt_store.claim_probe(now=NOW, until=NOW + 30)
    match ends:
        case "halt_until":
            halt_store.halt_until(NOW + 5, "again")
        case "refuse_token":
            halt_store.refuse_token("fingerprint", now=NOW)
        case "lift":
            halt_store.lift(SharedState())
        case _:
            halt_store.lift_all()
    assert halt_store.claim_probe(now=NOW + 6, until=NOW + 60)


@pytest.mark.parametrize(
    "change", [{}, {"halted_at": NOW - 1}, {"blocked_until": NOW + 1}, {"halted_token": ""}], ids=str
)
def test_only_the_halts_that_were_read_are_lifted(halt_store: DynamoHaltStore, change: dict[str, Any]) -> None:
    halt_store.refuse_token("fingerprint", now=NOW)
    halt_store.halt_until(NOW + 9, "why")
    state = halt_store.shared_state()
    halt_store.lift(replace(state, **change))
    left = halt_store.shared_state()
    assert (left.halted_token == "") is not bool({"halted_at", "halted_token"} & change.keys())
    assert (left.blocked_until == 0) is (change.get("blocked_until", NOW + 9) >= NOW + 9)


# --- an installation from before -----------------------------------------------------------------------------------


def before(**columns: object) -> None:
    """The row of the guild in which version 1 kept names of buckets and halts together."""
    row = RateLimitRow(f"{GUILD}:noticeboard")
    row.update([getattr(RateLimitRow, name).set(value) for name, value in columns.items()])


def test_a_halt_from_before_the_upgrade_still_counts(halt_store: DynamoHaltStore) -> None:
    before(buckets={"PUT role": "b"}, halted_token="fingerprint", blocked_until=NOW + 9, blocked_why="older")
    assert halt_store.shared_state() == SharedState("fingerprint", NOW + 9, "older")
    halt_store.halt_until(NOW + 5, "newer")
    assert halt_store.shared_state().blocked_until == NOW + 9
    halt_store.halt_until(NOW + 12, "newer")
    assert halt_store.shared_state() == SharedState("fingerprint", NOW + 12, "newer")


def test_lifting_forgets_the_halts_from_before_too_and_no_name(halt_store: DynamoHaltStore) -> None:
    before(buckets={"PUT role": "b"}, halted_token="fingerprint", blocked_until=NOW + 9, blocked_why="older")
    halt_store.refuse_token("another", now=NOW)
    halt_store.halt_until(NOW + 12, "newer")
    halt_store.lift_all()
    assert halt_store.shared_state() == SharedState()
    assert RateLimitRow.get(f"{GUILD}:noticeboard").buckets == {"PUT role": "b"}


def test_a_halt_from_before_is_probed_and_lifted_as_any(halt_store: DynamoHaltStore) -> None:
    before(buckets={"PUT role": "b"}, halted_token="fingerprint", blocked_until=NOW - 9, blocked_why="address_banned")
    halt_store.lift(halt_store.shared_state())
    assert halt_store.shared_state() == SharedState()
