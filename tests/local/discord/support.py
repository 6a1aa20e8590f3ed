"""A clock to push, and a bot that calls the local Discord without sockets."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from local.discord.config import Config
from local.discord.core import Discord
from local.discord.messages import Answer, Request

NOON = 1_780_000_000.0
CONFIG = Config()
GUILD = f"/guilds/{CONFIG.guild_id}"
REDIRECT = CONFIG.redirect_uris[0]
USER_AGENT = "DiscordBot (https://example.org/rolecall, 1.0)"
JOIN = "identify guilds.join"


class Clock:
    """Stands still until it is pushed."""

    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def push(self, seconds: float) -> None:
        self.now += seconds


@dataclass(frozen=True)
class Said:
    """An answer, read."""

    status: int
    headers: Mapping[str, str]
    json: Any
    raw: Answer

    @property
    def code(self) -> int:
        """Discord's own code of an error."""
        return int(self.json["code"])


class Bot:
    """Calls the API as the application's bot."""

    def __init__(self, discord: Discord, token: str = CONFIG.bot_token, user_agent: str = USER_AGENT) -> None:
        self._discord = discord
        self.headers = {"authorization": f"Bot {token}", "user-agent": user_agent}

    def call(self, method: str, path: str, body: object = None, **headers: str) -> Said:
        raw = b"" if body is None else json.dumps(body).encode()
        sent = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        answer = self._discord.handle(Request.of(method, f"/api/v10{path}", sent, raw))
        is_json = answer.headers.get("Content-Type") == "application/json"
        return Said(answer.status, answer.headers, json.loads(answer.body) if is_json else None, answer)

    def get(self, path: str, **headers: str) -> Said:
        return self.call("GET", path, **headers)


def authorise_url(scope: str = JOIN, **more: str) -> str:
    """The address of the authorise page."""
    query = {
        "client_id": CONFIG.app_id,
        "response_type": "code",
        "redirect_uri": REDIRECT,
        "scope": scope,
        "state": "a state",
        **more,
    }
    return f"/oauth2/authorize?{urlencode(query)}"


def decide(discord: Discord, url: str, person_id: str, decision: str = "authorise") -> Answer:
    """Click a button of the authorise page."""
    form = urlencode({"person": person_id, "decision": decision}).encode()
    return discord.handle(Request.of("POST", url, {"content-type": "application/x-www-form-urlencoded"}, form))


def sent_back(answer: Answer) -> dict[str, str]:
    """What the application is told in the redirect."""
    assert answer.status == 302
    assert answer.headers["Location"].startswith(REDIRECT)
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


def post_form(discord: Discord, path: str, form: Mapping[str, str], **headers: str) -> Said:
    """A form-encoded request of the application itself."""
    sent = {"content-type": "application/x-www-form-urlencoded", "user-agent": USER_AGENT, **headers}
    answer = discord.handle(Request.of("POST", path, sent, urlencode(form).encode()))
    return Said(answer.status, answer.headers, json.loads(answer.body), answer)


def exchange(discord: Discord, code: str, **more: str) -> Said:
    """The application exchanges a code, saying who it is in the form."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": REDIRECT,
        "client_id": CONFIG.app_id,
        "client_secret": CONFIG.app_secret,
        **more,
    }
    return post_form(discord, "/api/oauth2/token", form)


def access_token(discord: Discord, person_id: str, scope: str = JOIN) -> str:
    """The token of a person who has clicked Authorise."""
    code = sent_back(decide(discord, authorise_url(scope), person_id))["code"]
    return str(exchange(discord, code).json["access_token"])
