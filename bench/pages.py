"""How long people wait for a page: the packaged web function under AWS's runtime client, beside its /health.

Tables and queues are those of the local AWS, Discord is the local one, and 30 members are linked. *Cold* is from the
start of the function's process to its first answer, *warm* a further answer of the same process. Both hold what the
local AWS and Discord take, some milliseconds a call; CPU time is the function's alone.
"""

import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.figures import Figure, Result
from chalicelib.discord.models import Account
from chalicelib.store import rows, users
from local.auth_site import AuthSite
from local.aws import environment as env
from local.aws import package
from local.aws.runtime import http_event, running
from local.aws.server import ROOT, Server
from local.aws.stack import _client, _create_data_stack, _session, _store_secrets, api_url_at
from local.discord.config import Config
from local.discord.core import Discord
from local.discord.server import serve

STAGE = "bench"
LINKED = 30
WARM = 10  # answers of one process
Event = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """Where the function runs: its code, and its settings."""

    code: Path
    settings: Mapping[str, str]

    def answers(self, event: Event, number: int) -> tuple[float, list[float]]:
        """CPU seconds of a process that gives `number` answers, and the seconds until each."""
        seconds = []
        with tempfile.TemporaryDirectory() as folder:
            with running("app.app", self.code, Path(folder), self.settings) as runtime:
                for _ in range(number):
                    began = time.perf_counter()
                    kind, answer = runtime.invoke(event)
                    seconds.append(time.perf_counter() - began)
                    _require(kind, answer)
            return runtime.cpu_seconds, [runtime.seconds, *seconds[1:]]


def times(rounds: int) -> list[Result]:
    """A row for each page: cold and warm."""
    with _place() as (place, site):
        return [_figure(name, place, event, rounds) for name, event in _events(place, site).items()]


def _figure(name: str, place: Place, event: Event, rounds: int) -> Figure:
    starts = [place.answers(event, 1) for _ in range(rounds)]
    _, answers = place.answers(event, 1 + WARM)
    cold, cpu = median(one[0] for _, one in starts), median(cpu for cpu, _ in starts)
    warm = median(answers[1:])
    note = f"{cpu * 1000:.0f} ms CPU cold"
    return Figure(f"page, ms cold / warm: {name}", f"{cold * 1000:.0f} / {warm * 1000:.0f}", note=note)


def _events(place: Place, site: AuthSite) -> dict[str, Event]:
    mine, officers = _opened(place, site, "me"), _opened(place, site, "admin")
    return {
        "/health": http_event("/health"),
        "linking: a refusal": http_event("/discord/link", token="none"),
        "linking: the page that asks before unlinking": http_event("/discord/unlink", token=site.token("1", "unlink")),
        "My Discord": mine,
        "the officers' page": officers,
        "the officers' page, a look by itself": _with_query(officers, part="live"),
        "the officers' page, a member explained": _with_query(officers, member="1"),
    }


def _opened(place: Place, site: AuthSite, purpose: str) -> Event:
    """A request for the page within a session, which a click on the auth site's link has opened."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running("app.app", place.code, Path(folder), place.settings) as runtime,
    ):
        path = f"/discord/{purpose}"
        _, answer = runtime.invoke(http_event(path, token=site.token("1", purpose)))
    headers = answer["headers"] | {name: values[0] for name, values in answer["multiValueHeaders"].items()}
    cookie = headers["Set-Cookie"].partition(";")[0]
    event = http_event(path)
    return event | {
        "headers": event["headers"] | {"Cookie": cookie},
        "multiValueHeaders": event["multiValueHeaders"] | {"Cookie": [cookie]},
    }


def _with_query(event: Event, **query: str) -> Event:
    several = {name: [value] for name, value in query.items()}
    return event | {"queryStringParameters": query, "multiValueQueryStringParameters": several}


def _require(kind: str, answer: Any) -> None:  # noqa: ANN401 - whatever JSON can say
    if kind != "response" or answer["statusCode"] >= 500:
        raise RuntimeError(f"the page was not shown: {kind}, {str(answer)[:300]}")


@contextmanager
def _place() -> Iterator[tuple[Place, AuthSite]]:
    """The local AWS and Discord, with everybody linked."""
    server = Server()
    try:
        with tempfile.TemporaryDirectory() as folder, serve(_discord()) as discord:
            packaged = package.build(STAGE, import_environment={"ROLECALL_STAGE": STAGE})
            zipfile.ZipFile(packaged.zip_file).extractall(folder)
            session = _session()
            _create_data_stack(_client(session, server, "cloudformation"), ROOT, Stage=STAGE)
            settings = env.complete(env.discord_at(discord.url), api_url=api_url_at(server.port))
            _store_secrets(_client(session, server, "ssm"), STAGE, settings)
            rows.connect(STAGE, client=_client(session, server, "dynamodb"))
            _link_all(discord.discord, int(settings["DISCORD_GUILD_ID"]))
            site = AuthSite(None, secret=settings["AUTH_SITE_SECRET"], jobs_queue_url="", notices_queue_url="")
            open_settings = {name: value for name, value in settings.items() if not name.endswith("SECRET")}
            open_settings.pop("DISCORD_BOT_TOKEN")
            own = {"AWS_ENDPOINT_URL": server.endpoint_url, "AWS_DEFAULT_REGION": session.region_name}
            yield Place(Path(folder), open_settings | own | {"ROLECALL_STAGE": STAGE}), site
    finally:
        server.stop()


def _discord() -> Discord:
    chosen = env.MADE_UP
    return Discord(
        Config(
            guild_id=chosen["DISCORD_GUILD_ID"],
            app_id=chosen["DISCORD_APP_ID"],
            app_secret=chosen["DISCORD_APP_SECRET"],
            bot_token=chosen["DISCORD_BOT_TOKEN"],
        )
    )


def _link_all(discord: Discord, guild_id: int) -> None:
    discord.admin.create_role("Member")
    now = time.time()
    for number, member in enumerate(discord.admin.add_members(LINKED, roles=["Member"]), start=1):
        account = Account(int(member), f"pilot{number}")
        users.link(str(number), guild_id, account, users.Claim(issued_at=now), now=now - users.JOIN_TIMEOUT)
        users.record_groups(str(number), ("Member",), 1, now=now)
