"""What Discord does with requests beyond its documentation, seen by the bot: blocks, and successes that are none."""

import json
from typing import TYPE_CHECKING

import pytest

from local.discord.blocks import SHAPES, Shape
from local.discord.config import Config
from local.discord.core import Discord
from local.discord.faults import Fault
from tests.local.discord.support import GUILD, Bot, Clock

if TYPE_CHECKING:
    from local.discord.admin import Admin
    from local.discord.views import Member


@pytest.fixture
def alice(admin: "Admin") -> "Member":
    admin.create_role("Member")
    admin.create_role("Officer")
    return admin.add_member("alice", roles=["Member"], nick="Al")


def role_ids(admin: "Admin", *names: str) -> list[str]:
    found = [admin.state().role(name) for name in names]
    return [role.id for role in found if role is not None]


@pytest.mark.parametrize("shape", SHAPES)
def test_cloudflares_block_comes_in_each_shape_and_never_with_discords_headers(
    admin: "Admin", bot: Bot, shape: Shape
) -> None:
    admin.inject(Fault(kind="cloudflare", shape=shape, retry_after=7))
    said = bot.get("/users/@me")
    assert said.status in (403, 429)
    assert not any(name.lower().startswith("x-ratelimit") for name in said.headers)
    assert (said.headers["Server"], said.headers["Retry-After"]) == ("cloudflare", "7")
    assert bot.get("/users/@me").status == 200


def test_a_block_in_json_names_its_error() -> None:
    discord = Discord()
    discord.admin.inject(Fault(kind="cloudflare", shape="json_403"))
    said = Bot(discord).get("/users/@me")
    assert (said.status, said.json["error_code"], said.json["cloudflare_error"]) == (403, 1020, True)


def test_a_fault_may_affect_one_address_only(admin: "Admin", bot: Bot) -> None:
    admin.inject(Fault(kind="cloudflare", address=r"10\.0\.0\.1", times=None))
    assert bot.get("/users/@me", cf_connecting_ip="10.0.0.2").status == 200
    assert bot.get("/users/@me", cf_connecting_ip="10.0.0.1").status == 429
    assert bot.get("/users/@me").status == 200


def test_invalid_requests_block_the_address_that_sent_them_and_no_other(clock: Clock) -> None:
    discord = Discord(Config(invalid_request_limit=5), clock)
    stranger, bot = Bot(discord, token="wrong"), Bot(discord)
    for _ in range(5):
        assert stranger.get("/users/@me", cf_connecting_ip="10.0.0.1").status == 401
    assert bot.get("/users/@me", cf_connecting_ip="10.0.0.1").status == 429
    assert bot.get("/users/@me", cf_connecting_ip="10.0.0.2").status == 200
    clock.push(601)
    assert bot.get("/users/@me", cf_connecting_ip="10.0.0.1").status == 200


def test_a_fault_may_depend_on_what_is_sent(admin: "Admin", bot: Bot, alice: "Member") -> None:
    admin.inject(Fault(kind="answer", method="PATCH", content='"nick"', status=400, code=50035, times=None))
    path = f"{GUILD}/members/{alice.id}"
    assert bot.call("PATCH", path, {"nick": "Anything"}).code == 50035
    assert bot.call("PATCH", path, {"roles": role_ids(admin, "Officer")}).status == 200
    assert bot.call("PATCH", path, {"nick": "Anything", "roles": []}).code == 50035


def test_an_ignored_change_is_answered_as_a_success(admin: "Admin", bot: Bot, alice: "Member") -> None:
    (officer,) = role_ids(admin, "Officer")
    for method in ("PUT", "DELETE"):
        admin.inject(Fault(kind="ignore", method=method))
    assert bot.call("PUT", f"{GUILD}/members/{alice.id}/roles/{officer}").status == 204
    assert bot.call("DELETE", f"{GUILD}/members/{alice.id}/roles/{role_ids(admin, 'Member')[0]}").status == 204
    assert admin.member("alice") == alice
    admin.inject(Fault(kind="ignore", method="PATCH"))
    said = bot.call("PATCH", f"{GUILD}/members/{alice.id}", {"nick": "New", "roles": []})
    assert (said.status, said.json["nick"], said.json["roles"]) == (200, "Al", list(alice.role_ids))
    admin.inject(Fault(kind="ignore", method="DELETE"))
    assert bot.call("DELETE", f"{GUILD}/members/{alice.id}").status == 204
    assert admin.member("alice") == alice


def test_an_ignored_change_is_refused_where_it_would_be_refused(bot: Bot, admin: "Admin", alice: "Member") -> None:
    admin.inject(Fault(kind="ignore", method="PUT"))
    assert bot.call("PUT", f"{GUILD}/members/{alice.id}/roles/12345").code == 10011


def test_a_role_may_be_left_out_of_a_success(admin: "Admin", bot: Bot, alice: "Member") -> None:
    admin.inject(Fault(kind="leave_out", method="PATCH"))
    wanted = role_ids(admin, "Member", "Officer")
    said = bot.call("PATCH", f"{GUILD}/members/{alice.id}", {"roles": wanted, "nick": "New"})
    assert (said.status, said.json["roles"], said.json["nick"]) == (200, wanted[:1], "New")
    assert admin.member("alice") is not None
    assert bot.call("PATCH", f"{GUILD}/members/{alice.id}", {"roles": wanted}).json["roles"] == wanted


def test_unknown_roles_may_be_left_out_instead_of_refused(admin: "Admin", bot: Bot, alice: "Member") -> None:
    wanted = [*role_ids(admin, "Member"), "12345"]
    assert bot.call("PATCH", f"{GUILD}/members/{alice.id}", {"roles": wanted}).code == 50028
    admin.turn(leaves_out_unknown_roles=True)
    assert bot.call("PATCH", f"{GUILD}/members/{alice.id}", {"roles": wanted}).json["roles"] == wanted[:1]


def test_a_nickname_may_be_stored_differently(admin: "Admin", bot: Bot, alice: "Member") -> None:
    admin.turn(strips_invisible=True, null_nick_for_username=True)
    path = f"{GUILD}/members/{alice.id}"
    assert bot.call("PATCH", path, {"nick": "A\u200bl\u2060i"}).json["nick"] == "Ali"
    assert bot.call("PATCH", path, {"nick": "alice"}).json["nick"] is None
    assert bot.call("PATCH", path, {"nick": "\u200b"}).json["nick"] is None


def test_a_page_of_members_may_be_short_though_more_follow(admin: "Admin", bot: Bot) -> None:
    admin.add_members(9)
    everybody = [member["user"]["id"] for member in bot.get(f"{GUILD}/members?limit=1000").json]
    admin.inject(Fault(kind="short_page"))
    assert len(bot.get(f"{GUILD}/members?limit=1000").json) == len(everybody) // 2
    admin.turn(member_page=4)
    assert len(bot.get(f"{GUILD}/members?limit=1000").json) == 4


def test_a_new_member_may_be_listed_late(admin: "Admin", bot: Bot, clock: Clock) -> None:
    admin.turn(list_lag=5.0)
    clock.push(60)
    admin.add_member("late")
    listed = f"{GUILD}/members?limit=1000"
    assert "late" not in json.dumps(bot.get(listed).json)
    clock.push(6)
    assert "late" in json.dumps(bot.get(listed).json)
