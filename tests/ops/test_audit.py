"""The audit trail of all users."""

import time
from dataclasses import replace

import pytest

from chalicelib.store import audit
from chalicelib.store.audit import Entry
from tests.ops.world import Command, World

NOW = time.time()
ENTRY = Entry("17", 5, NOW - 60, "sweep 7", "t", given=("Fleet",), taken=("Miners",))
OFFICER = Entry(audit.THE_SERVER, 0, NOW - 30, "Vera (officers' page)", "t", what="sweep started")


@pytest.fixture
def trail(empty_world: World) -> World:
    empty_world.build_for_discord()
    for entry in (ENTRY, replace(ENTRY, user_id="18", at=NOW - 90, given=("Scouts",), taken=()), OFFICER):
        audit.keep(entry)
    return empty_world


def test_changes_of_all_users_are_shown_newest_first(trail: World, ops: Command) -> None:  # noqa: ARG001
    said = ops("audit")
    assert said.code == 0
    lines = said.out.splitlines()
    places = [next(at for at, line in enumerate(lines) if word in line) for word in ("sweep started", " 17 ", " 18 ")]
    assert places == sorted(places)
    assert "took Miners; gave Fleet" in said.out


@pytest.mark.parametrize(
    ("options", "users"),
    [
        (["--user", "17"], ["17"]),
        (["--role", "scout"], ["18"]),
        (["--by", "vera"], [audit.THE_SERVER]),
        (["--kind", "server"], [audit.THE_SERVER]),
        (["--role", "nothing"], []),
    ],
)
def test_they_are_filtered(trail: World, ops: Command, options: list[str], users: list[str]) -> None:  # noqa: ARG001
    assert [one["user_id"] for one in ops("audit", "--json", *options).json["entries"]] == users


def test_it_says_how_to_go_on(trail: World, ops: Command) -> None:  # noqa: ARG001
    first = ops("audit", "--most", "2", "--json").json
    rest = ops("audit", "--json", "--before", first["older"]).json
    assert [one["user_id"] for one in first["entries"] + rest["entries"]] == [audit.THE_SERVER, "17", "18"]
    assert rest["older"] is None
    assert "--before" in ops("audit", "--most", "2").err


@pytest.mark.parametrize("number", ["0", "501", "x", "²"])
def test_a_number_that_is_none_is_refused(ops: Command, number: str) -> None:
    with pytest.raises(SystemExit):
        ops("audit", "--most", number)
