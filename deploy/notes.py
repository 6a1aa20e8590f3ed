"""Chalice's notes of what it made, written from what there is.

`chalice deploy` writes them at its very end. A run that is stopped before leaves none, and the next one would make
what there is once more: a second API at another address, and triggers that AWS refuses to make twice
(https://github.com/aws/chalice/issues/2146).
"""

import json
from typing import Any

from deploy.found import RULE_ENDING, Found

SCHEMA = {"schema_version": "2.0", "backend": "api"}

Json = dict[str, Any]


def notes_of(found: Found, *, api: str | None, address: str) -> Json | None:
    """What Chalice would have noted of `found`; None where there is nothing. `api` is the id of the REST API."""
    made = [*_roles(found), *_functions(found), *_rules(found), *_triggers(found)]
    if api:
        made.append({"name": "rest_api", "resource_type": "rest_api", "rest_api_id": api, "rest_api_url": address})
    return {"resources": made, **SCHEMA} if made else None


def api_of(found: Found, callback: str, noted: Json) -> str | None:
    """Which of the APIs that call the stage's function is the one that people use: that of the callback URL, else the
    one in Chalice's own notes, else the oldest.
    """
    known = [one.get("rest_api_id") for one in noted.get("resources", [])]
    for fits in (lambda api: f"//{api}." in callback, lambda api: api in known):
        if chosen := next(filter(fits, found.apis), None):
            return chosen
    return next(iter(found.apis), None)


def read(text: str) -> Json:
    """The notes in `text`; none where it makes no sense, as after a crash."""
    try:
        said = json.loads(text)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _roles(found: Found) -> list[Json]:
    return [
        {
            "name": f"{function}_role",
            "resource_type": "iam_role",
            "role_arn": arn,
            "role_name": arn.rpartition("/")[2],
        }
        for function, arn in found.roles.items()
    ]


def _functions(found: Found) -> list[Json]:
    return [
        {"name": name, "resource_type": "lambda_function", "lambda_arn": arn} for name, arn in found.functions.items()
    ]


def _rules(found: Found) -> list[Json]:
    return [
        {"name": f"{function}{RULE_ENDING}", "resource_type": "cloudwatch_event", "rule_name": rule}
        for function, rule in found.rules.items()
    ]


def _triggers(found: Found) -> list[Json]:
    return [
        {
            "name": f"{one.function}-sqs-event-source",
            "resource_type": "sqs_event",
            "queue_arn": one.queue_arn,
            "event_uuid": one.uuid,
            "queue": one.queue_arn.rpartition(":")[2],
            "lambda_arn": one.function_arn,
        }
        for one in found.triggers
    ]
