"""Rate limits as a client meets them: in headers and 429s."""

import json

import pytest

from local.discord.config import Config
from local.discord.core import Discord
from tests.local.discord.support import CONFIG, GUILD, NOON, Bot, Clock, exchange

HEADERS = {
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "X-RateLimit-Reset-After",
    "X-RateLimit-Bucket",
}


def drain(bot: Bot, method: str, path: str, body: object = None) -> int:
    """How many requests pass before the first 429."""
    passed = 0
    while bot.call(method, path, body).status != 429:
        passed += 1
    return passed


@pytest.mark.parametrize(
    ("method", "path", "body", "limit"),
    [
        ("PATCH", "/members/{alice}", {"nick": "Al"}, 10),
        ("PUT", "/members/{alice}/roles/{role}", None, 10),
        ("PUT", "/members/{alice}", {"access_token": "wrong"}, 10),
        ("GET", "/members/{alice}", None, 5),
        ("GET", "/members?limit=1000", None, 10),
        ("DELETE", "/members/{alice}", None, 5),
    ],
    ids=["patch", "one role", "join", "get", "list", "kick"],
)
def test_each_route_has_the_observed_limit(
    discord: Discord, bot: Bot, method: str, path: str, body: object, limit: int
) -> None:
    role = discord.admin.create_role("Member")
    alice = discord.admin.add_member("alice")
    assert drain(bot, method, GUILD + path.format(alice=alice.id, role=role.id), body) == limit


def test_every_answer_of_a_limited_route_tells_the_state_of_its_bucket(discord: Discord, bot: Bot) -> None:
    alice = discord.admin.add_member("alice")
    headers = bot.call("PATCH", f"{GUILD}/members/{alice.id}", {"nick": "Al"}).headers
    assert set(headers) >= HEADERS
    assert headers["X-RateLimit-Limit"] == "10"
    assert headers["X-RateLimit-Remaining"] == "9"
    assert headers["X-RateLimit-Reset-After"] == "1.000"
    assert headers["X-RateLimit-Reset"] == f"{NOON + 1:.3f}"
    assert "Retry-After" not in headers
    assert CONFIG.guild_id not in headers["X-RateLimit-Bucket"]


def test_a_refusal_says_how_long_to_wait_for_one_request_and_for_all(discord: Discord, bot: Bot, clock: Clock) -> None:
    alice = discord.admin.add_member("alice")
    drain(bot, "PATCH", f"{GUILD}/members/{alice.id}", {"nick": "Al"})
    clock.push(0.25)
    said = bot.call("PATCH", f"{GUILD}/members/{alice.id}", {"nick": "Al"})
    assert said.headers["X-RateLimit-Scope"] == "user"
    assert said.headers["Retry-After"] == "1"
    assert said.headers["X-RateLimit-Reset-After"] == "9.750"
    assert "X-RateLimit-Global" not in said.headers
    expected = {"message": "You are being rate limited.", "retry_after": 0.75, "global": False, "code": 0}
    assert said.json == expected


def test_all_members_share_one_bucket_and_so_do_giving_and_taking_a_role(discord: Discord, bot: Bot) -> None:
    role = discord.admin.create_role("Member")
    alice, bob = (discord.admin.add_member(name) for name in ("alice", "bob"))
    assert drain(bot, "PUT", f"{GUILD}/members/{alice.id}/roles/{role.id}") == 10
    assert bot.call("DELETE", f"{GUILD}/members/{bob.id}/roles/{role.id}").status == 429
    assert bot.call("PATCH", f"{GUILD}/members/{bob.id}", {"nick": "Bo"}).status == 200


def test_single_roles_have_a_fixed_window_and_patches_a_sliding_one(discord: Discord, bot: Bot, clock: Clock) -> None:
    role = discord.admin.create_role("Member")
    alice = discord.admin.add_member("alice")
    one_role = ("PUT", f"{GUILD}/members/{alice.id}/roles/{role.id}", None)
    patch = ("PATCH", f"{GUILD}/members/{alice.id}", {"nick": "Al"})
    assert (drain(bot, *one_role), drain(bot, *patch)) == (10, 10)
    clock.push(5)
    assert (drain(bot, *one_role), drain(bot, *patch)) == (0, 5)
    clock.push(5)
    assert (drain(bot, *one_role), drain(bot, *patch)) == (10, 5)


def test_two_hundred_and_fifty_roles_can_be_made_in_two_days(clock: Clock) -> None:
    discord = Discord(Config(role_limit=1000), clock)
    bot = Bot(discord)
    made = 0
    while bot.call("POST", f"{GUILD}/roles", {"name": f"Role {made}"}).status == 200:
        made += 1
        clock.push(0.1)
    refused = bot.call("POST", f"{GUILD}/roles", {"name": "One more"})
    assert made == 250
    assert float(refused.headers["Retry-After"]) > 170_000


def test_the_global_limit_is_fifty_a_second_over_all_routes(bot: Bot, clock: Clock) -> None:
    assert drain(bot, "GET", f"{GUILD}/roles") == 50
    refused = bot.get("/users/@me")
    assert refused.headers["X-RateLimit-Scope"] == "global"
    assert refused.headers["X-RateLimit-Global"] == "true"
    assert refused.json["global"] is True
    assert "X-RateLimit-Bucket" not in refused.headers
    clock.push(1.0)
    assert drain(bot, "GET", "/users/@me") == 50


def test_ten_times_faster_means_ten_times_shorter_windows(discord: Discord, bot: Bot, clock: Clock) -> None:
    alice = discord.admin.add_member("alice")
    discord.admin.turn(scale=10.0)
    assert drain(bot, "PATCH", f"{GUILD}/members/{alice.id}", {"nick": "Al"}) == 10
    refused = bot.call("PATCH", f"{GUILD}/members/{alice.id}", {"nick": "Al"})
    assert refused.headers["X-RateLimit-Reset-After"] == "1.000"
    assert refused.headers["Retry-After"] == "0.100"
    clock.push(0.1)
    assert bot.call("PATCH", f"{GUILD}/members/{alice.id}", {"nick": "Al"}).status == 200


def test_limits_can_be_turned_off_and_buckets_emptied(discord: Discord, bot: Bot) -> None:
    path = f"{GUILD}/members/{discord.admin.add_member('alice').id}"
    assert drain(bot, "GET", path) == 5
    discord.admin.reset_limits()
    assert drain(bot, "GET", path) == 5
    discord.admin.turn(rate_limits=False)
    assert all(bot.get(path).status == 200 for _ in range(100))


def test_the_token_endpoint_sends_no_rate_limit_headers(discord: Discord) -> None:
    answer = exchange(discord, "no code")
    assert not any(name.lower().startswith("x-ratelimit") for name in answer.headers)


def test_too_many_invalid_requests_bring_cloudflares_ban(clock: Clock) -> None:
    discord = Discord(Config(invalid_request_limit=20), clock)
    stranger, bot = Bot(discord, token="wrong"), Bot(discord)
    assert [stranger.get("/users/@me").status for _ in range(20)] == [401] * 20
    banned = bot.get("/users/@me")
    assert banned.status == 429
    assert banned.json is None
    assert b"Cloudflare" in banned.raw.body
    assert not any(name.startswith(("X-RateLimit", "Retry-After")) for name in banned.headers)
    clock.push(601)
    assert bot.get("/users/@me").status == 200


def test_counts_tell_the_limits_own_429s_from_all_else(discord: Discord, bot: Bot) -> None:
    path = f"{GUILD}/members/{discord.admin.add_member('alice').id}"
    drain(bot, "GET", path)
    counts = discord.admin.counts()
    assert (counts.requests, counts.rate_limited, counts.invalid) == (6, 1, 1)
    assert counts.routes["GET /guilds/{guild_id}/members/{user_id}"].statuses == {"200": 5, "429": 1}
    assert json.dumps(counts.rate_limited_by_scope) == '{"user": 1}'
