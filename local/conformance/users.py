"""The users of the auth site under examination: made, changed, clicking, removed."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from chalicelib.errors import LinkRefused
from chalicelib.linking.tokens import Purpose, Token
from local.conformance.driver import Driver
from local.conformance.rolecall import FakeRolecall
from local.conformance.statements import Statements

NAMES = ("Kira Vantari", "Dov Ashurak", "Sanne d'Ortu", "Tess Omari")


class Wrong(Exception):
    """The auth site does not keep the contract; says in which way."""


@dataclass(frozen=True)
class User:
    """A user of the auth site, made for one check. `user_id` is the site's."""

    user_id: str
    name: str


class Users:
    """Makes them do things through the site's driver. Each method may raise DriverError."""

    def __init__(self, driver: Driver, rolecall: FakeRolecall, statements: Statements) -> None:
        self.known_groups: set[str] = set()
        """Every group that anybody was given. A site may add others of its own."""
        self._driver = driver
        self._rolecall = rolecall
        self._statements = statements
        self._numbers = itertools.count(1)

    def make(self, groups: Sequence[str] = (), nickname: str = NAMES[0]) -> User:
        """Somebody new."""
        return self.change(User("", f"conformance-{next(self._numbers)}"), groups, nickname)

    def change(self, user: User, groups: Sequence[str], nickname: str = NAMES[0]) -> User:
        """The user has these groups and this name from now on, and is entitled to Discord. Raises Wrong."""
        self.known_groups.update(groups)
        answer = self._driver.ask("user", name=user.name, groups=list(groups), nickname=nickname)
        found = answer.get("user_id")
        if not isinstance(found, str) or not found:
            raise Wrong("the driver answers 'user' without a user_id, which is a text")
        return User(found, user.name)

    def remove(self, user: User) -> None:
        """The user may no longer be on the server."""
        self._driver.ask("remove", user_id=user.user_id)

    def click(self, user: User) -> Token:
        """The user clicks *Link Discord*; the token with which Rolecall meets them. Raises Wrong."""
        token = self._accept(self._driver.ask("link", user_id=user.user_id).get("url"), "link", Purpose.LINK, user)
        self._statements.add_token(token)
        return token

    def unlink(self, user: User) -> None:
        """The user ends the link, on the auth site or on the page to which it sends them. Raises Wrong."""
        url = self._driver.ask("unlink", user_id=user.user_id).get("url")
        if url is not None:
            self._accept(url, "unlink", Purpose.UNLINK, user)
            self._rolecall.unlink(user.user_id)
        elif user.user_id in self._rolecall.links:
            raise Wrong("the driver answers 'unlink' without a url, and Rolecall was not told")

    def shown_as_linked(self, user: User) -> str | None:
        """The account that the auth site shows as linked."""
        found = self._driver.ask("linked", user_id=user.user_id).get("discord_id")
        return str(found) if found else None

    def work(self) -> None:
        """Let the auth site do what it does in the background."""
        self._driver.ask("work")

    def _accept(self, url: object, path: str, purpose: Purpose, user: User) -> Token:
        parts = urlsplit(str(url or ""))
        if not parts.path.endswith(f"/discord/{path}"):
            raise Wrong(f"the browser is sent to {parts.scheme}://{parts.netloc}{parts.path}, not to /discord/{path}")
        try:
            token = self._rolecall.accept(parse_qs(parts.query).get("token", [""])[0], purpose)
        except LinkRefused as refused:
            raise Wrong(f"the token does not hold: {refused.detail}") from None
        if token.user_id != user.user_id:
            raise Wrong(f"the token is for the user {token.user_id!r}, not for {user.user_id!r}")
        return token
