"""What an auth site stated of its users, by tokens and by messages, in the order of `changed_at`."""

import json
from dataclasses import dataclass

from msgspec import UNSET

from chalicelib.clock import Clock
from chalicelib.errors import BadMessage
from chalicelib.linking.tokens import Token
from chalicelib.messages import DeleteUser, UpdateAll, UpdateGroups, UpdateNickname, UserJob, read_job
from local.conformance.queues import Posted, QueueClient


@dataclass(frozen=True)
class Statement:
    """What was said of a user, by a token or a message. None: nothing about that."""

    changed_at: int
    groups: frozenset[str] | None
    nickname: str | None


class Statements:
    """Reads the jobs queue, and remembers all that was said of each user."""

    def __init__(self, queues: QueueClient, clock: Clock) -> None:
        self.faults: list[str] = []
        """What was wrong with a message, in words."""
        self._queues = queues
        self._clock = clock
        self._tokens: dict[str, list[Statement]] = {}
        self._jobs: dict[str, list[UserJob]] = {}

    def add_token(self, token: Token) -> None:
        """A user has clicked; the token stated this, unless it leaves that to the queue."""
        if token.changed_at is None:
            return
        said = Statement(token.changed_at, frozenset(token.groups), token.nickname)
        self._tokens.setdefault(token.user_id, []).append(said)

    def messages(self, user_id: str) -> list[UserJob]:
        """All messages about this user, in the order of their arrival."""
        for posted in self._queues.take():
            self._read(posted)
        return self._jobs.get(user_id, [])

    def _read(self, posted: Posted) -> None:
        if posted.has_attributes:
            self.faults.append("message attributes are Rolecall's own bookkeeping; send none")
        try:
            job = read_job(posted.body, now=self._clock.now(), own=False)
        except BadMessage as error:
            self.faults.append(f"{_kind(posted.body)}: {error}")
            return
        if isinstance(job, UserJob):
            self._jobs.setdefault(job.user_id, []).append(job)

    def of(self, user_id: str) -> list[Statement]:
        """What tokens and messages stated of this user."""
        said = [_statement(job) for job in self.messages(user_id)]
        return [*self._tokens.get(user_id, []), *(one for one in said if one)]

    def removals(self, user_id: str) -> list[DeleteUser]:
        """The messages that end this user's membership."""
        return [job for job in self.messages(user_id) if isinstance(job, DeleteUser)]

    def stamps(self, user_id: str) -> list[int]:
        """Every `changed_at` that was given for this user."""
        removed = [getattr(job, "changed_at", UNSET) for job in self.removals(user_id)]
        return [
            *(one.changed_at for one in self.of(user_id)),
            *(stamp for stamp in removed if isinstance(stamp, int)),
        ]

    def newest_groups(self, user_id: str) -> frozenset[str]:
        """The groups that Rolecall would hold now."""
        said = [one for one in self.of(user_id) if one.groups is not None]
        newest = max(said, key=lambda one: one.changed_at, default=None)
        return (newest and newest.groups) or frozenset()

    def newest_nickname(self, user_id: str) -> str | None:
        """The nickname that Rolecall would hold now."""
        said = [one for one in self.of(user_id) if one.nickname is not None]
        newest = max(said, key=lambda one: one.changed_at, default=None)
        return newest.nickname if newest else None


def _statement(job: UserJob) -> Statement | None:
    if not isinstance(job, UpdateGroups | UpdateNickname | UpdateAll) or not isinstance(job.changed_at, int):
        return None
    groups = getattr(job, "groups", UNSET)
    nickname = getattr(job, "nickname", UNSET)
    return Statement(
        job.changed_at,
        frozenset(groups) if isinstance(groups, list) else None,
        nickname if isinstance(nickname, str) else None,
    )


def _kind(body: str) -> str:
    try:
        said = json.loads(body)
    except ValueError:
        return "a message"
    return str(said.get("kind", "a message")) if isinstance(said, dict) else "a message"
