"""Storms on the real local stack: packaged functions, HTTP, real windows, real time."""

import os
import time
from collections.abc import Callable
from math import ceil
from statistics import median

from bench.figures import Figure, at_most
from bench.stack import connect
from chalicelib.store import users
from chalicelib.store.rows import AccountRow, UserRow
from local.auth_site import AuthSite
from local.discord.control import Control
from local.up import Up, everything

SECRET = "an auth site's secret for the benchmark"
SPARE = 5  # requests that a storm may take beyond the list
SINGLES = 5  # single changes, each in the middle of a storm
SLOWEST = 900.0  # seconds
CALM = 20.0  # seconds until nothing of a storm is under way any more


def real_storms(sizes: list[int], differ: int) -> list[Figure]:
    """Statements for members who are right already; for the most of them of whom `differ` are not; single changes."""
    environ = {"PATH": os.environ["PATH"], "AUTH_SITE_SECRET": SECRET, "UPDATE_ALL_SCHEDULE": "rate(7 days)"}
    with everything(environ) as up:
        stack = _Stack(up, max(sizes))
        stack.warm_up()
        found = [_right_already(stack, size) for size in sizes]
        found += _some_differ(stack, differ)
        found += _single_in_the_middle(stack)
        limited = sum(one.status == 429 for one in stack.discord.received())
    return [*found, at_most("— 429s in all of them", limited, 0)]


def _right_already(stack: "_Stack", size: int) -> Figure:
    asked, began, ids = len(stack.discord.received()), time.monotonic(), stack.ids[:size]
    stamp = stack.state(ids)
    _until(lambda: stack.settled(ids, stamp))
    took = time.monotonic() - began
    requests = len(stack.discord.received()) - asked
    time.sleep(CALM)
    limit = ceil(len(stack.ids) / 1000) + SPARE
    return at_most(
        f"local stack, storm: requests, {size:,} statements, all right", requests, limit, note=f"{took:.0f} s"
    )


def _some_differ(stack: "_Stack", differ: int) -> list[Figure]:
    wrong = stack.ids[:: len(stack.ids) // differ][:differ]
    seconds = []
    for begin in (lambda: stack.up.aws.invoke("update_all", {}), lambda: stack.state(stack.ids)):
        for discord_id in wrong:
            stack.discord.change_member(discord_id, take=["Member"])
        began = time.monotonic()
        begin()
        _until(lambda: all(stack.roles(one) == {"Member"} for one in reversed(wrong)))
        seconds.append(time.monotonic() - began)
        time.sleep(CALM)
    sweep, storm = seconds
    name = f"— {len(stack.ids):,} statements of whom {differ} differ ÷ a sweep that writes the same"
    return [at_most(name, storm / sweep, 1.1, shown="{:.2f}", note=f"{storm:.0f} s and {sweep:.0f} s")]


def _single_in_the_middle(stack: "_Stack") -> list[Figure]:
    waits, half = [], len(stack.ids) // 2
    for number in range(SINGLES):
        single = stack.ids[half + number]
        stack.state(stack.ids[:half])
        asked = time.monotonic()
        stack.site.groups(f"user-{single}", ["Member", "Other"])
        stack.state(stack.ids[half + SINGLES :])
        _until(lambda single=single: stack.roles(single) == {"Member", "Other"})  # type: ignore[misc]
        waits.append(time.monotonic() - asked)
        time.sleep(CALM)
    return [
        at_most("— seconds of a change posted in the middle, median", median(waits), 1, shown="{:.1f}"),
        at_most("— the same, slowest", max(waits), 5, shown="{:.1f}", note=f"of {len(waits)}"),
    ]


class _Stack:
    """A guild all of whose members are linked, hold the role Member and should hold it."""

    def __init__(self, up: Up, members: int) -> None:
        self.up = up
        self.discord = Control(up.discord_url)
        self.site = AuthSite(
            up.aws.client("sqs"),
            secret=SECRET,
            jobs_queue_url=up.aws.jobs_queue_url,
            notices_queue_url=up.aws.notices_queue_url,
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
        self.site.groups(f"user-{self.ids[0]}", ["Member", "Other"])
        _until(lambda: self.roles(self.ids[0]) == {"Member", "Other"})
        self.site.groups(f"user-{self.ids[0]}", ["Member"])
        _until(lambda: self.roles(self.ids[0]) == {"Member"})
        time.sleep(CALM)

    def state(self, ids: list[str]) -> int:
        """State these users as they are; the `changed_at` of the last."""
        stamp = 0
        for discord_id in ids:
            stamp = self.site.stamp()
            self.site.groups(f"user-{discord_id}", ["Member"], stamp)
        return stamp

    def settled(self, ids: list[str], stamp: int) -> bool:
        """Whether each of them was brought to Discord as stated last; `stamp` is that of the last of them."""
        known = users.several((f"user-{one}" for one in ids), now=time.time())
        return known[f"user-{ids[-1]}"].groups_at >= stamp and all(user.settled for user in known.values())

    def roles(self, discord_id: str) -> set[str]:
        """The roles of a member."""
        member = self.discord.member(discord_id)
        return set(member.roles) if member else set()


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SLOWEST
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError("the guild did not become right")
        time.sleep(0.1)
