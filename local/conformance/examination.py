"""What every check has at hand: users of the auth site, their clicks, what was stated of them, notices to it."""

import itertools
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from msgspec import UNSET

from chalicelib.clock import Clock
from chalicelib.errors import BadMessage, LinkRefused
from chalicelib.linking.tokens import Purpose, Token
from chalicelib.messages import DeleteUser, UpdateAll, UpdateGroups, UpdateNickname, UserJob, read_job
from local.conformance.driver import Driver
from local.conformance.queues import Posted, QueueClient
from local.conformance.rolecall import FakeRolecall, Link

PAUSE = 0.2  # seconds between two looks
NAMES = ("Kira Vantari", "Dov Ashurak", "Sanne d'Ortu", "Tess Omari")


class Wrong(Exception):
    """The auth site does not keep the contract; says in which way."""


@dataclass(frozen=True)
class Statement:
    """What was said of a user, by a token or a message. None: nothing about that."""

    changed_at: int
    groups: frozenset[str] | None
    nickname: str | None


@dataclass(frozen=True)
class User:
    """A user of the auth site, made for one check."""

    user_id: str
    name: str


class Examination:
    """One run of all checks. `patience`: seconds that the auth site may take until something follows."""

    def __init__(
        self, driver: Driver, rolecall: FakeRolecall, queues: QueueClient, clock: Clock, *, patience: float
    ) -> None:
        self.rolecall = rolecall
        self.queues = queues
        self.bad_messages: list[str] = []
        self._driver = driver
        self._clock = clock
        self._patience = patience
        self._names = itertools.count(1)
        self._tokens: dict[str, list[Statement]] = {}
        self._jobs: dict[str, list[UserJob]] = {}
        self._known_groups: set[str] = set()

    # --- the auth site's users ---

    def user(self, groups: Sequence[str] = (), nickname: str = NAMES[0]) -> User:
        """Somebody new."""
        return self.change(User("", f"conformance-{next(self._names)}"), groups, nickname)

    def change(self, user: User, groups: Sequence[str], nickname: str = NAMES[0]) -> User:
        """The user has these groups and this name from now on, and is entitled to Discord."""
        self._known_groups.update(groups)
        answer = self._driver.ask("user", name=user.name, groups=list(groups), nickname=nickname)
        found = answer.get("user_id")
        if not isinstance(found, str) or not found:
            raise Wrong("the driver answers 'user' without a user_id, which is a text")
        return User(found, user.name)

    def remove(self, user: User) -> None:
        """The user may no longer be on the server."""
        self._driver.ask("remove", user_id=user.user_id)

    def click(self, user: User) -> Token:
        """The user clicks *Link Discord*; the token with which Rolecall meets them."""
        token = self._accept(self._driver.ask("link", user_id=user.user_id).get("url"), "link", Purpose.LINK, user)
        said = Statement(token.changed_at or 0, frozenset(token.groups), token.nickname)
        self._tokens.setdefault(user.user_id, []).append(said)
        return token

    def unlink(self, user: User) -> None:
        """The user ends the link, on the auth site or on the page to which it sends them."""
        url = self._driver.ask("unlink", user_id=user.user_id).get("url")
        if url is not None:
            self._accept(url, "unlink", Purpose.UNLINK, user)
            self.rolecall.unlink(user.user_id)
        elif user.user_id in self.rolecall.links:
            raise Wrong("the driver answers 'unlink' without a url, and Rolecall was not told")

    def _accept(self, url: object, path: str, purpose: Purpose, user: User) -> Token:
        text = str(url or "")
        parts = urlsplit(text)
        if not parts.path.endswith(f"/discord/{path}"):
            raise Wrong(f"the browser is sent to {parts.scheme}://{parts.netloc}{parts.path}, not to /discord/{path}")
        try:
            token = self.rolecall.accept(parse_qs(parts.query).get("token", [""])[0], purpose)
        except LinkRefused as refused:
            raise Wrong(f"the token does not hold: {refused.detail}") from None
        if token.user_id != user.user_id:
            raise Wrong(f"the token is for the user {token.user_id!r}, not for {user.user_id!r}")
        return token

    # --- links ---

    def linked(self, groups: Sequence[str] = (), nickname: str = NAMES[0]) -> User:
        """Somebody new who has linked an account, and of whom the auth site knows it."""
        user = self.user(groups, nickname)
        self.click(user)
        self.join(user)
        return user

    def join(self, user: User) -> Link:
        """The user has authorised at Discord: linked, the auth site told, and it knows."""
        link = self.rolecall.link(user.user_id, f"@{user.name}")
        self.notify("linked", user, link)
        self.expect_linked(user, link.discord_id)
        return link

    def notify(self, kind: str, user: User, link: Link, *, reason: str | None = None, ago: float = 0.0) -> None:
        """A notice about this account, of `ago` seconds ago."""
        self.queues.notify(self.notice(kind, user.user_id, link, reason=reason, ago=ago))

    def notice(
        self, kind: str, user_id: str, link: Link | None, *, reason: str | None = None, ago: float = 0.0
    ) -> dict[str, Any]:
        """The notice, with a field that is not in the contract yet."""
        return {
            "kind": kind,
            "user_id": user_id,
            "discord_id": link and link.discord_id,
            "username": link and link.username,
            "reason": reason,
            "at": int((self._clock.now() - ago) * 1000),
            "a_field_of_tomorrow": True,
        }

    def expect_linked(self, user: User, discord_id: str | None) -> None:
        """Raises Wrong unless the auth site comes to show this account as linked, or none."""

        def shown() -> object:
            return self._driver.ask("linked", user_id=user.user_id).get("discord_id")

        self.until(
            lambda: str(shown() or "") == (discord_id or ""),
            lambda: f"the site should show {discord_id or 'no account'} as linked, and shows {shown() or 'none'}",
        )

    # --- what was stated ---

    def messages(self, user: User) -> list[UserJob]:
        """All messages about this user, in the order of their arrival."""
        for posted in self.queues.take():
            self._read(posted)
        return self._jobs.get(user.user_id, [])

    def _read(self, posted: Posted) -> None:
        if posted.has_attributes:
            self.bad_messages.append("message attributes are Rolecall's own bookkeeping; send none")
        try:
            job = read_job(posted.body, now=self._clock.now(), own=False)
        except BadMessage as error:
            self.bad_messages.append(f"{_kind(posted.body)}: {error}")
            return
        if isinstance(job, UserJob):
            self._jobs.setdefault(job.user_id, []).append(job)

    def statements(self, user: User) -> list[Statement]:
        """What tokens and messages stated of this user."""
        said = [_statement(job) for job in self.messages(user)]
        return [*self._tokens.get(user.user_id, []), *(one for one in said if one)]

    def stamps(self, user: User) -> list[int]:
        """Every `changed_at` that was given for this user."""
        removed = [getattr(job, "changed_at", UNSET) for job in self.removals(user)]
        return [
            *(one.changed_at for one in self.statements(user)),
            *(stamp for stamp in removed if isinstance(stamp, int)),
        ]

    def newest_groups(self, user: User) -> frozenset[str]:
        """The groups that Rolecall would hold now, of those that the checks gave to anybody."""
        said = [one for one in self.statements(user) if one.groups is not None]
        newest = max(said, key=lambda one: one.changed_at, default=None)
        return (newest.groups or frozenset()) & self._known_groups if newest else frozenset()

    def newest_nickname(self, user: User) -> str | None:
        """The nickname that Rolecall would hold now."""
        said = [one for one in self.statements(user) if one.nickname is not None]
        newest = max(said, key=lambda one: one.changed_at, default=None)
        return newest.nickname if newest else None

    def removals(self, user: User) -> list[DeleteUser]:
        """The messages that end this user's membership."""
        return [job for job in self.messages(user) if isinstance(job, DeleteUser)]

    def expect_groups(self, user: User, groups: Iterable[str]) -> None:
        """Raises Wrong unless the newest statement comes to hold these groups."""
        wanted = frozenset(groups)
        self.until(
            lambda: self.newest_groups(user) == wanted,
            lambda: (
                f"the groups should be {_list(wanted)}; the newest statement says "
                f"{_list(self.newest_groups(user))}{self._bad()}"
            ),
        )

    def expect_name(self, user: User, name: str) -> None:
        """Raises Wrong unless the newest nickname comes to hold this name; a site may add to it."""
        self.until(
            lambda: name in (self.newest_nickname(user) or ""),
            lambda: f"the nickname should hold {name!r}, and is {self.newest_nickname(user)!r}{self._bad()}",
        )

    def expect_removal(self, user: User) -> None:
        """Raises Wrong unless a delete_user comes."""
        self.until(lambda: bool(self.removals(user)), lambda: f"no delete_user came{self._bad()}")

    def _bad(self) -> str:
        return f" (a message cannot be read: {self.bad_messages[-1]})" if self.bad_messages else ""

    # --- time ---

    def now(self) -> float:
        """Epoch seconds."""
        return self._clock.now()

    def work(self) -> None:
        """Let the auth site do what it does in the background."""
        self._driver.ask("work")

    def until(self, holds: Callable[[], bool], what: Callable[[], str]) -> None:
        """Let the auth site work until it holds. Raises Wrong(what()) when patience is over."""
        deadline = self._clock.now() + self._patience
        while True:
            self.work()
            if holds():
                return
            if self._clock.now() > deadline:
                raise Wrong(f"{what()}, {self._patience:.0f} s later")
            self._clock.sleep(PAUSE)

    def pause(self) -> None:
        """Let the auth site work for a moment, where nothing is expected to follow."""
        for _ in range(5):
            self.work()
            self._clock.sleep(PAUSE)


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


def _list(names: Iterable[str]) -> str:
    found = sorted(names)
    return ", ".join(found[:5]) + (f" and {len(found) - 5} more" if len(found) > 5 else "") if found else "none"
