"""The table of API routes: templates such as `/guilds/{guild_id}/roles`, and who may call them."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from local.discord.messages import Answer, method_not_allowed, not_found

Auth = Literal["bot", "bearer", "either", "token"]  # token: the path holds the secret
Call = TypeVar("Call")


@dataclass(frozen=True)
class Route(Generic[Call]):
    """One route. `name` is method and template; limits and counts use it."""

    name: str
    auth: Auth
    handler: Callable[[Call], Answer]


class Router(Generic[Call]):
    """Finds the route of a request; a literal segment takes precedence over a variable one."""

    def __init__(self) -> None:
        self._table: list[tuple[re.Pattern[str], int, dict[str, Route[Call]]]] = []

    def add(
        self, method: str, template: str, auth: Auth = "bot"
    ) -> Callable[[Callable[[Call], Answer]], Callable[[Call], Answer]]:
        """Register the decorated function for `method` on `template`."""

        def register(handler: Callable[[Call], Answer]) -> Callable[[Call], Answer]:
            self._methods(template)[method] = Route(f"{method} {template}", auth, handler)
            return handler

        return register

    def find(self, method: str, path: str) -> tuple[Route[Call], dict[str, str]]:
        """The route of `method` on `path`, and the values of its variables.

        Raises:
            DiscordError: 404 where no template fits, 405 where one does but not with this method.
        """
        for pattern, _variables, methods in self._table:
            match = pattern.fullmatch(path)
            if match is not None:
                if method not in methods:
                    raise method_not_allowed()
                return methods[method], match.groupdict()
        raise not_found()

    def _methods(self, template: str) -> dict[str, Route[Call]]:
        pattern = re.compile(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", template))
        for known, _variables, methods in self._table:
            if known == pattern:
                return methods
        methods_of_new: dict[str, Route[Call]] = {}
        self._table.append((pattern, template.count("{"), methods_of_new))
        self._table.sort(key=lambda row: row[1])
        return methods_of_new
