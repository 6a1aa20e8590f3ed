"""Checks of what Rolecall reports: notices to the auth site, the audit trail, usernames.

(n) Notices name only links that existed, each link is reported, and the last notice of a link that stands says so.
(t) Each change of a member is on the audit trail.
(u) Stored usernames are the current ones.
Completeness is checked only in runs in which no call failed and no process died: a report that is lost with its process
is allowed, a wrong one never is.
"""

import json
from collections import Counter
from datetime import datetime
from typing import Any

from chalicelib.store import users
from simulation.actors.cast import Cast

HARMLESS = frozenset({"slow", "discord delay"})  # faults that lose nothing
AUDIT_DELAY = 60.0  # seconds in which a change reaches the audit trail


class ReportChecks:
    """Checks the reports of a world in which nothing happens any more."""

    def __init__(self, cast: Cast) -> None:
        self._world = cast.world
        self._cast = cast
        self._invariants = cast.world.invariants
        sent = [one.body for one in self._world.sqs.sent if one.queue.endswith("notices")]
        self._notices: list[dict[str, Any]] = [json.loads(body) for body in sent]

    @property
    def _is_calm_run(self) -> bool:
        """Whether nothing happened that may lose a report."""
        plan = self._world.plan
        return not (set(self._world.faults.counts) - HARMLESS or plan.conditions.names or plan.restore)

    def check(self) -> None:
        """Check all reports."""
        self._notices_are_true()
        if not self._world.plan.restore:
            self._links_are_reported()
        self._usernames()
        if self._is_calm_run:
            self._changes_are_on_the_trail()

    def _notices_are_true(self) -> None:
        for notice in self._notices:
            if notice["kind"] not in ("linked", "unlinked"):
                continue
            user_id, discord_id = notice["user_id"], int(notice["discord_id"])
            if discord_id not in self._invariants.accounts_of[user_id]:
                self._breach("n", f"{notice['kind']} of {user_id} and {discord_id}, which were never linked")

    def _links_are_reported(self) -> None:
        for user_id in self._cast.users:
            user = users.get(user_id, now=self._world.clock.now())
            if user is None or user.link is None or user_id in self._cast.imported:
                continue
            kinds = self._kinds(user_id, user.link.account.id)
            if "linked" not in (kinds[-1:] + self._kinds(user_id, user.link.account.id, by_time=True)[-1:]):
                self._breach("n", f"{user_id} is linked to {user.link.account.id}; the auth site heard {kinds}")
            if self._is_calm_run:
                times = self._cast.callbacks[user_id, user.link.account.id]
                if Counter(kinds)["linked"] > times:
                    self._breach("n", f"{user_id} came back {times} times; the auth site heard {kinds}")

    def _kinds(self, user_id: str, discord_id: int, *, by_time: bool = False) -> list[str]:
        """Whether the account was linked or unlinked, as sent; or by the times in the notices, whose clocks differ."""
        notices = sorted(self._notices, key=lambda notice: notice["at"]) if by_time else self._notices
        about = [n for n in notices if n["user_id"] == user_id and n["discord_id"] == str(discord_id)]
        return [notice["kind"] for notice in about if notice["kind"] in ("linked", "unlinked")]

    def _usernames(self) -> None:
        people = {int(person.id): person for person in self._world.guild.people()}
        for user_id in self._cast.users:
            user = users.get(user_id, now=self._world.clock.now())
            if user is None or user.link is None or user.link.account.id not in people:
                continue
            account, person = user.link.account, people[user.link.account.id]
            if account.shown.lstrip("@") != person.username:
                self._breach("u", f"{user_id} is stored as {account.shown}, and is called {person.username} now")

    def _changes_are_on_the_trail(self) -> None:
        entries = [json.loads(row["data"]["S"]) for row in self._world.dynamodb.items("audit")]
        times: dict[int, list[float]] = {}
        for entry in entries:
            times.setdefault(int(entry["discord_id"]), []).append(_epoch(entry["at"]))
        for discord_id, at in self._invariants.bot_changes:
            if not any(at - 1 <= moment <= at + AUDIT_DELAY for moment in times.get(discord_id, [])):
                self._breach("t", f"a change of {discord_id} at {at:.3f} is not on the audit trail")

    def _breach(self, rule: str, text: str) -> None:
        self._invariants.breach(rule, text)


def _epoch(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
