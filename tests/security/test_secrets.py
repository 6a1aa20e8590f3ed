"""No secret is written anywhere it does not belong: every flow is run, good and bad, and everything searched.

What may stand where: the state and the code travel through the browser's addresses, to Discord and back; the cookie
goes to the browser that began; a token of the auth site stands in the page that asks before unlinking, to be sent on.
"""

import base64
import json
import traceback
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from chalicelib.discord.halts import MAX_ADDRESS_PAUSE
from chalicelib.discord.models import Account
from chalicelib.errors import LinkRefused
from chalicelib.linking.addresses import verifier_of
from chalicelib.linking.oauth import Authorisation
from local.discord.config import Config
from local.discord.faults import Fault
from local.discord.oauth.grants import Grants
from local.simulated import AT, World
from tests.linking.doors import Answer, Browser, Doors, callback, logged
from tests.linking.refusals import REFUSALS

SECRETS = {
    "app secret": 'app-secret/"quoted"+more',
    "bot token": "Bot.Token-of\\the.World",
    "webhook token": Config().webhook.partition("/")[2],
    "auth secret": "the auth site's secret of the simulation",
}


class Search:
    """Everything that was written, to be searched."""

    def __init__(self, world: World, output: StringIO, printed: StringIO, doors: Doors) -> None:
        self.places: dict[str, list[str]] = {
            "log": output.getvalue().splitlines(),
            "printed": printed.getvalue().splitlines(),
            "metrics": [json.dumps(line) for line in world.metrics],
            "queues": [sent.body + json.dumps(sent.attributes) for sent in world.sqs.sent],
            "tables": [repr(row) for rows in world.dynamodb.snapshot().values() for row in rows],
            "pages": [answer.body for answer in doors.answers],
            "headers": [json.dumps(dict(answer.headers)) for answer in doors.answers],
            "reprs": [
                repr(part)
                for part in (world.settings, doors.container, doors.container.services, doors.container.linking)
            ],
        }

    def where(self, secret: str) -> set[str]:
        """The places in which it stands, in any of its spellings."""
        spellings = {
            secret,
            quote(secret, safe=""),
            json.dumps(secret)[1:-1],
            base64.b64encode(secret.encode()).decode().rstrip("="),
            base64.urlsafe_b64encode(secret.encode()).decode().rstrip("="),
        }
        return {
            place for place, texts in self.places.items() for text in texts if any(spelt in text for spelt in spellings)
        }


@pytest.fixture(scope="module")
def told() -> Iterator[tuple[World, Doors, list[str], Search]]:
    """A world after every flow, good and bad: what the browsers carried, and everything that was written."""
    printed = StringIO()
    with logged() as output, redirect_stdout(printed):
        world, doors, carried = every_flow()
        yield world, doors, carried, Search(world, output, printed, doors)


def every_flow() -> tuple[World, Doors, list[str]]:
    """Run them; gives the tokens, states, codes, cookies and access tokens that were in use."""
    settings = {"DISCORD_APP_SECRET": SECRETS["app secret"], "DISCORD_BOT_TOKEN": SECRETS["bot token"]}
    settings["DISCORD_WEBHOOK_URL"] = f"{AT}/api/webhooks/{Config().webhook}"
    world = World(settings | {"DISCORD_SYNC_NAMES": "True"})
    world.guild.turn(app_secret=SECRETS["app secret"], bot_token=SECRETS["bot token"], rate_limits=False)
    doors, tokens = Doors(world), list[str]()
    issue = world.site.token

    def known_role_ids(*arguments: Any, **claims: Any) -> str:
        tokens.append(issue(*arguments, **claims))
        return tokens[-1]

    world.site.token = known_role_ids  # type: ignore[method-assign]  # to know what was issued
    for _, play, _ in REFUSALS:
        play(world, Browser(doors))
        world.guild.clear_faults()
        world.guild.turn(app_secret=SECRETS["app secret"], bot_in_guild=True)
        world.guild.turn(bot_permissions=doors.world.discord.config.bot_permissions)
        world.run(seconds=200)
        world.clock.advance(MAX_ADDRESS_PAUSE)  # after Cloudflare's page nobody is asked anything
        if any(person.username == "kira" for person in world.guild.people()):
            world.guild.change_person("kira", username=f"kira{len(tokens)}")
    break_inside(world, doors)
    browser = Browser(doors)
    browser.link_as(world.site.token("500", "link", groups=["Member"], nickname="Sanne"), "sanne")
    browser.get("/discord/unlink", token=world.site.token("500", "unlink"))
    browser.get("/discord/add_bot", token=world.site.token("1", "add_bot"))
    doors.send(doors.event("GET", "/discord/users/500", headers={"Authorization": f"Bearer {issue('500', 'read')}"}))
    world.site.groups("500", ["Member", "Blue"])
    world.run(seconds=60)
    world.guild.inject(Fault(kind="answer", method="PATCH|PUT", status=403, code=50013, times=None))
    world.site.groups("500", ["Director"])
    world.run(seconds=60)
    world.guild.clear_faults()
    world.guild.inject(Fault(kind="answer", status=401))
    world.site.groups("500", ["Member"])
    world.site.post(json.dumps({"kind": "nonsense", "user_id": "500"}))
    world.run(seconds=60)
    browser.post("/discord/unlink", token=world.site.token("500", "unlink"))
    return world, doors, tokens


def break_inside(world: World, doors: Doors) -> None:
    """A fault of our own, in the middle of a callback, with a traceback in the log."""
    browser = Browser(doors)
    back = callback(world, browser.link(world.site.token("501", "link", groups=["Member"])), "dov")

    def fails(operation: str, _arguments: object) -> None:
        if operation == "TransactWriteItems":
            raise RuntimeError("the table broke")

    world.dynamodb.before = fails
    assert browser.follow(back).reason == "misconfigured"
    world.dynamodb.before = None


def test_our_own_secrets_are_written_nowhere(told: tuple[World, Doors, list[str], Search]) -> None:
    *_, search = told
    for name, secret in SECRETS.items():
        assert search.where(secret) == set(), name


def test_the_auth_sites_tokens_stand_only_in_the_page_that_sends_them_on(
    told: tuple[World, Doors, list[str], Search],
) -> None:
    _, _, tokens, search = told
    assert len(tokens) > 20
    for token in tokens:
        assert search.where(token) <= {"pages"}
    pages = [page for page in search.places["pages"] if any(token in page for token in tokens)]
    assert all('name="token"' in page for page in pages)


def test_states_codes_cookies_and_verifiers_stand_only_where_they_must(
    told: tuple[World, Doors, list[str], Search],
) -> None:
    world, doors, _, search = told
    begun = [answer for answer in doors.answers if "set-cookie" in answer.headers]
    assert len(begun) > 15
    for started in begun:
        state, cookie = state_of(started), started.headers["set-cookie"].partition("=")[2].partition(";")[0]
        assert search.where(state) == {"headers"}  # of the redirect to Discord
        assert search.where(cookie) == {"headers"}  # Set-Cookie
        assert search.where(verifier_of(state, world.settings.auth_site_secret)) == set()
        assert cookie not in started.location


def test_codes_and_access_tokens_are_written_nowhere_and_all_are_given_back(
    told: tuple[World, Doors, list[str], Search],
) -> None:
    world, _, _, search = told
    maker = Grants(world.discord.config)  # it makes the same codes and tokens again, from the same seed
    issued = [maker._secret() for _ in range(200)]
    bought = [one for one in world.guild.received() if one.path.endswith("/token") and one.status == 200]
    assert len(bought) > 10
    assert [(secret, search.where(secret)) for secret in issued if search.where(secret)] == []
    assert world.guild.counts().living_tokens == 0


def test_reprs_and_tracebacks_of_what_holds_secrets_do_not_show_them() -> None:
    world = World()
    held = Authorisation(Account(1, "kira"), "an-access-token")
    assert "an-access-token" not in repr(held)
    shown = repr(world.settings)
    for secret in (world.settings.app_secret, world.settings.bot_token, world.settings.auth_site_secret):
        assert secret not in shown
    with pytest.raises(LinkRefused) as refused:
        world.http.linking.start(world.site.token("101", "unlink"))
    assert "eyJ" not in "".join(traceback.format_exception(refused.value))


def test_the_search_finds_what_is_there(told: tuple[World, Doors, list[str], Search]) -> None:
    """Else the tests above would prove nothing."""
    *_, search = told
    for place, text in (
        ("log", "link_started"),
        ("queues", "update_groups"),
        ("tables", "Member"),
        ("pages", "You are linked"),
        ("headers", "rolecall_attempt"),
        ("metrics", "ChangeAge"),
        ("reprs", "Settings("),
    ):
        assert place in search.where(text), place
    assert any("Traceback" in line for line in search.places["log"])


def state_of(started: Answer) -> str:
    return parse_qs(urlsplit(started.location).query)["state"][0]
