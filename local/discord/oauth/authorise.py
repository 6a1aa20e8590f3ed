"""`/oauth2/authorize`: the page on which a person agrees or refuses. https://discord.com/developers/docs/topics/oauth2

Here the person also says who they are, since nobody signs in to a local Discord; a cookie remembers it, so
that `prompt=none` can skip the page for somebody who has authorised the same scopes before.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlencode, urlsplit

from local.discord.config import PERMISSION_WORDS
from local.discord.messages import Answer, DiscordError, Request, html_answer, redirect
from local.discord.oauth import pages
from local.discord.oauth.grants import BOT_SCOPE, KNOWN_SCOPES
from local.discord.world import World

PATH = "/oauth2/authorize"
COOKIE = "local_discord_person"
MAX_PEOPLE_SHOWN = 500  # people to choose from; a list of 100,000 is no use in a browser
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


class NotShown(Exception):
    """The request cannot be trusted with a redirect."""


@dataclass(frozen=True)
class _Asked:
    """What the application asks for, checked."""

    scopes: tuple[str, ...]
    redirect_uri: str
    state: str
    challenge: str | None
    prompt: str
    guild_id: str
    permissions: int

    @property
    def adds_bot(self) -> bool:
        return BOT_SCOPE in self.scopes


def address(query: Mapping[str, str]) -> str:
    """The page's address with this query."""
    return f"{PATH}?{urlencode(query)}"


def handle(world: World, request: Request) -> Answer:
    """Show the page (GET), or do as the person decided (POST)."""
    try:
        asked = _read(world, request.query)
    except NotShown as error:
        return html_answer(400, pages.message("This link is not right", str(error)), pages.HEADERS)
    problem = _problem(request.query)
    if problem is not None:
        return _back(asked, {"error": problem[0], "error_description": problem[1]})
    if request.method == "POST":
        return _decide(world, asked, request.form())
    person = _remembered(request)
    if asked.prompt == "none" and not asked.adds_bot and _has_authorised(world, person, asked):
        return _authorise(world, asked, int(person))
    return _show(world, asked, request, person)


def _read(world: World, query: Mapping[str, str]) -> _Asked:
    """The parts of the request that are trusted: the application, and where the browser goes afterwards."""
    if query.get("client_id") != world.config.app_id:
        raise NotShown("Unknown application: client_id is not this application's.")
    scopes = tuple(dict.fromkeys(query.get("scope", "").split()))
    redirect_uri = query.get("redirect_uri", "")
    only_bot = BOT_SCOPE in scopes and not redirect_uri and "response_type" not in query
    if not only_bot and redirect_uri not in world.switches.redirect_uris:
        raise NotShown("Invalid OAuth2 redirect_uri: it is not one that the application has registered.")
    permissions = query.get("permissions", "0")
    return _Asked(
        scopes=scopes,
        redirect_uri=redirect_uri,
        state=query.get("state", ""),
        challenge=query.get("code_challenge") or None,
        prompt=query.get("prompt", "consent"),
        guild_id=query.get("guild_id", ""),
        permissions=int(permissions) if permissions.isascii() and permissions.isdigit() else 0,
    )


def _problem(query: Mapping[str, str]) -> tuple[str, str] | None:
    """An OAuth2 error for the application, and its description."""
    scopes = query.get("scope", "").split()
    if not scopes or not KNOWN_SCOPES.issuperset(scopes):
        return "invalid_scope", "The requested scope is invalid, unknown, or malformed."
    if "redirect_uri" not in query and "response_type" not in query:
        return None
    if query.get("response_type") != "code":
        return "unsupported_response_type", "The authorization server does not support this response type."
    if "code_challenge" in query or "code_challenge_method" in query:
        return _pkce_problem(query)
    return None


def _pkce_problem(query: Mapping[str, str]) -> tuple[str, str] | None:
    if query.get("code_challenge_method") != "S256":
        return "invalid_request", "Only the code challenge method S256 is supported."
    if not _CHALLENGE.fullmatch(query.get("code_challenge", "")):
        return "invalid_request", "The code challenge is not 43 characters of base64url."
    return None


def _remembered(request: Request) -> str:
    """The person of the cookie, or nobody."""
    try:
        cookie = SimpleCookie(request.headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return cookie.value if cookie is not None and cookie.value.isdecimal() else ""


def _has_authorised(world: World, person: str, asked: _Asked) -> bool:
    return bool(person) and world.grants.authorised(int(person), asked.scopes)


def _show(world: World, asked: _Asked, request: Request, person: str) -> Answer:
    people = [(str(user.id), _called(user.name, user.global_name)) for user in world.guild.people()[:MAX_PEOPLE_SHOWN]]
    wishes = []
    if asked.adds_bot:
        wishes = [f"{wish} in {world.guild.guild.name}" for wish in _named(asked.permissions)]
    page = pages.consent(
        app_name=world.config.app_name,
        scopes=asked.scopes,
        people=people,
        chosen=person or None,
        action=address(request.query),
        destination=urlsplit(asked.redirect_uri).netloc or "a page that says that it is done",
        wishes=wishes,
    )
    return html_answer(200, page, pages.HEADERS)


def _named(permissions: int) -> list[str]:
    """Permissions in words, or as a number if they have no name here."""
    named = [words for bit, words in PERMISSION_WORDS.items() if permissions & bit]
    others = permissions & ~sum(PERMISSION_WORDS)
    return [*named, f"Have the permissions {others}"] if others else named


def _called(username: str, global_name: str | None) -> str:
    return f"{global_name} (@{username})" if global_name else f"@{username}"


def _decide(world: World, asked: _Asked, form: Mapping[str, str]) -> Answer:
    if form.get("decision") != "authorise":
        refused = "The resource owner or authorization server denied the request"
        return _back(asked, {"error": "access_denied", "error_description": refused})
    person = form.get("person", "")
    try:
        user_id = world.guild.person(int(person) if person.isdecimal() else 0).id
    except DiscordError:
        return html_answer(400, pages.message("Nobody chosen", "Choose who you are."), pages.HEADERS)
    if asked.adds_bot:
        refusal = _add_bot(world, asked, user_id)
        if refusal is not None:
            return refusal
    return _authorise(world, asked, user_id)


def _add_bot(world: World, asked: _Asked, user_id: int) -> Answer | None:
    """The person adds the bot to the guild; refused if they may not manage the guild."""
    if asked.guild_id not in ("", str(world.guild.id)) or not world.guild.may_manage(user_id):
        text = "Only somebody who may manage the server can add a bot to it."
        return html_answer(403, pages.message("You may not do that", text), pages.HEADERS)
    world.guild.add_bot(asked.permissions)
    return None


def _authorise(world: World, asked: _Asked, user_id: int) -> Answer:
    cookie = {"Set-Cookie": f"{COOKIE}={user_id}; Path=/oauth2; HttpOnly; SameSite=Lax"}
    if not asked.redirect_uri:
        text = f"{world.config.app_name} is now in {world.guild.guild.name}."
        return html_answer(200, pages.message("Authorised", text), {**pages.HEADERS, **cookie})
    code = world.grants.issue_code(user_id, asked.scopes, asked.redirect_uri, asked.challenge, now=world.clock())
    said = {"code": code}
    if asked.adds_bot:
        said |= {"guild_id": str(world.guild.id), "permissions": str(asked.permissions)}
    return _back(asked, said, cookie)


def _back(asked: _Asked, said: dict[str, str], headers: Mapping[str, str] | None = None) -> Answer:
    """Redirect to the application with its state; a plain page if only a bot was to be added."""
    if not asked.redirect_uri:
        text = said.get("error_description", "")
        return html_answer(200, pages.message("Nothing was changed", text), pages.HEADERS)
    if asked.state:
        said["state"] = asked.state
    joint = "&" if urlsplit(asked.redirect_uri).query else "?"
    return redirect(f"{asked.redirect_uri}{joint}{urlencode(said)}", {"Cache-Control": "no-store", **(headers or {})})
