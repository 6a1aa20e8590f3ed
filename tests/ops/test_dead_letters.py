"""Messages that were set aside: seen, sent back, discarded."""

import io
import json
import shlex
import time

import pytest

from tests.ops.world import STAGE, Command, World

JOBS, BULK = f"rolecall-{STAGE}-jobs", f"rolecall-{STAGE}-bulk"
UPDATE = '{"kind": "update_all", "user_id": "17"}'
GIVEN_UP = "given up after 4 tries: Discord answered 503/0"


@pytest.fixture
def letters(empty_world: World) -> World:
    empty_world.create_queues()
    return empty_world


def test_an_empty_list_is_fine(letters: World, ops: Command) -> None:  # noqa: ARG001
    said = ops("dead-letters", "list")
    assert (said.code, said.out) == (0, "There are no dead letters.\n")


def test_the_list_tells_reason_kind_user_and_tries_and_leaves_all_where_they_are(letters: World, ops: Command) -> None:
    letters.set_aside(UPDATE, reason=GIVEN_UP, queue=JOBS, tries="3", since="1700000000.5")
    for _ in range(2):  # reading hides letters; they must be there again at once
        said = ops("dead-letters", "list")
        assert said.code == 1
        for word in ("update_all", "17", GIVEN_UP, "jobs", "3"):
            assert word in said.out


def test_the_list_can_be_read_by_a_program(letters: World, ops: Command) -> None:
    letter_id = letters.set_aside(UPDATE, reason=GIVEN_UP, queue=JOBS, tries="3", since="1700000000.5")
    (letter,) = ops("dead-letters", "list", "--json").json
    assert letter["id"] == letter_id
    assert (letter["kind"], letter["user_id"], letter["tries"], letter["since"]) == (
        "update_all",
        "17",
        3,
        1700000000.5,
    )


def test_one_letter_is_shown_whole_but_for_secrets(letters: World, ops: Command) -> None:
    body = json.dumps({"kind": "fly", "user_id": "1", "token": "abc", "note": "eyJhbGciOi.eyJzdWIiOi.c2ln"})
    letter_id = letters.set_aside(body, reason="bad message: unknown kind", queue=JOBS)
    for name in ("1", letter_id[:6]):
        said = ops("dead-letters", "show", name)
        assert said.code == 0
        assert '"kind": "fly"' in said.out
        assert "abc" not in said.out
        assert "eyJ" not in said.out


def test_one_letter_is_shown_with_what_it_asks_for(letters: World, ops: Command) -> None:
    letters.set_aside('{"kind": "delete_user", "user_id": "1"}', reason="500", queue=JOBS)
    assert "remove the member from the guild and delete the link" in " ".join(
        ops("dead-letters", "show", "1").out.split()
    )


@pytest.mark.parametrize(("queue", "function"), [(JOBS, "sync_jobs"), (BULK, "sync_bulk")])
def test_one_letter_is_shown_with_the_command_that_finds_its_log(
    letters: World, ops: Command, queue: str, function: str
) -> None:
    letters.set_aside(UPDATE, reason=GIVEN_UP, queue=queue, trace="7f3c ab'12", since=str(time.time() - 200_000))
    log = f"aws logs tail /aws/lambda/rolecall-prod-{function} --since 4d --filter-pattern "
    assert log + shlex.quote('"7f3c ab\'12"') in ops("dead-letters", "show", "1").out


def test_a_reason_that_no_letter_has_is_said_so(letters: World, ops: Command) -> None:
    letters.set_aside(UPDATE, reason=GIVEN_UP, queue=JOBS)
    listed = ops("dead-letters", "list", "--reason", "nosuch")
    assert (listed.code, listed.out) == (0, "None: of 1 dead letter no reason contains 'nosuch'.\n")
    for action in ("redrive", "discard"):
        said = ops("dead-letters", action, "--reason", "nosuch")
        assert (said.code, said.out) == (1, "")
        assert "no reason contains 'nosuch'" in said.err


@pytest.mark.parametrize("columns", ["40", "60"])
def test_on_a_narrow_terminal_no_id_and_no_number_is_broken(
    letters: World, ops: Command, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    letter_id = letters.set_aside(UPDATE, reason=GIVEN_UP, queue=JOBS, tries="3")
    (row,) = [line for line in ops("dead-letters", "list").out.splitlines() if letter_id[:8] in line]
    assert {"update_all", "17", "3"} <= set(row.split())


def test_a_letter_goes_back_where_it_came_from_with_its_body_and_when_it_was_first_sent(
    letters: World, ops: Command
) -> None:
    letters.set_aside(UPDATE, reason=GIVEN_UP, queue=JOBS, tries="3", since="1767225600.000")
    said = ops("dead-letters", "redrive", "1")
    assert said.code == 0
    (message,) = letters.sqs.receive_message(QueueUrl=letters.queue_url("jobs"), MessageAttributeNames=["All"])[
        "Messages"
    ]
    assert message["Body"] == UPDATE
    noted = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert noted == {"since": "1767225600.000"}
    assert letters.bodies("dead-letters") == []


@pytest.mark.parametrize(
    ("arguments", "left"),
    [(["--all"], 0), (["--reason", "503"], 1), (["1"], 2)],
    ids=["all", "by reason", "by number"],
)
def test_letters_are_chosen_by_number_by_reason_or_all(
    letters: World, ops: Command, arguments: list[str], left: int
) -> None:
    letters.set_aside(UPDATE, reason=GIVEN_UP, queue=JOBS)
    letters.set_aside(UPDATE, reason=GIVEN_UP, queue=BULK)
    letters.set_aside(UPDATE, reason="another", queue=JOBS)
    ops("dead-letters", "redrive", *arguments)
    assert len(letters.bodies("dead-letters")) == left


@pytest.mark.parametrize(
    ("body", "queue"),
    [(UPDATE, "jobs"), ('{"kind": "survey", "sweep_id": "x"}', "bulk")],
)
def test_what_sqs_set_aside_by_itself_goes_back_by_what_it_is(
    letters: World, ops: Command, body: str, queue: str
) -> None:
    letters.set_aside(body)
    ops("dead-letters", "redrive", "--all")
    assert letters.bodies(queue) == [body]


def test_what_nobody_can_read_goes_back_only_where_it_is_told_to(letters: World, ops: Command) -> None:
    letters.set_aside("no json")
    said = ops("dead-letters", "redrive", "--all")
    assert said.code == 1
    assert "--to jobs" in said.err
    assert ops("dead-letters", "redrive", "--all", "--to", "jobs").code == 0
    assert letters.bodies("jobs") == ["no json"]


def test_discarding_throws_away_what_was_named_and_nothing_else(letters: World, ops: Command) -> None:
    letters.set_aside(UPDATE, reason="this")
    letters.set_aside(UPDATE, reason="that")
    assert ops("dead-letters", "discard", "--reason", "this", "--yes").code == 0
    (letter,) = ops("dead-letters", "list", "--json").json
    assert letter["reason"] == "that"


def test_discarding_without_anybody_to_ask_needs_yes(
    letters: World, ops: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters.set_aside(UPDATE)
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    said = ops("dead-letters", "discard", "--all")
    assert said.code == 2
    assert "--yes" in said.err
    assert len(letters.bodies("dead-letters")) == 1


@pytest.mark.parametrize(("answer", "left"), [("y\n", 0), ("n\n", 1), ("\n", 1), ("", 1)])
def test_on_a_terminal_discarding_asks_first(
    letters: World, ops: Command, monkeypatch: pytest.MonkeyPatch, answer: str, left: int
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    letters.set_aside(UPDATE, reason="this one")
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    said = ops("dead-letters", "discard", "--all")
    assert "this one" in said.err
    assert len(letters.bodies("dead-letters")) == left


@pytest.mark.parametrize("arguments", [[], ["1", "--all"]], ids=["none", "two ways"])
def test_which_letters_must_be_said_in_one_way(letters: World, ops: Command, arguments: list[str]) -> None:  # noqa: ARG001
    assert ops("dead-letters", "redrive", *arguments).code == 2


def test_a_letter_that_is_not_there_is_said_not_to_be(letters: World, ops: Command) -> None:  # noqa: ARG001
    said = ops("dead-letters", "show", "4")
    assert (said.code, said.out) == (1, "")
    assert "no dead letter number 4" in said.err
