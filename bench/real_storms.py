"""Storms on the real local stack: packaged functions, HTTP, real windows, real time.

Statements are posted in batches of ten, as the app for Alliance Auth posts them. When something was written, and how
long a single change took, is read from what the local Discord received.

Whatever is posted waits behind what is in the queue already, as long as the functions take for that. One machine runs
them all, the local AWS and Discord too: it is slower by far than Lambda. So where a single change is timed in the
middle of a storm, statements are posted as fast as they are taken; behind a thousand at once it is only reported.
"""

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from math import ceil
from statistics import median
from typing import TypeVar

from bench.figures import Figure, at_least, at_most
from bench.stack import connect
from chalicelib.store import users
from chalicelib.store.rows import AccountRow, UserRow
from local.auth_site import AuthSite
from local.discord.control import Control
from local.discord.views import Received
from local.up import Up, everything

Item = TypeVar("Item")

SECRET = "an auth site's secret for the benchmark"
SPARE = 5  # requests that a storm may take beyond the list
BOTH = {"Member", "Other"}
WRITES = ("PUT", "PATCH")
BATCH = 10  # messages
MIDDLE = 100  # statements before a single change in the middle of a storm, and as many after it
IN_QUEUE = 10  # messages that wait there at most
ROUNDS = 5  # of these
MEANWHILE = 6  # single changes that are posted while the large storm lasts
MEANWHILE_EVERY = 15.0  # seconds between two of them
SHARE = 0.8  # of the bucket's capacity while it writes
SLOWEST = 300.0  # seconds
CALM = 12.0  # seconds until a process no longer knows of a storm: `REMEMBERED` in members/storms.py, and a little
GLANCE = 0.5  # seconds between two looks at whether all is done, and
GLANCED = 20  # members in each: more would slow down what is measured


def real_storms(sizes: list[int], differ: int) -> list[Figure]:
    """Statements for members who are right already; for the most of them of whom `differ` are not; single changes in
    the middle of both.
    """
    environ = {"PATH": os.environ["PATH"], "AUTH_SITE_SECRET": SECRET, "UPDATE_ALL_SCHEDULE": "rate(7 days)"}
    with everything(environ) as up:
        stack = _Stack(up, max(sizes))
        stack.warm_up()
        found = [_right_already(stack, size) for size in sizes]
        found += _single_in_the_middle(stack)
        found += _some_differ(stack, differ)
        limited = sum(one.status == 429 for one in stack.discord.received())
    busy = f"at the end a load of {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    return [*found, at_most("— 429s in all of them", limited, 0, note=busy)]


def _right_already(stack: "_Stack", size: int) -> Figure:
    time.sleep(CALM)
    asked, began = len(stack.discord.received()), time.monotonic()
    stack.until_settled(stack.state(stack.ids[:size]))
    took = time.monotonic() - began
    made = Counter(one.route for one in stack.discord.received()[asked:])
    note = f"{took:.0f} s; {', '.join(f'{times} {route}' for route, times in sorted(made.items()))}"
    limit = ceil(len(stack.ids) / 1000) + SPARE
    return at_most(f"local stack, storm: requests, {size:,} statements, all right", made.total(), limit, note=note)


def _single_in_the_middle(stack: "_Stack") -> list[Figure]:
    time.sleep(CALM)
    posted, others = {}, stack.ids[ROUNDS : ROUNDS + MIDDLE]
    asked = len(stack.discord.received())
    stated = stack.feed(others)
    for single in stack.ids[:ROUNDS]:
        posted[single] = stack.give(single)
        stated = stack.feed(others)
    stack.until_settled(stated)
    _until(lambda: stack.are_right(posted, BOTH))
    waits = _waits(stack.discord.received()[asked:], posted)
    name = f"— seconds of a change after and before {MIDDLE} statements, median"
    return [
        at_most(name, median(waits), 1, shown="{:.1f}", note=_shown(waits)),
        at_most("— the same, slowest", max(waits), 5, shown="{:.1f}"),
    ]


def _some_differ(stack: "_Stack", differ: int) -> list[Figure]:
    singles, others = stack.ids[ROUNDS : ROUNDS + MEANWHILE], stack.ids[ROUNDS + MEANWHILE :]
    wrong = others[:: len(others) // differ][:differ]
    for discord_id in wrong:
        stack.discord.change_member(discord_id, take=["Member"])
    time.sleep(CALM)
    asked, began = len(stack.discord.received()), time.time()
    stated, posted = stack.state(others), {}
    for number, single in enumerate(singles):
        _until(lambda number=number: time.time() >= began + number * MEANWHILE_EVERY)  # type: ignore[misc]
        posted[single] = stack.give(single)
    stack.until_settled(stated)
    _until(lambda: stack.are_right(wrong, {"Member"}) and stack.are_right(singles, BOTH))
    received = stack.discord.received()[asked:]
    note = f"{_shown(_waits(received, posted))}; one every {MEANWHILE_EVERY:.0f} s, the first behind all statements"
    return [
        *_pace(received, began, len(others), differ),
        Figure("— seconds of changes posted meanwhile", f"{median(_waits(received, posted)):.1f}", note=note),
    ]


def _pace(received: Sequence[Received], began: float, statements: int, differ: int) -> list[Figure]:
    """How much longer the storm took than its writes, and how near to the limit those were."""
    writes = [one.at for one in received if one.method in WRITES]
    took, alone = writes[-1] - began, writes[-1] - writes[0]
    name = f"— {statements:,} statements of whom {differ} differ ÷ the writes alone, first to last"
    return [
        at_most(name, took / alone, 1.1, shown="{:.2f}", note=f"{took:.0f} s and {alone:.0f} s"),
        at_least("— share of the bucket's capacity meanwhile", len(writes) / alone, SHARE, shown="{:.1%}"),
    ]


def _waits(received: Sequence[Received], posted: Mapping[str, float]) -> list[float]:
    """How many seconds each of these changes, posted then, took to reach Discord."""
    writes = [one for one in received if one.method in WRITES]
    return [next(one.at for one in writes if f"/members/{single}" in one.path) - at for single, at in posted.items()]


def _shown(waits: Sequence[float]) -> str:
    return ", ".join(f"{wait:.1f}" for wait in waits)


class _Stack:
    """A guild all of whose members are linked, hold the role Member and should hold it."""

    def __init__(self, up: Up, members: int) -> None:
        self.up = up
        self.discord = Control(up.discord_url)
        self._sqs = up.aws.client("sqs")
        self.site = AuthSite(
            self._sqs, secret=SECRET, jobs_queue_url=up.aws.jobs_queue_url, notices_queue_url=up.aws.notices_queue_url
        )
        for role in ("Member", "Other"):
            self.discord.create_role(role)
        self.ids = sorted(self.discord.add_members(members, roles=["Member"]), key=int)
        connect(up)
        with UserRow.batch_write() as linked:
            for discord_id in self.ids:
                linked.save(self._user(discord_id))
        with AccountRow.batch_write() as accounts:
            for discord_id in self.ids:
                accounts.save(AccountRow(int(discord_id), user_id=f"user-{discord_id}"))

    def _user(self, discord_id: str) -> UserRow:
        return UserRow(
            f"user-{discord_id}",
            version=1,
            groups=["Member"],
            groups_at=1,
            guild_id=self.up.aws.settings["DISCORD_GUILD_ID"],
            discord_id=int(discord_id),
            activated_at=1,
            synced_at=1,
            synced_version=1,
            imported_at=0,
        )

    def warm_up(self) -> None:
        """Let each function start, learn the usernames, and let the rate limits be learnt."""
        self.up.aws.invoke("update_all", {"force": True})
        for groups in (sorted(BOTH), ["Member"]):
            self.site.groups(f"user-{self.ids[0]}", groups)
            _until(lambda groups=groups: self.are_right(self.ids[:1], set(groups)))  # type: ignore[misc]

    def give(self, single: str) -> float:
        """State one more role for this member; when that was posted (epoch seconds)."""
        at = time.time()
        self.site.groups(f"user-{single}", sorted(BOTH))
        return at

    def state(self, ids: Sequence[str]) -> dict[str, int]:
        """State these users as they are; the `changed_at` of each."""
        stamps = {one: self.site.stamp() for one in ids}
        for batch in batched(stamps.items(), BATCH):
            entries = [
                {"Id": discord_id, "MessageBody": json.dumps(_statement(discord_id, stamp))}
                for discord_id, stamp in batch
            ]
            self._sqs.send_message_batch(QueueUrl=self.up.aws.jobs_queue_url, Entries=entries)
        return stamps

    def feed(self, ids: Sequence[str]) -> dict[str, int]:
        """The same, as fast as the functions take them."""
        stamps: dict[str, int] = {}
        for batch in batched(ids, BATCH):
            _until(lambda: self._in_queue() <= IN_QUEUE, glance=0.05)
            stamps |= self.state(batch)
        return stamps

    def _in_queue(self) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        known = self._sqs.get_queue_attributes(QueueUrl=self.up.aws.jobs_queue_url, AttributeNames=names)["Attributes"]
        return sum(int(known[name]) for name in names)

    def until_settled(self, stamps: Mapping[str, int]) -> None:
        """Wait until each of these members was brought to Discord as stated then."""
        left = list(stamps.items())

        def is_done() -> bool:
            while some := left[:GLANCED]:
                known = users.several([f"user-{discord_id}" for discord_id, _ in some], now=time.time())
                stored = [(known[f"user-{discord_id}"], stamp) for discord_id, stamp in some]
                if not all(user.groups_at >= stamp and user.settled for user, stamp in stored):
                    return False
                del left[:GLANCED]
            return True

        _until(is_done)

    def are_right(self, ids: Iterable[str], roles: set[str]) -> bool:
        """Whether each of these members holds just these roles."""
        members = {member.id: set(member.roles) for member in self.discord.state().members}
        return all(members[one] == roles for one in ids)


def _statement(discord_id: str, stamp: int) -> dict[str, object]:
    return {"kind": "update_groups", "user_id": f"user-{discord_id}", "groups": ["Member"], "changed_at": stamp}


def batched(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """The items in lists of at most `size`. (`itertools` has it from Python 3.12 on.)"""
    left = iter(items)
    while batch := list(islice(left, size)):
        yield batch


def _until(holds: Callable[[], bool], *, glance: float = GLANCE) -> None:
    deadline = time.monotonic() + SLOWEST
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError("the guild did not become right")
        time.sleep(glance)
