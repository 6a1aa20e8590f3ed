"""The file format: Alliance Auth's table of Discord accounts, as CSV or as `mysql --batch` writes it, with tabs.

With tabs a quote is an ordinary character, and a backslash escapes the next one
(https://dev.mysql.com/doc/refman/8.4/en/mysql-command-options.html#option_mysql_batch).

Every line is checked, and faults are reported with the line number. Pure, except for reading the file.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, TextIO

COLUMNS = ("user_id", "uid", "username", "discriminator", "activated")
REQUIRED = ("user_id", "uid")
NOTHING = ("", "NULL", "\\N")  # how databases write that a field is empty
NOTHING_BUT_A_NAME = ("null", "none", "\\n")  # in any case; people are called so, and ids or times are not
ESCAPED = {"t": "\t", "n": "\n", "0": "\0", "\\": "\\"}  # what `mysql --batch` writes after a backslash
MAX_USER_ID = 256  # characters, as in messages
MAX_USERNAME = 32  # characters; https://discord.com/developers/docs/resources/user
LAST_ID = 2**63  # Discord ids are below it
FIRST_DISCORD = 1_420_070_400  # epoch seconds: Discord's own epoch, 2015-01-01; nobody linked before


@dataclass(frozen=True, slots=True)
class Record:
    """One link. `activated_at` is epoch seconds, None if the file does not say."""

    line: int
    user_id: str
    discord_id: int
    username: str = ""
    discriminator: str = ""
    activated_at: int | None = None


@dataclass(frozen=True, slots=True)
class Bad:
    """A line that is not imported, and why."""

    line: int
    why: str


@dataclass(frozen=True, slots=True)
class File:
    """The content of a file. `unknown`: columns that are not used; `repeated`: lines equal to an earlier one."""

    records: tuple[Record, ...]
    bad: tuple[Bad, ...]
    unknown: tuple[str, ...] = ()
    repeated: int = 0


class _Reader(Protocol):
    """The type that csv.reader returns."""

    @property
    def line_num(self) -> int:
        """The number of lines read so far."""
        ...

    def __iter__(self) -> Iterator[list[str]]:
        """Iterate over the fields of each line."""
        ...


class Unreadable(Exception):
    """The file cannot be used at all; the text says why."""


def read(lines: TextIO) -> File:
    """Read the whole file. Raises Unreadable."""
    header = lines.readline().removeprefix("\ufeff")
    delimiter = max(",\t;", key=header.count)
    names = [_column(name) for name in next(csv.reader([header], delimiter=delimiter), [])]
    missing = [name for name in REQUIRED if name not in names]
    if not header.strip():
        raise Unreadable("the file is empty, or its first line is")
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise Unreadable(f"the first line must name the columns; {' and '.join(missing)} {verb} missing")
    twice = [name for name in COLUMNS if names.count(name) > 1]
    if twice:
        raise Unreadable(f"the first line names {twice[0]} twice")
    unquoted = delimiter == "\t" and '"' not in header
    reader = csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE if unquoted else csv.QUOTE_MINIMAL)
    try:
        read = list(_reporter(reader, names, escaped=unquoted))
    except csv.Error as error:
        raise Unreadable(f"line {reader.line_num + 1}: {error}") from None
    if not read:
        raise Unreadable("the file holds no line but the one that names the columns")
    unknown = tuple(name for name in names if name not in COLUMNS)
    return _without_duplicates(read, unknown)


def _column(name: str) -> str:
    """Normalise a column name: `discord_discorduser.uid`, ` UID ` and `"uid"` all become uid."""
    return name.strip().strip("\"'`").casefold().rsplit(".", 1)[-1]


def _reporter(reader: "_Reader", names: list[str], *, escaped: bool) -> Iterator[Record | Bad]:
    for fields in reader:
        line = reader.line_num + 1  # the first line was read before
        if not any(field.strip() for field in fields):
            continue
        if len(fields) != len(names):
            yield Bad(line, f"has {len(fields)} fields, the first line {len(names)}")
            continue
        try:
            yield _record(line, {n: _text(f, n, escaped=escaped) for n, f in zip(names, fields, strict=True)})
        except ValueError as error:
            yield Bad(line, str(error))


def _text(field: str, name: str, *, escaped: bool) -> str:
    field = field.strip()
    if field in NOTHING or (name != "username" and field.casefold() in NOTHING_BUT_A_NAME):
        return ""
    return re.sub(r"\\([tn0\\])", lambda found: ESCAPED[found[1]], field) if escaped else field


def _record(line: int, fields: dict[str, str]) -> Record:
    """Read one line. Raises ValueError with what is wrong."""
    return Record(
        line=line,
        user_id=_user_id(fields["user_id"]),
        discord_id=_discord_id(fields["uid"]),
        username=_username(fields.get("username", "")),
        discriminator=_discriminator(fields.get("discriminator", "")),
        activated_at=_activated(fields.get("activated", "")),
    )


def _user_id(text: str) -> str:
    if not text:
        raise ValueError("user_id is empty")
    if len(text) > MAX_USER_ID or not text.isprintable():
        raise ValueError("user_id is over-long, or has unprintable characters")
    return text


def _discord_id(text: str) -> int:
    if not text:
        raise ValueError("uid is empty")
    if "e+" in text.casefold() or "." in text:
        raise ValueError(f"uid {text} was rounded by a spreadsheet; export the table again and do not open it in one")
    if not (text.isascii() and text.isdigit() and 0 < int(text) < LAST_ID):
        raise ValueError(f"uid {text[:40]!r} is not a Discord id")
    return int(text)


def _username(text: str) -> str:
    if len(text) > MAX_USERNAME:
        raise ValueError(f"username is longer than {MAX_USERNAME} characters")
    return text


def _discriminator(text: str) -> str:
    if text and not (text.isascii() and text.isdigit() and len(text) <= 4):
        raise ValueError(f"discriminator {text[:40]!r} is not a number of up to four digits")
    return text if text in ("", "0") else text.zfill(4)


def _activated(text: str) -> int | None:
    """Read a time as databases write it, in UTC unless it has an offset, or as epoch seconds."""
    if not text:
        return None
    try:
        if text.isascii() and text.isdigit():
            seconds = int(text)
        else:
            when = datetime.fromisoformat(text)
            seconds = int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        raise ValueError(f"activated {text[:40]!r} is not a time such as 2024-05-01 12:34:56") from None
    if seconds < FIRST_DISCORD:
        raise ValueError(f"activated {text[:40]!r} lies before there was Discord")
    return seconds


def _without_duplicates(read: list[Record | Bad], unknown: tuple[str, ...]) -> File:
    """Reject all lines that contradict each other: the file does not say which is right."""
    records = [one for one in read if isinstance(one, Record)]
    bad = [one for one in read if isinstance(one, Bad)]
    pairs: dict[tuple[str, int], Record] = {}
    for record in records:
        pairs.setdefault((record.user_id, record.discord_id), record)
    by_user, by_account = _grouped(pairs.values())
    good = []
    for record in pairs.values():
        rivals = by_account[record.discord_id]
        others = by_user[record.user_id]
        if len(rivals) > 1:
            bad.append(Bad(record.line, f"Discord id {record.discord_id} is also on line {_others(record, rivals)}"))
        elif len(others) > 1:
            bad.append(Bad(record.line, f"user {record.user_id} is also on line {_others(record, others)}"))
        else:
            good.append(record)
    return File(tuple(good), tuple(sorted(bad, key=lambda one: one.line)), unknown, len(records) - len(pairs))


def _grouped(records: Iterable[Record]) -> tuple[dict[str, list[Record]], dict[int, list[Record]]]:
    by_user: dict[str, list[Record]] = {}
    by_account: dict[int, list[Record]] = {}
    for record in records:
        by_user.setdefault(record.user_id, []).append(record)
        by_account.setdefault(record.discord_id, []).append(record)
    return by_user, by_account


def _others(record: Record, all_of_them: list[Record]) -> str:
    return ", ".join(str(one.line) for one in all_of_them if one is not record)


def write(records: Iterable[Record], out: TextIO) -> None:
    """Write the file; times are in UTC."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in records:
        when = (
            "" if not one.activated_at else datetime.fromtimestamp(one.activated_at, UTC).strftime("%Y-%m-%d %H:%M:%S")
        )
        writer.writerow((one.user_id, one.discord_id, one.username, one.discriminator, when))
