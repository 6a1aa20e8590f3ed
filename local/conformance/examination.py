"""What every check has at hand: users, links, notices to the auth site, and what is expected of it in time."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from chalicelib.clock import Clock
from local.conformance.driver import Driver
from local.conformance.queues import QueueClient
from local.conformance.rolecall import FakeRolecall, Link
from local.conformance.statements import Statements
from local.conformance.users import NAMES, User, Users, Wrong

PAUSE = 0.2  # seconds between two looks
LOOKS = 5  # where nothing is expected to follow
SHOWN = 5  # groups that a sentence names


class Examination:
    """One run of all checks. `patience`: seconds that the auth site may take until something follows."""

    def __init__(
        self, driver: Driver, rolecall: FakeRolecall, queues: QueueClient, clock: Clock, *, patience: float
    ) -> None:
        self.rolecall = rolecall
        self.queues = queues
        self.clock = clock
        self.statements = Statements(queues, clock)
        self.users = Users(driver, rolecall, self.statements)
        self._patience = patience

    # --- links, and notices of them ---

    def linked(self, groups: Sequence[str] = (), nickname: str = NAMES[0]) -> User:
        """Somebody new who has linked an account, and of whom the auth site knows it. Raises Wrong."""
        user = self.users.make(groups, nickname)
        self.users.click(user)
        link = self.rolecall.link(user.user_id, f"@{user.name}")
        self.notify("linked", user, link)
        self.expect_linked(user, link.discord_id)
        return user

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
            "at": int((self.clock.now() - ago) * 1000),
            "a_field_of_tomorrow": True,
        }

    # --- what should follow; each raises Wrong if it does not in time ---

    def expect_linked(self, user: User, discord_id: str | None) -> None:
        """The auth site comes to show this account as linked, or none."""
        shown = self.users.shown_as_linked
        self.until(
            lambda: shown(user) == discord_id,
            lambda: f"the site should show {discord_id or 'no account'} as linked, and shows {shown(user) or 'none'}",
        )

    def expect_groups(self, user: User, groups: Iterable[str]) -> None:
        """The newest statement comes to hold these groups, of those that anybody was given."""
        wanted = frozenset(groups)

        def stated() -> frozenset[str]:
            return self.statements.newest_groups(user.user_id) & self.users.known_groups

        self.until(
            lambda: stated() == wanted,
            lambda: f"the groups should be {_list(wanted)}; the newest statement says {_list(stated())}",
        )

    def expect_name(self, user: User, name: str) -> None:
        """The newest nickname comes to hold this name; a site may add to it."""

        def stated() -> str | None:
            return self.statements.newest_nickname(user.user_id)

        self.until(lambda: name in (stated() or ""), lambda: f"the nickname should hold {name!r}, and is {stated()!r}")

    def expect_removal(self, user: User) -> None:
        """A delete_user comes."""
        self.until(lambda: bool(self.statements.removals(user.user_id)), lambda: "no delete_user came")

    def until(self, holds: Callable[[], bool], what: Callable[[], str]) -> None:
        """Let the auth site work until it holds. Raises Wrong, with what() in it, when patience is over."""
        deadline = self.clock.now() + self._patience
        while True:
            self.users.work()
            if holds():
                return
            if self.clock.now() > deadline:
                bad = self.statements.faults
                because = f" (a message cannot be read: {bad[-1]})" if bad else ""
                raise Wrong(f"{what()}, {self._patience:.0f} s later{because}")
            self.clock.sleep(PAUSE)

    def pause(self) -> None:
        """Let the auth site work for a moment, where nothing is expected to follow."""
        for _ in range(LOOKS):
            self.users.work()
            self.clock.sleep(PAUSE)


def _list(names: Iterable[str]) -> str:
    found = sorted(names)
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return ", ".join(found[:SHOWN]) + more if found else "none"
