"""An auth site that records what it stated about each user, when, and how."""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from chalicelib.members.plan import nickname_of
from chalicelib.messages import MAX_CLOCK_SKEW
from local.auth_site import AuthSite

UNSAID = object()
MESSAGE, TOKEN = "message", "token"
DAY = 86_400.0  # seconds


def group_role(group: str) -> str:
    """The name of a group's role by Discord's rules: at most 100 characters, trimmed."""
    return group.strip()[:100].strip()


@dataclass(frozen=True)
class Statement:
    """One statement about a user. `stamp` is its `changed_at`."""

    stamp: int
    by: str
    body: str
    groups: Any = UNSAID
    nickname: Any = UNSAID


@dataclass
class Person:
    """The auth site's current record of a user."""

    groups: tuple[str, ...] = ()
    nickname: str | None = None
    stamp: int = 0
    deleted_at: float | None = None  # when the user was deleted; None if not deleted
    deletes: list[str] = field(default_factory=list)
    last_token_at: float = float("-inf")
    ever_deleted: bool = False
    removed_at: float = float("-inf")  # when a deletion was last posted, or an unlinking last asked for


class RecordingAuthSite(AuthSite):
    """An auth site that records its statements."""

    users: dict[str, Person]
    statements: dict[str, list[Statement]]

    def remember(self) -> None:
        """Start with no users."""
        self.users = defaultdict(Person)
        self.statements = defaultdict(list)
        self._told: dict[str, set[str]] = defaultdict(set)
        self._named: dict[str, set[str | None]] = defaultdict(set)
        self._deletions: dict[str, list[tuple[float, int | None]]] = defaultdict(list)  # when decided, grace days

    def said(self, user_id: str, statement: Statement) -> None:
        """Record a statement."""
        self.statements[user_id].append(statement)
        if statement.groups is not UNSAID:
            self._told[user_id].update(group_role(group) for group in statement.groups)
        if statement.nickname is not UNSAID:
            self._named[user_id].add(nickname_of(statement.nickname))

    def ever_told(self, users: set[str]) -> set[str]:
        """Every role that any of these users was ever to have."""
        return set().union(*(self._told[user] for user in users))

    def nicknames(self, users: set[str]) -> set[str | None]:
        """Every nickname that any of these users was ever to have."""
        return set().union(*(self._named[user] for user in users))

    def may_kick(self, user_id: str, discord_id: int, accounts_of: dict[str, set[int]]) -> bool:
        """Whether the user was ever deleted, or ever linked another account."""
        return self.users[user_id].ever_deleted or bool(accounts_of[user_id] - {discord_id})

    def wants_gone(self, user_id: str, token_at: float) -> bool:
        """Whether the user was deleted, or asked to be unlinked, after the token was issued by which they are linked.

        A deletion up to MAX_CLOCK_SKEW before the token counts too: Rolecall cannot know which of them was first.
        """
        return self.users[user_id].removed_at >= token_at - MAX_CLOCK_SKEW

    def removes(self, user_id: str, *, changed_at: int | None = None) -> None:
        """The user is deleted, or asks to be unlinked, now; or was deleted then, by the auth site's own clock."""
        person = self.users[user_id]
        person.ever_deleted = True
        # Tokens have whole seconds: one of the same second is older than a deletion that is dated.
        at = self._now() if changed_at is None else changed_at / 1000 + 1 - MAX_CLOCK_SKEW
        person.removed_at = max(person.removed_at, at)

    def posted_deletion(self, body: str) -> None:
        """A deletion was posted now."""
        job = json.loads(body)
        if job.get("user_id") in self.users:
            self.removes(job["user_id"], changed_at=job.get("changed_at"))
            decided_at = min(self._now(), job.get("changed_at", float("inf")) / 1000)
            self._deletions[job["user_id"]].append((decided_at, job.get("grace_days")))

    def goes_at(self, user_id: str, grace_days: int) -> float | None:
        """When the user may be removed at the earliest; None if no deletion was posted. `grace_days`: by the settings.

        Without grace days a user goes at once.
        """
        due = []
        for decided_at, said in self._deletions[user_id]:
            days = grace_days if said is None else said
            due.append(decided_at + days * DAY if days else 0.0)
        return min(due, default=None)

    def change(self, kind: str, user_id: str, **fields: Any) -> str:  # noqa: ANN401 - what the message holds
        """The body of a message, recorded as a statement."""
        body = json.dumps({"kind": kind, "user_id": user_id, **fields})
        if "changed_at" in fields:
            said = {name: fields[name] for name in ("groups", "nickname") if name in fields}
            self.said(user_id, Statement(fields["changed_at"], MESSAGE, body, **said))
        return body

    def deletion(self, user_id: str, **fields: Any) -> str:  # noqa: ANN401 - what the message holds
        """The body of a message that deletes the user; no statement."""
        return json.dumps({"kind": "delete_user", "user_id": user_id, **fields})

    def link_token(self, user_id: str) -> str:
        """A link token with the user's current groups and nickname."""
        person = self.users[user_id]
        person.stamp = person.stamp or self.stamp()
        person.deleted_at = None
        person.last_token_at = self._now()
        said = Statement(person.stamp, TOKEN, "", person.groups, person.nickname)
        self.said(user_id, said)
        return self.token(
            user_id, "link", groups=list(person.groups), nickname=person.nickname, changed_at=person.stamp
        )
