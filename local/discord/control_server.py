"""`POST /control/<operation>`: the operations of `Admin` over HTTP.

The body is a JSON object of named arguments; those given by position stand in a list under `args`:

    curl -d '{"who": "alice", "nick": "Al"}' http://127.0.0.1:8010/control/add_member

The answer is the result as JSON. An operation without arguments that returns something can be read with GET too.
An unknown operation, person, member, role or switch is answered 404, a wrong value 400, both with `{"error": …}`.
"""

import inspect
import json
from collections.abc import Callable
from functools import cache
from typing import Any, get_type_hints

import msgspec
from simcord.backend.errors import BackendError, SetupError

from local.discord.admin import Admin
from local.discord.messages import Answer, DiscordError, Request, json_answer
from local.discord.views import OPERATIONS


class ControlServer:
    """Carries out what control clients ask for."""

    def __init__(self, admin: Admin) -> None:
        self._admin = admin

    def handle(self, request: Request) -> Answer:
        """Answer one request below `/control/`."""
        try:
            operation = _operation(request)
            bound = _arguments(operation, json.loads(request.body or b"{}"))
            result = operation(self._admin, *bound.args, **bound.kwargs)
        except LookupError as error:
            return json_answer(404, {"error": str(error.args[0] if error.args else error)})
        except (ValueError, TypeError, SetupError, DiscordError, BackendError) as error:
            return json_answer(400, {"error": str(error)})
        return Answer(200, {"Content-Type": "application/json"}, msgspec.json.encode(result))


def _operation(request: Request) -> Callable[..., Any]:
    name = request.path.removeprefix("/control/")
    if name not in OPERATIONS or not (request.method == "POST" or (request.method == "GET" and _only_reads(name))):
        raise LookupError(f"there is no {request.method} {request.path}")
    operation: Callable[..., Any] = getattr(Admin, name)
    return operation


@cache
def _only_reads(name: str) -> bool:
    """Whether a GET may carry out this operation: it takes nothing but `self`, and returns something."""
    return OPERATIONS[name] is not None and len(inspect.signature(getattr(Admin, name)).parameters) == 1


@cache
def _signature(operation: Callable[..., Any]) -> tuple[inspect.Signature, dict[str, Any]]:
    """The signature without `self`, and the types of its parameters."""
    signature = inspect.signature(operation)
    return signature.replace(parameters=list(signature.parameters.values())[1:]), get_type_hints(operation)


def _arguments(operation: Callable[..., Any], body: dict[str, Any]) -> inspect.BoundArguments:
    """The arguments, converted to the types of the parameters. Raises TypeError or ValueError where they do not fit."""
    signature, types = _signature(operation)
    bound = signature.bind(*body.pop("args", ()), **body)
    for name, value in bound.arguments.items():
        bound.arguments[name] = msgspec.convert(value, types[name])
    return bound
