"""The settings of `local.py`, read whenever they are used.

`ROLECALL_…` describe one server. `ROLECALL_SERVERS`, a list, describes several: each entry has the same names without
`ROLECALL_`, and a `KEY` by which its rows, addresses and permission are told apart. Exactly one entry has no `KEY`: the
main server, for which the `ROLECALL_…` settings hold wherever its entry says nothing.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

REQUIRED = ("URL", "AUTH_SITE_SECRET", "JOBS_QUEUE_URL", "NOTICES_QUEUE_URL")
SHARED = ("AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "BRAKE_PERCENT")
"""What an entry with a KEY takes from `ROLECALL_…` where it says nothing; the rest would be another server's."""
KEY = re.compile(r"[a-z][a-z0-9-]{0,29}")
QUEUE_URL = re.compile(r"https?://[^/\s]+/\S+")
REGION = re.compile(r"^https://sqs\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?/")
MAIN = ""
ACCESS = "aa_rolecall.access_discord"
BRAKE_PERCENT = 20  # of the linked


class UnknownServer(LookupError):
    """No server has this key."""


@dataclass(frozen=True)
class Server:
    """One Discord server and its Rolecall. `key` is empty for the main one."""

    key: str
    url: str
    jobs_queue_url: str
    notices_queue_url: str
    region: str
    endpoint_url: str
    name: str
    brake_percent: int
    my_discord: bool
    permission: str
    secret: str = field(repr=False)
    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)

    @property
    def service_name(self) -> str:
        """The name of its service hook, which name formats go by."""
        return f"discord-{self.key}" if self.key else "discord"

    @property
    def title(self) -> str:
        """What the card and the admin actions call it."""
        return f"Discord ({self.key})" if self.key else "Discord"


def servers() -> list[Server]:
    """All servers, in the order of the settings."""
    return [_server(entry) for entry in entries()]


def server(key: str) -> Server:
    """The server of that key. Raises UnknownServer."""
    for one in servers():
        if one.key == key:
            return one
    raise UnknownServer(key)


def entries() -> list[Mapping[str, Any]]:
    """What the settings say of each server, under the names without `ROLECALL_`."""
    return [_entry(dict(one)) for one in getattr(settings, "ROLECALL_SERVERS", None) or [{}]]


def _entry(said: dict[str, Any]) -> dict[str, Any]:
    shared = {name: getattr(settings, f"ROLECALL_{name}", None) for name in _inherited(said)}
    return {name: value for name, value in shared.items() if value is not None} | said


def _inherited(said: Mapping[str, Any]) -> tuple[str, ...]:
    return SHARED if said.get("KEY") else (*REQUIRED, *SHARED, "SERVER_NAME", "MY_DISCORD", "PERMISSION")


def _server(said: Mapping[str, Any]) -> Server:
    def text(name: str) -> str:
        return str(said.get(name) or "")

    key = text("KEY")
    return Server(
        key=key,
        url=text("URL").rstrip("/"),
        secret=text("AUTH_SITE_SECRET"),
        jobs_queue_url=text("JOBS_QUEUE_URL"),
        notices_queue_url=text("NOTICES_QUEUE_URL"),
        region=text("AWS_REGION") or _region(text("JOBS_QUEUE_URL")),
        access_key_id=text("AWS_ACCESS_KEY_ID"),
        secret_access_key=text("AWS_SECRET_ACCESS_KEY"),
        endpoint_url=text("AWS_ENDPOINT_URL"),
        name=text("SERVER_NAME"),
        brake_percent=_percent(said.get("BRAKE_PERCENT")),
        my_discord=bool(said.get("MY_DISCORD", True)),
        permission=text("PERMISSION") or (f"aa_rolecall.access_{key}" if key else ACCESS),
    )


def _percent(said: object) -> int:
    return said if isinstance(said, int) and not isinstance(said, bool) and 0 <= said <= 100 else BRAKE_PERCENT


def _region(queue_url: str) -> str:
    found = REGION.match(queue_url)
    return found[1] if found else "us-east-1"
