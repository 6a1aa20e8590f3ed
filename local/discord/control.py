"""The client of the control API: what people do behind the API's back, from another process.

    discord = Control("http://127.0.0.1:8010")
    discord.add_person("alice", global_name="Alice")
    discord.inject(Fault(kind="cut_after", method="PATCH", path="/members/", times=2))

It has the methods of `Admin`; `consent`, which clicks the authorise page; and `use_command`, which sends a command.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import msgspec
import requests

from local.discord.faults import Fault
from local.discord.views import OPERATIONS, Counts, Member, Person, Received, Role, RouteCount, Shown, State

if TYPE_CHECKING:  # at run time it would import simcord, which takes half a second
    from local.discord.admin import Admin as _Operations
else:
    _Operations = object

COMMAND_TIMEOUT = 3.0  # seconds that Discord waits for the first answer to a command
TIMEOUT = 60.0  # seconds; adding or listing 100,000 members takes a few

__all__ = ("Control", "Counts", "Fault", "Member", "Person", "Received", "Role", "RouteCount", "State")


Send = Callable[[str, Mapping[str, str], bytes], tuple[int, bytes]]  # address, headers, body → status, body


def _send(url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
    try:
        answer = requests.post(url, data=body, headers=dict(headers), timeout=COMMAND_TIMEOUT, allow_redirects=False)
    except requests.RequestException:
        return 0, b""
    return answer.status_code, answer.content


class Control(_Operations):
    """Drives the local Discord at `url`, through `session` if one is given (with a `DiscordAdapter`, for example).

    Each method of `Admin` is one request. What does not exist raises LookupError, a wrong value ValueError.
    """

    def __init__(self, url: str, session: requests.Session | None = None, send: Send | None = None) -> None:
        self.url = url.rstrip("/")
        self._session = session or requests.Session()
        self.send = send or _send

    def __enter__(self) -> "Control":
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def consent(self, authorise_url: str, who: str, *, agree: bool = True) -> str:
        """Click Authorise (or Cancel) on the page at `authorise_url` as this person; returns where the browser is sent.

        Raises:
            ValueError: the page does not offer the choice; its text says why.
        """
        person = next((person for person in self.people() if who in (person.id, person.username)), None)
        if person is None:
            raise LookupError(f"nobody is called {who!r}")
        form = {"person": person.id, "decision": "authorise" if agree else "cancel"}
        answer = self._session.post(authorise_url, data=form, allow_redirects=False, timeout=TIMEOUT)
        if answer.status_code != requests.codes.found:
            raise ValueError(f"{answer.status_code}: {answer.text}")
        return urljoin(authorise_url, answer.headers["Location"])

    def use_command(
        self, who: str, name: str, *, member: str | None = None, locale: str = "en-US", allowed: bool = False
    ) -> Shown:
        """Use a slash command as this member, and send Discord's request to its endpoint; returns what they see.

        Raises:
            LookupError: their Discord shows no such command.
        """
        made = self.begin_command(who, name, member=member, locale=locale, allowed=allowed)
        status, answer = self.send(made.url, made.headers, made.body.encode())
        return self.command_answered(made.id, status, answer.decode("utf-8", "replace"))

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        if operation not in OPERATIONS:
            raise AttributeError(f"the control API has no operation {operation!r}")
        return lambda *args, **named: self._call(operation, {**named, "args": args} if args else named)

    def _call(self, operation: str, arguments: dict[str, Any]) -> Any:  # noqa: ANN401 - each operation has its own type
        body = msgspec.json.encode(arguments, enc_hook=list)  # an iterable that is no list becomes one
        answer = self._session.post(f"{self.url}/control/{operation}", data=body, timeout=TIMEOUT)
        if answer.status_code == requests.codes.not_found:
            raise LookupError(answer.json()["error"])
        if answer.status_code == requests.codes.bad_request:
            raise ValueError(answer.json()["error"])
        answer.raise_for_status()
        return msgspec.json.decode(answer.content, type=OPERATIONS[operation])
