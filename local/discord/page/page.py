"""`/`: the guild as its moderators see it, with buttons. For people who play with a local Discord; nobody signs in."""

import base64
import hashlib
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from simcord.backend.errors import BackendError, SetupError

from local.discord.admin import Admin
from local.discord.messages import Answer, DiscordError, Request, html_answer, redirect
from local.discord.page.actions import REFUSED_TOKEN, TROUBLES, act, in_words

PATH = "/"
TEMPLATES = Path(__file__).parent / "templates"
MAX_MEMBERS = 60  # that are shown; a page of a thousand is no use
MAX_REQUESTS = 12
MAX_TOLD = 5  # answers to commands, and posts, that are shown


class GuildPage:
    """Shows the guild, and does what its buttons say."""

    def __init__(self, admin: Admin) -> None:
        self._admin = admin

    def handle(self, request: Request) -> Answer:
        """Answer one request for the page."""
        if request.method == "POST":
            return self._post(request)
        template = "live.html" if request.query.get("part") == "live" else "guild.html"
        page = environment().get_template(template).render(self._values(request.query))
        return html_answer(200, page, _headers())

    def _post(self, request: Request) -> Answer:
        if not _is_same_site(request):
            return html_answer(403, "Another site's page sent this form.")
        form = request.form()
        query = {"find": request.query["find"]} if request.query.get("find") else {}
        try:
            act(self._admin, form)
        except (LookupError, ValueError, SetupError, DiscordError, BackendError) as error:
            query["wrong"] = str(error.args[0] if error.args else error)[:200]
        return redirect(f"{PATH}?{urlencode(query)}#{form.get('at', '')}")

    def _values(self, query: Any) -> dict[str, Any]:  # noqa: ANN401 - a mapping of texts
        state, switches = self._admin.state(), self._admin.switches()
        find = str(query.get("find", ""))[:100]
        people = [member for member in state.members if find.casefold() in member.username.casefold()]
        names = {person.id: person.username for person in self._admin.people()}
        inside = {member.id for member in state.members}
        return {
            "state": state,
            "owner": state.owner_id,
            "members": people[:MAX_MEMBERS],
            "more": max(0, len(people) - MAX_MEMBERS),
            "find": find,
            "bans": [(banned, names.get(banned, banned)) for banned in state.bans],
            "outside": [name for person, name in names.items() if person not in inside and person not in state.bans],
            "roles": [role for role in state.roles if role.id != state.guild_id],
            "assignable": [role for role in state.roles if not role.managed and role.id != state.guild_id],
            "troubles": TROUBLES,
            "faults": [in_words(fault) for fault in self._admin.faults()],
            "token_refused": switches["bot_token"] == REFUSED_TOKEN,
            "list_off": not switches["member_intent"],
            "requests": self._requests(),
            "wrong": str(query.get("wrong", ""))[:200],
            "names": names,
            "commands": self._admin.commands(),
            "told": self._admin.world.interactions.latest(MAX_TOLD),
            "posts": self._admin.posts()[-MAX_TOLD:][::-1],
        }

    def _requests(self) -> list[dict[str, Any]]:
        """What was asked of the API last, newest first."""
        with self._admin.world.lock:
            of_the_bot = (
                one for one in reversed(self._admin.world.request_log) if one.request.path.startswith("/api/")
            )
            newest = list(islice(of_the_bot, MAX_REQUESTS))
        return [
            {
                "time": f"{datetime.fromtimestamp(one.at, UTC):%H:%M:%S}",
                "route": one.route,
                "status": one.status if one.answered else "no answer",
                "fault": one.fault,
                "bad": one.status >= 400 or not one.answered,
            }
            for one in newest
        ]


@cache
def environment() -> Environment:
    """The templates; every text is escaped, and a name that no template was given is an error."""
    return Environment(
        autoescape=True,
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _headers() -> dict[str, str]:
    policy = (
        f"default-src 'none'; style-src '{_hash('guild.css')}'; script-src '{_hash('guild.js')}'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return {"Cache-Control": "no-store", "Content-Security-Policy": policy, "Referrer-Policy": "same-origin"}


def _hash(name: str) -> str:
    text = environment().get_template(name).render()
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _is_same_site(request: Request) -> bool:
    """Whether the form comes from this page. A browser says so; a program need not."""
    origin = request.headers.get("origin", "")
    return origin in ("", "null") or urlsplit(origin).netloc == request.headers.get("host", "")
