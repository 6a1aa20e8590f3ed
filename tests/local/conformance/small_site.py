"""A small auth site on the Python recipe, with the driver that the conformance check needs."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Row:
    """A user as the recipe wants one."""

    id: str
    groups: list[str] = field(default_factory=list)
    character: str | None = None
    stamp: int = 0
    discord_id: str = ""
    discord_name: str = ""

    def save(self) -> None:
        """It is in memory."""


class SmallSite:
    """The site. `rolecall` is the recipe's object."""

    def __init__(self, rolecall: Any) -> None:
        self.rolecall = rolecall
        self.users: dict[str, Row] = {}

    def ask(self, do: str, **said: Any) -> dict[str, Any]:
        """The driver."""
        does: Callable[..., dict[str, Any] | None] = getattr(self, f"do_{do}")
        return does(**said) or {}

    def do_user(self, name: str, groups: list[str], nickname: str) -> dict[str, Any]:
        user = self.users.setdefault(name, Row(name))
        user.groups, user.character = groups, nickname
        self.rolecall.changed(user)
        return {"user_id": user.id}

    def do_link(self, user_id: str) -> dict[str, Any]:
        return {"url": self.rolecall.link_url(self.users[user_id])}

    def do_unlink(self, user_id: str) -> dict[str, Any]:
        return {"url": self.rolecall.unlink_url(self.users[user_id])}

    def do_remove(self, user_id: str) -> None:
        self.rolecall.removed(self.users[user_id])

    def do_linked(self, user_id: str) -> dict[str, Any]:
        return {"discord_id": self.users[user_id].discord_id or None}

    def do_work(self) -> None:
        self.rolecall.read_notices(self.users.get, wait=0)
