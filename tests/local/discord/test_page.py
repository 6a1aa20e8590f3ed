"""The local Discord's own page: its buttons do to the guild what people and bad days do."""

import json
import re
from collections.abc import Callable
from html import unescape
from urllib.parse import quote, urlencode

import pytest
import requests

from local.discord.admin import Admin
from local.discord.core import Discord
from local.discord.messages import Answer, Request
from local.discord.page.actions import ACTIONS, TROUBLES
from local.discord.server import Running, serve

TOLD = "Everything is in step.\n<b>Member</b>"
NASTY = "\"'><script>alert(1)</script><img src=x>"


@pytest.fixture
def discord() -> Discord:
    made = Discord()
    for name in ("Member", "Blue"):
        made.admin.create_role(name)
    made.admin.add_member("kira", roles=["Member"], nick="Kira")
    made.admin.add_person("dov")
    commands = made.admin.world.interactions
    commands.commands = [{"id": "1", "name": "whoami", "type": 1}]
    commands.endpoint, commands.send = "https://rolecall.test/discord/interactions", answered
    return made


def answered(_url: str, _headers: object, _body: bytes) -> tuple[int, bytes]:
    """In the place of Rolecall's endpoint."""
    return 200, json.dumps({"type": 4, "data": {"content": TOLD, "flags": 64}}).encode()


def page(discord: Discord, url: str = "/") -> str:
    answer = discord.handle(Request.of("GET", url))
    assert answer.status == 200
    return answer.body.decode()


def press(discord: Discord, do: str, **fields: str) -> Answer:
    return press_from(discord, {}, do, **fields)


def press_from(discord: Discord, headers: dict[str, str], do: str, **fields: str) -> Answer:
    return discord.handle(Request.of("POST", "/", headers, urlencode({"do": do, **fields}).encode()))


def kira(admin: Admin) -> set[str]:
    member = admin.member("kira")
    assert member
    return set(member.roles)


def role_id(admin: Admin, name: str) -> str:
    role = admin.state().role(name)
    assert role
    return role.id


PRESSED: dict[str, tuple[Callable[[Admin], dict[str, str]], Callable[[Admin], bool]]] = {
    "give": (lambda admin: {"who": "kira", "role": role_id(admin, "Blue")}, lambda admin: "Blue" in kira(admin)),
    "take": (lambda admin: {"who": "kira", "take": role_id(admin, "Member")}, lambda admin: kira(admin) == set()),
    "nick": (lambda _: {"who": "kira", "nick": "xX_Kira_Xx"}, lambda admin: admin.member("kira").nick == "xX_Kira_Xx"),  # type: ignore[union-attr]
    "command": (
        lambda _: {"who": "kira", "name": "whoami"},
        lambda admin: [shown.content for _, _, shown in admin.world.interactions.latest(1)] == [TOLD],
    ),
    "leave": (lambda _: {"who": "kira"}, lambda admin: admin.member("kira") is None),
    "ban": (lambda _: {"who": "kira"}, lambda admin: len(admin.state().bans) == 1),
    "join": (lambda _: {"who": "dov"}, lambda admin: admin.member("dov") is not None),
    "create_role": (lambda _: {"name": "New"}, lambda admin: admin.state().role("New") is not None),
    "rename_role": (
        lambda admin: {"role": role_id(admin, "Blue"), "name": "Navy"},
        lambda admin: admin.state().role("Blue") is None and admin.state().role("Navy") is not None,
    ),
    "delete_role": (lambda admin: {"role": role_id(admin, "Member")}, lambda admin: kira(admin) == set()),
    "up": (
        lambda admin: {"role": role_id(admin, "Blue")},
        lambda admin: admin.state().role("Blue").position > admin.state().role("Member").position,  # type: ignore[union-attr]
    ),
    "down": (
        lambda admin: {"role": role_id(admin, "Member")},
        lambda admin: admin.state().role("Blue").position > admin.state().role("Member").position,  # type: ignore[union-attr]
    ),
    "trouble": (lambda _: {"trouble": "outage"}, lambda admin: [fault.times for fault in admin.faults()] == [None]),
    "token_refused": (lambda _: {}, lambda admin: admin.switches()["bot_token"] != admin.world.config.bot_token),
    "list_off": (lambda _: {}, lambda admin: admin.switches()["member_intent"] is False),
}
UNDONE: dict[str, tuple[str, dict[str, str], Callable[[Admin], bool]]] = {
    "calm": ("trouble", {"trouble": "outage"}, lambda admin: admin.faults() == []),
    "token_good": ("token_refused", {}, lambda admin: admin.switches()["bot_token"] == admin.world.config.bot_token),
    "list_on": ("list_off", {}, lambda admin: admin.switches()["member_intent"] is True),
}


@pytest.mark.parametrize("do", PRESSED)
def test_a_button_does_what_it_says(discord: Discord, do: str) -> None:
    fields, done = PRESSED[do]
    assert not done(discord.admin)
    answer = press(discord, do, **fields(discord.admin))
    assert (answer.status, "wrong" in answer.headers["Location"]) == (302, False)
    assert done(discord.admin)


@pytest.mark.parametrize("do", UNDONE)
def test_what_was_done_can_be_undone(discord: Discord, do: str) -> None:
    before, fields, undone = UNDONE[do]
    press(discord, before, **fields)
    assert not undone(discord.admin)
    press(discord, do)
    assert undone(discord.admin)


def test_a_ban_is_lifted(discord: Discord) -> None:
    press(discord, "ban", who="kira")
    (banned,) = discord.admin.state().bans
    press(discord, "unban", who=banned)
    assert discord.admin.state().bans == ()


def test_every_button_is_tested_and_on_the_page(discord: Discord) -> None:
    assert ACTIONS.keys() == PRESSED.keys() | UNDONE.keys() | {"unban"}
    press(discord, "trouble", trouble="outage")
    press(discord, "ban", who="dov")
    shown = set(re.findall(r'name="do" value="(\w+)"', page(discord)))
    for do in ("token_refused", "list_off"):
        press(discord, do)
    shown |= set(re.findall(r'name="do" value="(\w+)"', page(discord)))
    assert shown == ACTIONS.keys()


@pytest.mark.parametrize("key", TROUBLES)
def test_trouble_meets_the_api_and_not_the_page(key: str) -> None:
    with serve() as running:
        requests.post(f"{running.url}/", {"do": "trouble", "trouble": key}, timeout=5)
        assert TROUBLES[key].name in requests.get(f"{running.url}/", timeout=5).text
        assert running.discord.admin.faults()[0].kind == TROUBLES[key].fault.kind
        if key in ("limited", "errors", "outage"):
            assert asked(running) in (429, 500, 503)


def asked(running: Running) -> int:
    config = running.discord.config
    headers = {"Authorization": f"Bot {config.bot_token}", "User-Agent": "DiscordBot (https://x.test, 1)"}
    return requests.get(f"{running.url}/api/v10/guilds/{config.guild_id}", headers=headers, timeout=5).status_code


def test_a_trouble_can_be_ordered_again_after_it_was_used_up(discord: Discord) -> None:
    press(discord, "trouble", trouble="errors")
    discord.admin.faults()[0].times = 1
    discord.admin.clear_faults()
    press(discord, "trouble", trouble="errors")
    assert discord.admin.faults()[0].times == 5


@pytest.mark.parametrize(
    ("do", "fields"),
    [
        ("leave", {"who": "nobody"}),
        ("give", {"who": "kira", "role": "99"}),
        ("create_role", {"name": "  "}),
        ("nothing", {}),
        ("give", {}),
        ("trouble", {"trouble": "none"}),
    ],
)
def test_what_cannot_be_done_is_said(discord: Discord, do: str, fields: dict[str, str]) -> None:
    answer = press(discord, do, **fields)
    assert answer.status == 302
    assert "That could not be done" in page(discord, answer.headers["Location"].partition("#")[0])


def test_names_stay_text(discord: Discord) -> None:
    discord.admin.create_role(NASTY)
    discord.admin.change_member("kira", nick=NASTY[:32], give=[NASTY])
    shown = page(discord, f"/?wrong={quote(NASTY)}&find=kira")
    assert shown.count("<script") == 1, "ours"
    assert "<img" not in shown
    assert NASTY in unescape(shown)


def test_another_sites_page_cannot_press_a_button(discord: Discord) -> None:
    answer = press_from(discord, {"Origin": "https://evil.test", "Host": "127.0.0.1:8010"}, "leave", who="kira")
    assert answer.status == 403
    assert discord.admin.member("kira") is not None
    here = {"Origin": "http://127.0.0.1:8010", "Host": "127.0.0.1:8010"}
    assert press_from(discord, here, "leave", who="kira").status == 302
    assert discord.admin.member("kira") is None


def test_what_was_asked_is_shown_newest_first(discord: Discord) -> None:
    token = {"Authorization": f"Bot {discord.config.bot_token}", "User-Agent": "DiscordBot (https://x.test, 1)"}
    for path in ("", "/roles"):
        discord.handle(Request.of("GET", f"/api/v10/guilds/{discord.config.guild_id}{path}", token))
    shown = page(discord, "/?part=live")
    assert shown.index("GET /guilds/{guild_id}/roles") < shown.index("GET /guilds/{guild_id}<")
    assert "<html" not in shown


def test_what_members_were_told_and_what_was_posted_is_shown(discord: Discord) -> None:
    press(discord, "command", who="kira", name="whoami")
    path = discord.admin.create_webhook("officers")
    body = json.dumps({"content": "**A role cannot be given.**"}).encode()
    assert discord.handle(Request.of("POST", path, {"User-Agent": "DiscordBot (test, 1)"}, body)).status == 204
    shown = page(discord)
    assert "@kira</span>" in shown
    assert "Everything is in step.<br>&lt;b&gt;Member&lt;/b&gt;" in shown
    assert "#officers</span><br>**A role cannot be given.**" in shown
