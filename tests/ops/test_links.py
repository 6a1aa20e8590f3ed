# ruff: noqa: E501 - a table of lines
"""Moving in from Alliance Auth, and out again."""

import io
import time
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest

from chalicelib.store import leaving, users
from chalicelib.store.cutoff import NO_CUTOFF, of_message
from chalicelib.store.rows import UserRow
from ops.links.bulk import Importer, Outcome
from ops.links.table import Record, Unreadable, read, write
from tests.ops.links import GUILD, linked
from tests.ops.world import Command, Said, World

HEADER = "user_id,uid,username,discriminator,activated\n"
ALICE = "1,300000000000000001,alice,0,2023-05-01 12:34:56.789\n"
BOB = "2,300000000000000002,bob,0042,2023-05-02 12:34:56+00:00\n"
NOON = 1_682_944_496  # 2023-05-01 12:34:56 UTC


@pytest.fixture
def store(empty_world: World) -> World:
    empty_world.build_for_discord()
    return empty_world


class MoveIn(Protocol):
    """Runs `import-links` on a file of this text."""

    def __call__(self, text: str, *options: str) -> Said: ...


@pytest.fixture
def move_in(store: World, ops: Command, tmp_path: Path) -> MoveIn:  # noqa: ARG001 - there must be a store
    def run(text: str, *options: str) -> Said:
        path = tmp_path / "links.csv"
        path.write_text(text, encoding="utf-8")
        return ops("import-links", str(path), "--threads", "1", *options)  # moto's tables are for one thread

    return run


# --- the file ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(HEADER + ALICE, id="as documented"),
        pytest.param("\ufeff" + HEADER + ALICE, id="with a byte order mark"),
        pytest.param("uid,activated,user_id,discriminator,username\n300000000000000001,2023-05-01 12:34:56,1,0,alice\n", id="another order"),
        pytest.param((HEADER + ALICE).replace(",", "\t"), id="tabs, as mysql writes"),
        pytest.param(' "USER_ID" , UID ,username,discriminator,activated\n' + ALICE, id="quoted and in capitals"),
        pytest.param((HEADER + ALICE).replace("\n", "\r\n"), id="line ends of Windows"),
        pytest.param(HEADER + "\n" + ALICE + "\n", id="empty lines"),
        pytest.param(HEADER + "1,300000000000000001,alice,0,1682944496\n", id="epoch seconds"),
    ],
)  # fmt: skip
def test_a_line_is_read_however_the_table_was_exported(text: str) -> None:
    (record,) = read(io.StringIO(text, newline="")).records
    assert (record.user_id, record.discord_id) == ("1", 300000000000000001)
    assert (record.username, record.discriminator, record.activated_at) == ("alice", "0", NOON)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (",300000000000000001,a,0,", "user_id is empty"),
        ("1,,a,0,", "uid is empty"),
        ("1,3.00000000000E+17,a,0,", "rounded by a spreadsheet"),
        ("1,alice,a,0,", "not a Discord id"),
        ("1,99999999999999999999,a,0,", "not a Discord id"),
        ("1,300000000000000001,a,0,yesterday", "not a time"),
        ("1,300000000000000001,a,0,1999-01-01", "before there was Discord"),
        ("1,300000000000000001,a,#12,", "discriminator"),
        ("1,300000000000000001," + "a" * 33 + ",0,", "longer than 32"),
        ("1,300000000000000001,a", "has 3 fields"),
        ("\x1b[31m,300000000000000001,a,0,", "unprintable"),
    ],
)
def test_a_bad_line_is_named_by_its_number(line: str, why: str) -> None:
    found = read(io.StringIO(HEADER + BOB + line + "\n"))
    assert [record.user_id for record in found.records] == ["2"]
    assert [bad.line for bad in found.bad] == [3]
    assert why in found.bad[0].why


def test_what_a_database_leaves_empty_is_empty() -> None:
    (record,) = read(io.StringIO(HEADER + "1,300000000000000001,NULL,\\N,NULL\n")).records
    assert record == Record(2, "1", 300000000000000001, "", "", None)


def test_a_file_of_mysql_is_read_as_mysql_writes_it() -> None:
    names = [
        '"quote',
        'in"side',
        "tab\\there",
        "line\\nend",
        "back\\\\slash",
        "\\\\N",
        "nul\\0",
        "null",
        "none",
        "NULL",
    ]
    lines = [f"{n}\t{300000000000000000 + n}\t{name}\t0\tNULL\n" for n, name in enumerate(names, 1)]
    found = read(io.StringIO(HEADER.replace(",", "\t") + "".join(lines), newline=""))
    assert found.bad == ()
    assert [record.username for record in found.records] == [
        '"quote', 'in"side', "tab\there", "line\nend", "back\\slash", "\\N", "nul\0", "null", "none", ""
    ]  # fmt: skip
    assert {record.activated_at for record in found.records} == {None}


def test_a_spreadsheets_tabs_with_quotes_are_read_as_quoted() -> None:
    text = '"user_id"\t"uid"\t"username"\n"1"\t"300000000000000001"\t"say ""hi"""\n'
    (record,) = read(io.StringIO(text, newline="")).records
    assert (record.user_id, record.username) == ("1", 'say "hi"')


@pytest.mark.parametrize(
    "name", ['"quote', 'a "b" c', "a,b", "back\\slash", "\\n", "\\t", "line\nend", "null", "none", "a;b", "tab\tstop"]
)
def test_what_is_written_is_read_as_it_was(name: str) -> None:
    record = Record(2, "1", 300000000000000001, name, "0", NOON)
    out = io.StringIO(newline="")
    write([record], out)
    out.seek(0)
    (back,) = read(out).records
    assert replace(back, line=2) == record


def test_lines_that_contradict_each_other_are_all_left_out() -> None:
    found = read(io.StringIO(HEADER + ALICE + "3,300000000000000001,,,\n" + BOB + "2,300000000000000009,,,\n"))
    assert not found.records
    assert [(bad.line, bad.why) for bad in found.bad] == [
        (2, "Discord id 300000000000000001 is also on line 3"),
        (3, "Discord id 300000000000000001 is also on line 2"),
        (4, "user 2 is also on line 5"),
        (5, "user 2 is also on line 4"),
    ]


def test_a_line_that_stands_there_twice_counts_once() -> None:
    found = read(io.StringIO(HEADER + ALICE + ALICE))
    assert (len(found.records), found.bad, found.repeated) == (1, (), 1)


@pytest.mark.parametrize("header", ["user_id,username\n", "300000000000000001,1\n", "", "uid,uid,user_id\n"])
def test_a_file_without_its_columns_is_refused_whole(header: str) -> None:
    with pytest.raises(Unreadable):
        read(io.StringIO(header + ALICE))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "the file is empty"),
        (HEADER, "the file holds no line"),
        ("colour\n" + ALICE, "user_id and uid are missing"),
        ("uid\n" + ALICE, "user_id is missing"),
    ],
    ids=["empty", "header only", "no columns", "one column"],
)
def test_a_file_without_a_link_is_refused_with_the_reason(move_in: "MoveIn", text: str, why: str) -> None:
    said = move_in(text)
    assert (said.code, said.out) == (1, "")
    assert why in said.err


# --- the store --------------------------------------------------------------------------------------------------


def test_links_are_there_after_an_import_and_nothing_else_is_known_of_them(move_in: MoveIn) -> None:
    said = move_in(HEADER + ALICE + BOB)
    user = users.get("2", now=time.time())
    assert said.code == 0
    assert user is not None
    assert user.link is not None
    assert (user.link.account.shown, user.link.activated_at) == ("bob#0042", NOON + 86_400)
    assert (user.groups, user.synced_at, user.deleted_at) == (None, None, None)
    assert users.owner_of(300000000000000002) == "2"
    assert [one.user_id for one in users.links_between(GUILD, 0, 2**63 - 1)] == ["1", "2"]


def test_an_import_forgets_a_removal_whose_time_is_over(move_in: MoveIn) -> None:
    long_ago = time.time() - 10 * 86_400
    users.record_groups("1", ("Old",), 1, now=long_ago, sent_at=long_ago)
    user = users.get("1", now=long_ago)
    leaving.begin("1", user, of_message(long_ago), changed_at=None, now=long_ago)
    move_in(HEADER + ALICE)
    user = users.get("1", now=time.time())
    assert user is not None
    assert user.link is not None
    assert (user.is_deleted, user.wanted, user.groups_sent, user.barred) == (False, None, 0.0, NO_CUTOFF)


def test_a_second_import_changes_nothing_and_says_so(move_in: MoveIn) -> None:
    move_in(HEADER + ALICE + BOB)
    before = users.get("1", now=time.time())
    said = move_in(HEADER + ALICE + BOB)
    assert said.code == 0
    assert "Nothing changed" in said.out
    assert users.get("1", now=time.time()) == before


def test_an_import_that_was_cut_off_is_finished_by_the_next(move_in: MoveIn) -> None:
    move_in(HEADER + ALICE)
    said = move_in(HEADER + ALICE + BOB, "--json")
    assert (said.json["imported"], said.json["already_there"]) == (1, 1)


def test_groups_that_the_auth_site_stated_before_survive_an_import(move_in: MoveIn) -> None:
    users.record_groups("1", ("Fleet",), 1_700_000_000_000, now=time.time())
    move_in(HEADER + ALICE)
    user = users.get("1", now=time.time())
    assert user is not None
    assert user.groups == ("Fleet",)
    assert not user.settled


def test_groups_whose_time_was_over_do_not_come_back_with_an_import(move_in: MoveIn) -> None:
    users.record_groups("1", ("Fleet",), 1_700_000_000_000, now=time.time() - 30 * 86_400)
    move_in(HEADER + ALICE)
    user = users.get("1", now=time.time())
    assert user is not None
    assert user.groups is None


@pytest.mark.parametrize(
    ("user_id", "discord_id", "why"),
    [
        ("9", 300000000000000001, "Discord id 300000000000000001 is linked to user 9 already"),
        ("1", 300000000000000099, "user 1 is linked to Discord id 300000000000000099 already"),
    ],
)
def test_what_contradicts_the_store_is_refused_and_its_neighbours_are_not(
    store: World, move_in: MoveIn, user_id: str, discord_id: int, why: str
) -> None:
    linked(store, user_id, discord_id)
    said = move_in(HEADER + ALICE + BOB)
    assert said.code == 1
    assert why in said.out
    assert users.owner_of(300000000000000002) == "2"


def test_a_user_whom_the_auth_site_deleted_stays_deleted(move_in: MoveIn) -> None:
    leaving.begin("1", None, of_message(time.time()), changed_at=None, now=time.time())
    said = move_in(HEADER + ALICE)
    assert "deleted user 1" in said.out
    assert users.owner_of(300000000000000001) is None


def test_a_link_that_somebody_makes_meanwhile_wins_and_the_others_are_imported(store: World) -> None:
    class Overtaken(Importer):
        def _write(self, records: list[Record], known: object) -> bool:
            if users.owner_of(300000000000000001) is None:
                linked(store, "9", 300000000000000001)  # between the look and the write
            return super()._write(records, known)  # type: ignore[arg-type]  # passed on as it came

    importer = Overtaken(store.stage().connect(), GUILD, now=time.time(), sleep=lambda _: None)
    verdicts = importer.put([Record(2, "1", 300000000000000001), Record(3, "2", 300000000000000002)])
    assert {verdict.record.line: verdict.outcome for verdict in verdicts} == {2: Outcome.REFUSED, 3: Outcome.NEW}


def test_a_dry_run_imports_nothing(move_in: MoveIn) -> None:
    said = move_in(HEADER + ALICE, "--dry-run")
    assert "1 link would be imported" in said.out
    assert users.get("1", now=time.time()) is None


def test_an_unknown_column_is_reported_and_with_strict_refused(move_in: MoveIn) -> None:
    links = "user_id,uid,colour\n1,300000000000000001,red\n"
    assert move_in(links, "--strict").code == 1
    assert users.get("1", now=time.time()) is None
    said = move_in(links)
    assert "colour" in said.err
    assert users.get("1", now=time.time()) is not None


def test_more_lines_than_fit_a_transaction_are_imported_all(move_in: MoveIn) -> None:
    lines = "".join(f"{n},{300000000000000000 + n},pilot{n},0,\n" for n in range(1, 72))
    move_in(HEADER + lines)
    assert UserRow.links.count(str(GUILD)) == 71


def test_what_was_imported_is_exported_as_it_came(move_in: MoveIn, ops: Command, tmp_path: Path) -> None:
    move_in(HEADER + BOB + ALICE)
    out = tmp_path / "out.csv"
    said = ops("export-links", str(out))
    assert "2 links written" in said.out
    assert out.read_text() == (
        "user_id,uid,username,discriminator,activated\n"
        "1,300000000000000001,alice,0,2023-05-01 12:34:56\n"
        "2,300000000000000002,bob,0042,2023-05-02 12:34:56\n"
    )


def test_a_file_that_is_not_there_is_said_in_words(ops: Command) -> None:
    said = ops("import-links", "nowhere.csv")
    assert (said.code, said.out) == (1, "")
    assert "nowhere.csv cannot be read" in said.err
