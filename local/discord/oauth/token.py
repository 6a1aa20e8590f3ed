"""`/oauth2/token` and `/oauth2/token/revoke`: form-encoded; the application is known by HTTP Basic or by the form.

These send no rate-limit headers (a public issue says so, and discord-api-docs says nothing else).
https://discord.com/developers/docs/topics/oauth2#authorization-code-grant
"""

import base64
import binascii
import hmac

from local.discord.messages import Answer, Request, json_answer
from local.discord.oauth.grants import CodeRefused
from local.discord.world import World

TOKEN_PATHS = frozenset({"/api/oauth2/token", "/api/v10/oauth2/token"})
REVOKE_PATHS = frozenset({f"{path}/revoke" for path in TOKEN_PATHS})


def handle(world: World, request: Request) -> Answer:
    """Exchange a code or a refresh token, or revoke a token."""
    if request.method != "POST":
        return json_answer(405, {"message": "405: Method Not Allowed", "code": 0})
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return _refused(400, "invalid_request", "The body must be application/x-www-form-urlencoded.")
    form = request.form()
    if not _is_the_application(world, request, form):
        return _refused(401, "invalid_client", "The client id or the client secret is wrong.")
    if request.path in REVOKE_PATHS:
        world.grants.revoke(form.get("token", ""))
        return json_answer(200, {})
    return _exchange(world, form)


def _exchange(world: World, form: dict[str, str]) -> Answer:
    now = world.clock()
    try:
        match form.get("grant_type"):
            case "authorization_code":
                code, redirect_uri = form.get("code", ""), form.get("redirect_uri", "")
                tokens = world.grants.redeem(code, redirect_uri, form.get("code_verifier"), now=now)
            case "refresh_token":
                tokens = world.grants.refresh(form.get("refresh_token", ""), now=now)
            case _:
                return _refused(400, "unsupported_grant_type", "The grant type is not supported.")
    except CodeRefused as error:
        return _refused(400, "invalid_grant", str(error))
    return json_answer(200, tokens, {"Cache-Control": "no-store"})


def _is_the_application(world: World, request: Request, form: dict[str, str]) -> bool:
    client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
    scheme, _blank, credentials = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            client_id, _colon, secret = base64.b64decode(credentials, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
    right_secret = hmac.compare_digest(secret.encode(), world.switches.app_secret.encode())
    return right_secret and client_id == world.config.app_id


def _refused(status: int, error: str, description: str) -> Answer:
    return json_answer(status, {"error": error, "error_description": description})
