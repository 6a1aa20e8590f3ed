"""Which REST APIs are a stage's. They are told by what they call: in the console an API can be given any name, and
every stage's has the same one at first.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

Client = Any  # boto3 makes a client's methods at run time: no type describes them
Json = dict[str, Any]


@dataclass(frozen=True)
class Apis:
    """Ids, the oldest first. `own` call the function and nothing else; `shared` call other things too."""

    own: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()


def find(function: str, usual_name: str, client: Client, functions: Client) -> Apis:
    """Those that call `function`. All of the account are looked at only where none of the likely ones is the stage's
    own: AWS answers five such questions in two seconds.
    """
    there = [one for page in client.get_paginator("get_rest_apis").paginate() for one in page["items"]]
    there.sort(key=lambda one: str(one.get("createdDate", "")))
    allowed = _policy(functions, function)
    likely = [one for one in there if one["name"] == usual_name or f":{one['id']}/" in allowed]
    found = _told_apart(likely, client, function)
    if found.own:
        return found
    return _told_apart(there, client, function)


def _told_apart(apis: Iterable[Json], client: Client, function: str) -> Apis:
    own: list[str] = []
    shared: list[str] = []
    for one in apis:
        calls = [f":function:{function}/" in uri for uri in _called(client, one["id"])]
        if any(calls):
            (own if all(calls) else shared).append(one["id"])
    return Apis(tuple(own), tuple(shared))


def _called(client: Client, api: str) -> list[str]:
    """What its methods call, a line for each that calls anything."""
    pages = client.get_paginator("get_resources").paginate(restApiId=api, embed=["methods"])
    methods = [method for page in pages for one in page["items"] for method in one.get("resourceMethods", {}).values()]
    return [uri for method in methods if (uri := method.get("methodIntegration", {}).get("uri"))]


def _policy(functions: Client, name: str) -> str:
    """Who may call the function, as AWS writes it; nothing where nobody may."""
    try:
        return str(functions.get_policy(FunctionName=name)["Policy"])
    except functions.exceptions.ResourceNotFoundException:
        return ""
