"""Rolecall by HTTP: an account is read, a link ended, the way into a browser signed."""

import time
import uuid
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import requests

from . import contract
from .app_settings import Server

READ_TIMEOUT = (3, 10)  # seconds to connect, to answer
UNLINK_TIMEOUT = (3, 28)  # Rolecall itself answers a person within API Gateway's 29


class RolecallUnavailable(Exception):
    """Rolecall could not be asked, or answered what the contract has not. Says why, never with a token in it."""


class Refused(Exception):
    """Rolecall said no; `reason` is one of the contract's."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def sign(server: Server, user_id: str, purpose: str, **claims: Any) -> str:  # noqa: ANN401 - see the contract
    """A token that holds from now on, once."""
    return contract.sign(server.secret, user_id, purpose, now=time.time(), jti=uuid.uuid4().hex, **claims)


def address(server: Server, path: str, token: str) -> str:
    """Where a browser is sent. Never to be logged."""
    return f"{server.url}/discord/{path}?{urlencode({'token': token})}"


def read(server: Server, user_id: str) -> contract.Linked | None:
    """What Rolecall says of the user's account; None without a link. Raises RolecallUnavailable."""
    answer = request_account(server, user_id)
    if answer.status_code == requests.codes.not_found and _says_not_linked(answer):
        return None
    if answer.status_code != requests.codes.ok:
        raise RolecallUnavailable(f"reading an account was answered by {answer.status_code}")
    try:
        return contract.read_linked(answer.json())
    except (ValueError, contract.NotAsAgreed) as error:
        raise RolecallUnavailable(f"reading an account: {error}") from None


def _says_not_linked(answer: requests.Response) -> bool:
    """A 404 of Rolecall's own, not of a wrong address: that would end every link."""
    try:
        said = answer.json()
    except ValueError:
        return False
    return isinstance(said, dict) and said.get("error") == "not_linked"


def request_account(server: Server, user_id: str) -> requests.Response:
    """The bare answer of the account's route. Raises RolecallUnavailable."""
    token = sign(server, user_id, contract.READ)
    try:
        return requests.get(
            f"{server.url}/discord/users/{user_id}",
            headers={"Authorization": f"Bearer {token}"},
            timeout=READ_TIMEOUT,
            allow_redirects=False,
        )
    except requests.RequestException as error:
        raise RolecallUnavailable(f"reading an account: {type(error).__name__}") from None


def unlink(server: Server, user_id: str) -> None:
    """End the link and remove the member. Raises Refused and RolecallUnavailable.

    What Discord cannot do at once is queued at Rolecall: the member may be gone only a little later.
    """
    token = sign(server, user_id, contract.UNLINK)
    try:
        answer = requests.post(
            f"{server.url}/discord/unlink", json={"token": token}, timeout=UNLINK_TIMEOUT, allow_redirects=False
        )
    except requests.RequestException as error:
        raise RolecallUnavailable(f"unlinking: {type(error).__name__}") from None
    if answer.status_code == requests.codes.ok:  # its own page, where it has no AUTH_SITE_URL
        return
    if answer.status_code != requests.codes.found:
        raise RolecallUnavailable(f"unlinking was answered by {answer.status_code}")
    said = parse_qs(urlsplit(answer.headers.get("Location", "")).query)
    if said.get("discord") != ["unlinked"]:
        raise Refused(said.get("reason", ["unknown"])[0])
