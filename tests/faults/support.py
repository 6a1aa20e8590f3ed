"""What the tests of faults share: one request of the simulated world answered differently."""

import json
from collections.abc import Callable
from typing import Any

from chalicelib.errors import LinkRefused
from local.discord.messages import Answer, Request, json_answer
from local.simulated import World

Change = Callable[[Request], Answer | None]


def before(world: World, change: Change) -> None:
    """Let every request to Discord pass `change` first; an answer that it returns is given instead of Discord's."""
    plain = world.discord.handle

    def handle(request: Request) -> Answer:
        return change(request) or plain(request)

    world.discord.handle = handle  # type: ignore[method-assign]


def body_of(request: Request) -> dict[str, Any]:
    """The JSON body of a request."""
    body: dict[str, Any] = json.loads(request.body or b"{}")
    return body


def is_member(request: Request) -> bool:
    """Whether the request is about one member, not about one of their roles."""
    return "/members/" in request.path and "/roles/" not in request.path


def joins(request: Request) -> bool:
    """Whether the request adds a person to the guild."""
    return request.method == "PUT" and is_member(request)


def outcome(world: World, user_id: str, who: str, **claims: Any) -> str:
    """Link a person; `linked`, or the reason of the refusal."""
    try:
        world.link(user_id, who, **claims)
    except LinkRefused as refused:
        return str(refused.reason)
    return "linked"


def reasons(world: World) -> list[str]:
    """The reasons of the `sync_failed` notices since they were last read."""
    return [notice["reason"] for notice in world.site.notices() if notice["kind"] == "sync_failed"]


def refusal(status: int, body: object) -> Answer:
    """An answer of Discord or of something in front of it, as JSON."""
    return json_answer(status, body)
