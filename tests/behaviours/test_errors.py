"""Section J: errors, retries, limits, settings."""

import json

import pytest

from chalicelib import settings
from chalicelib.errors import BadSettings, LinkRefused
from local.simulated import ENVIRONMENT, STAGE, World
from tests.members.support import Meter, crowd, fault, last_error, let_sweeps_take, linked, swept

MEMBER = r"/members/[0-9]+$"
GUILD = r"/guilds/[0-9]+$"


def kira(environment: dict[str, str] | None = None, **more: float) -> World:
    """A world with Kira linked, and nothing waiting."""
    world = World(environment, **more)  # type: ignore[arg-type]  # numbers all
    world.link("101", "kira", groups=["Member", "Logistics"], changed_at=1)
    world.run()
    world.site.notices()
    return world


def tries(world: World) -> list[float]:
    """When requests were made that a fault struck."""
    return [request.at for request in world.guild.received() if request.fault]


@pytest.mark.behaviour(66)
def test_5xx_once_is_tried_again_after_a_minute() -> None:
    world = kira()
    world.guild.inject(fault(method="GET", path=MEMBER))
    began = world.clock.now()
    world.site.groups("101", ["Member"])
    world.run(until=lambda: world.roles("kira") == {"Member"})
    assert 60 <= world.clock.now() - began < 65


@pytest.mark.behaviour(66)
def test_5xx_for_good_is_four_tries_and_leaves_the_account_untouched() -> None:
    world = kira()
    world.guild.inject(fault(method="GET", path=MEMBER, times=None))
    world.site.groups("101", ["Member"])
    world.run()
    assert len(tries(world)) == 4
    assert linked(world, "101")
    assert world.roles("kira") == {"Member", "Logistics"}
    assert "given up after 4 tries" in (last_error(world, "101") or "")


@pytest.mark.behaviour(66)
def test_an_update_that_was_given_up_is_made_good_by_the_next_sweep() -> None:
    world = kira({"REMOVAL_LIMIT_PERCENT": "100"})
    world.guild.inject(fault(method="GET", path=MEMBER, times=4))
    world.site.groups("101", ["Member"])
    world.run()
    let_sweeps_take(world)
    swept(world)
    assert world.roles("kira") == {"Member"}
    assert last_error(world, "101") is None


@pytest.mark.behaviour(67)
def test_waiting_for_a_limit_is_unlimited() -> None:
    world = kira({"DISCORD_TASKS_MAX_RETRIES": "0"})
    world.guild.inject(fault(method="GET", path=MEMBER, kind="rate_limit", retry_after=13.0, times=12))
    world.site.groups("101", ["Member"])
    world.run()
    assert len(tries(world)) == 12
    assert world.roles("kira") == {"Member"}


@pytest.mark.behaviour(68)
def test_three_waits_do_not_use_up_the_tries() -> None:
    world = kira({"DISCORD_TASKS_MAX_RETRIES": "1"})
    world.guild.inject(fault(method="GET", path=MEMBER, kind="rate_limit", retry_after=5.0, times=3))
    world.guild.inject(fault(method="GET", path=MEMBER))
    world.site.groups("101", ["Member"])
    world.run()
    assert len(tries(world)) == 4
    assert world.roles("kira") == {"Member"}


@pytest.mark.behaviour(69)
@pytest.mark.parametrize("kind", ["cut", "hang", "cut_after", "hang_after"])
@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_cut_connections_and_time_outs_are_tried_again(kind: str, method: str) -> None:
    world = kira()
    world.guild.inject(fault(kind=kind, method=method, path=MEMBER))
    world.site.groups("101", ["Blue", "Capitals"])
    world.run()
    assert world.roles("kira") == {"Blue", "Capitals"}
    assert last_error(world, "101") is None


@pytest.mark.behaviour(70)
def test_a_429_of_cloudflares_makes_one_container_wait_and_loses_nothing() -> None:
    world = kira()
    users = crowd(world, 3, prefix="liam", groups=["Blue"])
    world.guild.inject(fault(kind="cloudflare", method="GET", path=MEMBER, retry_after=1200))
    world.site.groups("101", ["Member"])
    world.run(until=lambda: bool(tries(world)))
    [refused_at] = tries(world)
    world.run(until=lambda: world.roles("kira") == {"Member"})
    assert world.clock.now() - refused_at < 10, "another container does what the blocked one handed back"
    world.run(seconds=60)  # the removal is looked at once more
    meter = Meter(world)
    for user_id in users:
        world.site.post({"kind": "update_all", "user_id": user_id})
    world.run()
    assert meter.statuses("GET member") == [200] * 3, "each of them had their turn, and nobody asked in vain"
    assert world.roles("kira") == {"Member"}
    assert [world.roles(user_id.removeprefix("u-")) for user_id in users] == [{"Blue"}] * 3


@pytest.mark.behaviour(71)
def test_a_global_429_holds_for_every_worker_and_every_route() -> None:
    world = kira(workers=4)
    users = crowd(world, 8, prefix="liam", groups=["Member"], imported=False)
    world.guild.inject(fault(kind="rate_limit", scope="global", retry_after=40.0, method="GET", path=MEMBER))
    world.site.groups("101", ["Member"])
    world.run(until=lambda: bool(tries(world)))
    [refused_at] = tries(world)
    world.run(seconds=2)
    world.clock.advance(2)
    for user_id in users:
        world.site.delete(user_id)
    world.run()
    assert min(request.at for request in world.guild.received() if request.at > refused_at) >= refused_at + 40
    assert not any(linked(world, user_id) for user_id in users)
    assert world.roles("kira") == {"Member"}


@pytest.mark.behaviour(71)
@pytest.mark.parametrize("retry_after", ["absent", "soon", None, -3], ids=str)
def test_a_429_without_a_usable_number_is_five_seconds(retry_after: object) -> None:
    world = kira()
    body = {"message": "You are being rate limited.", "global": False} | (
        {} if retry_after == "absent" else {"retry_after": retry_after}
    )
    headers = {"X-RateLimit-Scope": "user"}
    world.guild.inject(fault(status=429, method="GET", path=MEMBER, body=body, headers=headers))
    began = world.clock.now()
    world.site.groups("101", ["Member"])
    world.run(until=lambda: world.roles("kira") == {"Member"})
    assert 5 <= world.clock.now() - began < 10


@pytest.mark.behaviour(72)
def test_retry_after_is_seconds_and_one_429_is_enough() -> None:
    world = kira()
    world.guild.create_role("Blue")
    world.guild.create_role("Capitals")
    world.clock.advance(4000)  # the list of roles is read again
    world.guild.inject(fault(kind="rate_limit", method="PATCH", path=MEMBER, retry_after=15.0))
    meter, began = Meter(world), world.clock.now()
    world.site.groups("101", ["Blue", "Capitals"])
    world.run(until=lambda: world.roles("kira") == {"Blue", "Capitals"})
    assert 15 <= world.clock.now() - began < 25
    world.run()
    assert meter.statuses("PATCH member") == [429, 200]


@pytest.mark.behaviour(73)
@pytest.mark.parametrize("seed", range(3))
def test_the_budget_of_all_workers_together_is_never_exceeded(seed: int) -> None:
    world = World({"REMOVAL_LIMIT_PERCENT": "100"}, seed=seed, workers=8, latency=0.12, store_latency=0.002)
    for name in ("Member", "Stale", "Blue"):
        world.guild.create_role(name)
    users = crowd(world, 40, roles=["Stale"], groups=["Member"], imported=False)
    for user_id in users:
        world.site.groups(user_id, ["Member", "Blue"])
    world.run()
    assert [request.status for request in world.asked() if request.status >= 400] == []
    assert {frozenset(world.roles(user_id.removeprefix("u-")) or ()) for user_id in users} == {
        frozenset({"Member", "Blue"})
    }


@pytest.mark.behaviour(74)
def test_each_bucket_of_discords_has_a_budget_of_its_own_learnt_from_its_headers() -> None:
    world = World({"REMOVAL_LIMIT_PERCENT": "100"}, workers=4)
    for name in ("Member", "Stale", "Blue"):
        world.guild.create_role(name)
    users = crowd(world, 30, roles=["Stale"], groups=["Member", "Blue"], imported=False)
    for user_id in users:
        world.site.post({"kind": "update_groups", "user_id": user_id})
    world.run(seconds=20)
    began = world.clock.now()
    world.site.delete(users[0])
    world.run(until=lambda: not linked(world, users[0]))
    assert world.clock.now() - began < 1, "removing has a bucket of its own: it does not wait for thirty changes"


@pytest.mark.behaviour(75)
def test_a_fault_of_ours_never_takes_the_neighbours_along() -> None:
    world = kira()
    crowd(world, 1, prefix="liam", groups=["Member"])

    def before(operation: str, arguments: dict[str, dict[str, object]]) -> None:
        if operation == "UpdateItem" and arguments["Key"] == {"user_id": {"S": "poison"}}:
            raise ZeroDivisionError

    world.dynamodb.before = before
    world.site.groups("poison", ["Member"])
    world.site.groups("101", ["Member"])
    world.site.post({"kind": "no such kind", "user_id": "101"})
    world.run(seconds=12 * 3600)
    assert world.roles("kira") == {"Member"}
    assert sorted(reason for _, reason in world.dead_letters()) == [
        "bad message: unknown kind",
        "internal error: ZeroDivisionError",
    ]


@pytest.mark.behaviour(76)
def test_guild_wide_work_is_tried_again_as_well() -> None:
    world = kira({"REMOVAL_LIMIT_PERCENT": "100"})
    world.guild.change_member("kira", roles=["Member"])
    world.guild.inject(fault(method="GET", path="/members$", times=2))
    world.guild.inject(fault(method="GET", path="/members$", kind="rate_limit", retry_after=30.0, times=4))
    swept(world)
    assert world.roles("kira") == {"Member", "Logistics"}


@pytest.mark.behaviour(76)
def test_guild_wide_work_that_fails_for_good_says_so_and_lets_the_next_begin() -> None:
    world = kira()
    world.guild.inject(fault(method="GET", path="/members$", times=4))
    told = swept(world)
    assert [(n["kind"], n["user_id"]) for n in told] == [("sync_failed", "")]
    assert "given up after 4 tries" in told[0]["reason"]
    assert "already_running" not in world.sweep()


@pytest.mark.behaviour(77)
def test_every_request_says_who_asks_and_takes_json() -> None:
    world = kira()
    world.site.groups("101", ["Member"])
    world.run()
    requests = [request for request in world.guild.received() if request.path.startswith("/api/v10/guilds/")]
    assert len(requests) > 5
    for request in requests:
        assert request.headers["authorization"].startswith("Bot ")
        assert request.headers["accept"] == "application/json"
        assert request.headers["user-agent"].startswith("DiscordBot (")
    asked_for_themselves = [request for request in world.guild.received() if request.path.endswith("/users/@me")]
    assert [request.headers["authorization"][:7] for request in asked_for_themselves] == ["Bearer "]


@pytest.mark.behaviour(77)
def test_no_request_waits_longer_than_the_time_out() -> None:
    world = kira({"DISCORD_API_TIMEOUT_READ": "12", "DISCORD_TASKS_MAX_RETRIES": "0"})
    world.guild.inject(fault(kind="hang", method="GET", path=MEMBER))
    world.site.groups("101", ["Member"])
    world.run(seconds=30)
    assert [request.seconds for request in world.asked() if request.status == 0] == [pytest.approx(12)]


@pytest.mark.behaviour(78)
def test_the_servers_name_is_cached_for_a_day() -> None:
    world = kira()

    def name() -> str:
        account = world.http.linking.account(world.site.token("101", "read"), "101")
        assert account
        return str(account["server_name"])

    assert name() == "Local Alliance"
    world.guild.turn(guild_name="New Name")
    meter = Meter(world)
    assert (name(), meter.routes) == ("Local Alliance", [])
    world.clock.advance(86_500)
    assert name() == "New Name"


@pytest.mark.behaviour(78)
@pytest.mark.parametrize(
    "trouble", [{"status": 500}, {"kind": "cut"}, {"status": 403, "code": 50001}], ids=["500", "cut", "no access"]
)
def test_where_discord_does_not_tell_the_name_is_empty_and_the_account_shows_all_the_same(
    trouble: dict[str, object],
) -> None:
    world = kira()
    world.clock.advance(86_500)
    world.guild.inject(fault(method="GET", path=GUILD, times=None, **trouble))
    account = world.http.linking.account(world.site.token("101", "read"), "101")
    assert account
    assert (account["server_name"], account["username"]) == ("", "@kira")


@pytest.mark.behaviour(79)
def test_settings_that_are_absent_have_defaults() -> None:
    chosen = settings.load(lambda _: {}, ENVIRONMENT)
    assert (chosen.retry_pause, chosen.max_retries, chosen.sync_names) == (60, 3, False)
    assert (chosen.guild_name_cache_max_age, chosen.roles_cache_max_age) == (86400, 3600)
    assert (chosen.timeout_connect, chosen.timeout_read) == (5, 30)


@pytest.mark.behaviour(79)
def test_settings_that_make_no_sense_are_all_named_at_once_instead_of_guessed() -> None:
    wrong = {"DISCORD_TASKS_MAX_RETRIES": "often", "DISCORD_GUILD_ID": "my guild", "DISCORD_SYNC_NAMES": "perhaps"}
    with pytest.raises(BadSettings) as bad:
        settings.load(lambda _: {}, ENVIRONMENT | wrong)
    assert sorted(line.split()[0] for line in bad.value.faults) == sorted(wrong)


@pytest.mark.behaviour(79)
@pytest.mark.parametrize("body", ["", {}, {"token_type": "Bearer"}], ids=["nothing", "empty", "no token"])
def test_an_answer_without_an_access_token_links_nobody(body: object) -> None:
    world = World()
    world.guild.inject(fault(method="POST", path="/oauth2/token$", status=200, body=body))
    with pytest.raises(LinkRefused):
        world.link("101", "kira", groups=["Member"])
    assert not linked(world, "101")


@pytest.mark.behaviour(80)
def test_the_guilds_id_is_a_number_and_required() -> None:
    assert settings.load(lambda _: {}, ENVIRONMENT).guild_id == 111111111111111111
    without = {name: value for name, value in ENVIRONMENT.items() if name != "DISCORD_GUILD_ID"}
    with pytest.raises(BadSettings, match="DISCORD_GUILD_ID is missing"):
        settings.load(lambda _: {}, without)


@pytest.mark.behaviour(80)
def test_an_administrator_is_sent_to_the_page_that_adds_the_bot_to_this_guild() -> None:
    world = World()
    url = world.http.linking.add_bot_url(world.site.token("1", "add_bot"))
    assert "guild_id=111111111111111111" in url
    assert "scope=bot" in url


@pytest.mark.behaviour(66)
def test_dead_letters_say_what_they_were_and_why() -> None:
    world = kira()
    world.guild.inject(fault(method="GET", path=MEMBER, times=None))
    world.site.groups("101", ["Member"], changed_at=7)
    world.run()
    [(body, reason)] = world.dead_letters()
    assert json.loads(body) == {"kind": "update_groups", "user_id": "101", "groups": ["Member"], "changed_at": 7}
    assert reason == "given up after 4 tries: Discord answered 500/0"
    [dead] = world.sqs.waiting(f"rolecall-{STAGE}-dead-letters")
    assert dead.attributes["queue"] == f"rolecall-{STAGE}-jobs"
