"""`/control/…`: the backstage over HTTP, in JSON.

Who or which is meant stands in the query (`?who=`, `?which=`), the rest in the body.

    GET    /control/state                                  the guild
    GET    /control/people       POST, PATCH, DELETE       people; DELETE deletes the account
    DELETE /control/authorisations?who=                    somebody takes back what they allowed
    GET    /control/members?who= POST, PATCH, DELETE       members; POST joins, DELETE leaves
    POST   /control/members/bulk {count, roles, prefix}    many at once
    PUT    /control/bans?who=    DELETE                    bans
    POST   /control/roles        PATCH, DELETE ?which=     roles
    GET    /control/switches     PATCH                     what can be turned
    GET    /control/faults       POST, DELETE [?id=]       faults that lie in wait
    GET    /control/requests     DELETE                    requests received [?after=&route=]
    GET    /control/counts                                 and their counts
    GET    /control/audit-log                              all of it
    DELETE /control/limits                                 empty every bucket

An unknown person, member, role or switch is 404, a wrong value 400, both `{"error": …}`.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from simcord.backend.errors import BackendError, SetupError

from .backstage import Backstage
from .faults import Fault
from .messages import NO_CONTENT, Answer, DiscordError, Request, json_answer

Query = Mapping[str, str]
Body = dict[str, Any]
Handler = Callable[[Backstage, Query, Body], Any]

ROUTES: dict[tuple[str, str], Handler] = {
    ("GET", "state"): lambda back, _query, _body: back.state(),
    ("GET", "people"): lambda back, _query, _body: back.people(),
    ("POST", "people"): lambda back, _query, body: back.add_person(**body),
    ("PATCH", "people"): lambda back, query, body: back.change_person(query["who"], **body),
    ("DELETE", "people"): lambda back, query, _body: back.delete_account(query["who"]),
    ("DELETE", "authorisations"): lambda back, query, _body: back.deauthorise(query["who"]),
    ("GET", "members"): lambda back, query, _body: back.member(query["who"]) or {},
    ("POST", "members"): lambda back, query, body: back.add_member(query["who"], **body),
    ("POST", "members/bulk"): lambda back, _query, body: back.add_members(**body),
    ("PATCH", "members"): lambda back, query, body: back.change_member(query["who"], **body),
    ("DELETE", "members"): lambda back, query, _body: back.leave(query["who"]),
    ("PUT", "bans"): lambda back, query, body: back.ban(query["who"], **body),
    ("DELETE", "bans"): lambda back, query, _body: back.unban(query["who"]),
    ("POST", "roles"): lambda back, _query, body: back.create_role(**body),
    ("PATCH", "roles"): lambda back, query, body: back.change_role(query["which"], **body),
    ("DELETE", "roles"): lambda back, query, _body: back.delete_role(query["which"]),
    ("GET", "switches"): lambda back, _query, _body: back.switches(),
    ("PATCH", "switches"): lambda back, _query, body: back.turn(**body),
    ("GET", "faults"): lambda back, _query, _body: back.faults(),
    ("POST", "faults"): lambda back, _query, body: {"id": back.inject(Fault(**body))},
    ("DELETE", "faults"): lambda back, query, _body: back.clear_faults(_number(query.get("id"))),
    ("GET", "requests"): lambda back, query, _body: back.received(
        after=int(query.get("after", "0")), route=query.get("route")
    ),
    ("DELETE", "requests"): lambda back, _query, _body: back.clear_received(),
    ("GET", "counts"): lambda back, _query, _body: back.counts(),
    ("GET", "audit-log"): lambda back, _query, _body: back.audit_log(),
    ("DELETE", "limits"): lambda back, _query, _body: back.reset_limits(),
}


class ControlRoutes:
    """Serves the backstage."""

    def __init__(self, backstage: Backstage) -> None:
        self._backstage = backstage

    def handle(self, request: Request) -> Answer:
        """Answer one request below `/control/`."""
        handler = ROUTES.get((request.method, request.path.removeprefix("/control/")))
        if handler is None:
            return json_answer(404, {"error": f"there is no {request.method} {request.path}"})
        try:
            body = json.loads(request.body) if request.body else {}
            result = handler(self._backstage, request.query, body)
        except LookupError as error:
            return json_answer(404, {"error": str(error.args[0] if error.args else error)})
        except (ValueError, TypeError, SetupError, DiscordError, BackendError) as error:
            return json_answer(400, {"error": str(error)})
        return NO_CONTENT if result is None else json_answer(200, result, spell=_fields)


def _fields(value: object) -> dict[str, Any]:
    """A dataclass as a JSON object."""
    return {name: field for name, field in vars(value).items() if not name.startswith("_")}


def _number(text: str | None) -> int | None:
    return None if text is None else int(text)
