"""How every message ends: each outcome, by the type of the error; no message blocks, repeats or drops another."""

import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from chalicelib.delivery.delivery import Undelivered
from chalicelib.members.context import Outcome
from chalicelib.queues import Message, Progress, message_of
from local.simulated import ENVIRONMENT, STAGE, World
from tests.members.support import Meter, crowd, fault, last_error, linked, stored, swept, waiting

MEMBER = r"/members/[0-9]+$"
ROLE = r"/roles/[0-9]+$"
PLENTY = 60.0  # seconds that are left of an invocation


def deliver(world: World, *bodies: dict[str, Any] | str, seconds_left: float = PLENTY) -> list[Outcome]:
    """How these messages end, delivered as one batch to a fresh process."""
    for body in bodies:
        world.site.post(body)
    records = world.sqs.receive(f"rolecall-{STAGE}-jobs")
    messages = [message_of(record) for record in records]
    ends = world.container().delivery.batch(messages, bulk=False, seconds_left=lambda: seconds_left)
    world.sqs.delete_all(records)
    return ends


def attributes(world: World, queue: str = "jobs") -> list[dict[str, str]]:
    """What the waiting messages carry."""
    return [message.attributes for message in world.sqs.waiting(f"rolecall-{STAGE}-{queue}")]


def told(user_id: str, groups: list[str], changed_at: int = 1_767_614_500_000) -> dict[str, Any]:
    return {"kind": "update_groups", "user_id": user_id, "groups": groups, "changed_at": changed_at}


UPDATE = {"kind": "update_all", "user_id": "101"}


@pytest.fixture
def kira(world: World) -> World:
    """A world with Kira linked, of the groups Member and Logistics, and nothing waiting."""
    world.link("101", "kira", groups=["Member", "Logistics"], nickname="Kira", changed_at=1)
    world.run()
    world.site.notices()
    return world


# --- the five outcomes ----------------------------------------------------------------------------------------


def test_done(kira: World) -> None:
    assert deliver(kira, told("101", ["Member"], 2)) == [Outcome.DONE]
    assert kira.roles("kira") == {"Member"}


@pytest.mark.parametrize("user_id", ["101", "nobody"], ids=["as it should be", "not linked"])
def test_done_nothing_to_do(kira: World, user_id: str) -> None:
    assert deliver(kira, UPDATE | {"user_id": user_id}) == [Outcome.NOTHING]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        pytest.param({"status": 400, "code": 50035, "message": "Invalid Form Body"}, "400/50035", id="400"),
        pytest.param({"status": 403, "code": 50013, "message": "Missing Permissions"}, "403/50013", id="50013"),
        pytest.param({"status": 403, "code": 60003, "message": "2FA"}, "403/60003", id="60003"),
        pytest.param({"status": 403, "code": 50001, "message": "Missing Access"}, "403/50001", id="50001"),
        pytest.param({"status": 404, "code": 10004, "message": "Unknown Guild"}, "404/10004", id="10004"),
    ],
)
def test_refused_for_a_reason_that_a_retry_cannot_fix(kira: World, answer: dict[str, Any], why: str) -> None:
    kira.guild.inject(fault(method="DELETE", path=ROLE, times=None, **answer))
    assert deliver(kira, told("101", ["Member"], 2)) == [Outcome.REFUSED]
    assert why in (last_error(kira, "101") or "")
    assert [(n["kind"], n["user_id"]) for n in kira.site.notices()] == [("sync_failed", "101")]
    assert waiting(kira, "jobs") == waiting(kira, "dead-letters") == []


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({"status": 403, "code": 50001}, id="the bot is not in the guild"),
        pytest.param({"status": 400, "code": 50035}, id="refused"),
        pytest.param({"status": 500}, id="given up"),
    ],
)
def test_who_was_deleted_and_could_not_be_removed_has_no_roles_until_the_auth_site_speaks_of_them_again(
    kira: World, answer: dict[str, Any]
) -> None:
    fault_id = kira.guild.inject(fault(method="DELETE", path=MEMBER, times=None, **answer))
    kira.site.delete("101")
    kira.run()
    assert [json.loads(body)["kind"] for body, _ in kira.dead_letters()] == ["delete_user"]
    assert [n["kind"] for n in kira.site.notices()] == ["sync_failed"]
    kira.guild.clear_faults(fault_id)
    swept(kira, force=True)
    assert (linked(kira, "101"), kira.roles("kira")) == (True, set())
    kira.site.groups("101", ["Member"])
    kira.run()
    assert kira.roles("kira") == {"Member"}


def test_a_removal_that_fails_is_told_even_if_something_else_failed_for_the_same_reason(kira: World) -> None:
    kira.guild.inject(fault(method="DELETE", path="/members/", times=None, status=400, code=50035))
    kira.site.post(told("101", ["Member"], 2))
    kira.run()
    assert [n["kind"] for n in kira.site.notices()] == ["sync_failed"]
    kira.site.delete("101", notify=True)
    kira.run()
    assert [n["kind"] for n in kira.site.notices()] == ["sync_failed"]


def test_a_refusal_is_reported_once_until_it_is_fixed(kira: World) -> None:
    fault_id = kira.guild.inject(fault(method="DELETE", path=ROLE, times=None, status=400, code=50035))
    for changed_at in (2, 3):
        assert deliver(kira, told("101", ["Member"], changed_at)) == [Outcome.REFUSED]
        kira.clock.advance(10)
    assert len(kira.site.notices()) == 1
    kira.guild.clear_faults(fault_id)
    assert deliver(kira, told("101", ["Member"], 4)) == [Outcome.DONE]
    assert last_error(kira, "101") is None


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param({"status": 500}, id="500"),
        pytest.param({"status": 502, "body": "<html>bad gateway</html>"}, id="502"),
        pytest.param({"status": 503}, id="503"),
        pytest.param({"status": 408}, id="408"),
        pytest.param({"status": 429, "code": 130000, "kind": "answer", "body": {"code": 130000}}, id="overloaded 429"),
        pytest.param({"status": 400, "code": 130000}, id="overloaded"),
        pytest.param({"kind": "cut", "times": 2}, id="connection cut"),
        pytest.param({"kind": "hang"}, id="time-out"),
        pytest.param({"status": 404, "code": 0}, id="404 of nobody knows what"),
        pytest.param({"status": 403, "body": "<html>proxy</html>"}, id="403 of a proxy"),
        pytest.param({"status": 200, "body": "<html>hotel</html>"}, id="200, but no JSON"),
        pytest.param({"kind": "rate_limit", "retry_after": 5.0}, id="429"),
        pytest.param({"kind": "rate_limit", "retry_after": 5.0, "scope": "shared"}, id="429, shared"),
        pytest.param({"kind": "rate_limit", "retry_after": 5.0, "scope": "global"}, id="429, global"),
        pytest.param({"kind": "cloudflare"}, id="Cloudflare's 429"),
    ],
)
def test_retried_later(kira: World, trouble: dict[str, Any]) -> None:
    kira.guild.inject(fault(method="GET", path=MEMBER, **trouble))
    assert deliver(kira, told("101", ["Member"], 2)) == [Outcome.RETRY_LATER]
    assert kira.site.notices() == []
    assert len(waiting(kira, "jobs")) == 1
    kira.run()
    assert kira.roles("kira") == {"Member"}
    assert last_error(kira, "101") is None


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param("{", "Input data was truncated", id="not JSON"),
        pytest.param("[]", "Expected `object`, got `array`", id="a list"),
        pytest.param('{"kind": "launch", "user_id": "101"}', "unknown kind", id="unknown kind"),
        pytest.param('{"user_id": "101"}', "Object missing required field `kind`", id="no kind"),
        pytest.param('{"kind": "update_all", "user_id": 101}', "Expected `str`, got `int` - at `$.user_id`", id="type"),
        pytest.param(
            json.dumps(UPDATE | {"padding": "x" * 65536}), "over-long: 65591 bytes, at most 65536", id="over-long"
        ),
        pytest.param('{"kind": "part_with", "user_id": "101", "discord_id": 7}', "unknown kind", id="Rolecall's own"),
    ],
)
def test_dead_lettered_because_it_cannot_be_read(kira: World, body: str, reason: str) -> None:
    meter = Meter(kira)
    assert deliver(kira, body) == [Outcome.DEAD_LETTERED]
    assert list(kira.dead_letters()) == [(body, f"bad message: {reason}")]
    assert attributes(kira, "dead-letters")[0]["queue"] == f"rolecall-{STAGE}-jobs"
    assert meter.routes == []


# --- retries and waits ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("retries", "pause"), [(3, 60), (0, 60), (1, 7), (2, 2000)])
def test_failures_are_tried_again_so_often_after_that_pause(retries: int, pause: int) -> None:
    world = World({"DISCORD_TASKS_MAX_RETRIES": str(retries), "DISCORD_TASKS_RETRY_PAUSE": str(pause)})
    world.link("101", "kira", groups=["Member"])
    world.run()
    world.site.notices()
    world.guild.inject(fault(method="GET", path=MEMBER, times=None))
    began = world.clock.now()
    world.site.post(UPDATE)
    world.run(seconds=24 * 3600)
    tries = [request.at - began for request in world.guild.received() if request.fault]
    assert len(tries) == 1 + retries
    gaps = [later - earlier for earlier, later in pairwise(tries)]
    assert gaps == pytest.approx([pause] * retries, abs=4)
    why = f"given up after {1 + retries} tries: Discord answered 500/0"
    assert [reason for _, reason in world.dead_letters()] == [why]
    assert last_error(world, "101") == why
    assert [(n["kind"], n["reason"]) for n in world.site.notices()] == [("sync_failed", why)]
    assert linked(world, "101")


def test_waits_are_no_failures(kira: World) -> None:
    kira.guild.inject(fault(method="GET", path=MEMBER, kind="rate_limit", retry_after=20.0, times=10))
    kira.site.post(told("101", ["Member"], 2))
    kira.run()
    assert kira.roles("kira") == {"Member"}
    assert list(kira.dead_letters()) == []


def test_failures_before_and_after_waits_are_counted_together(kira: World) -> None:
    for trouble in ({"status": 500}, {"kind": "rate_limit", "retry_after": 20.0, "times": 5}, {"times": None}):
        kira.guild.inject(fault(method="GET", path=MEMBER, **trouble))
    kira.site.post(UPDATE)
    kira.run()
    answers = [request.status for request in kira.guild.received() if request.fault]
    assert answers == [500, *[429] * 5, 500, 500, 500]
    assert len(list(kira.dead_letters())) == 1


def test_a_long_wait_is_kept_in_hops_that_cost_no_request(kira: World) -> None:
    kira.guild.inject(fault(method="GET", path=MEMBER, kind="rate_limit", retry_after=3000.0))
    kira.site.post(told("101", ["Member"], 2))
    began, meter = kira.clock.now(), Meter(kira)
    kira.run(seconds=2 * 3600, until=lambda: kira.roles("kira") == {"Member"})
    assert 3000 <= kira.clock.now() - began < 3010
    kira.run()
    assert meter.routes == ["GET member", "GET member", "DELETE member role", "GET member"], "looked at once more"


# --- nothing is lost ------------------------------------------------------------------------------------------


def test_what_is_put_back_for_lack_of_time_is_not_taken_for_stored(kira: World) -> None:
    assert deliver(kira, told("101", ["Member"], 2), seconds_left=5.0) == [Outcome.RETRY_LATER]
    kira.run()
    user = stored(kira, "101")
    assert user
    assert user.groups == ("Member",)
    assert kira.roles("kira") == {"Member"}


def test_what_comes_before_its_time_is_not_taken_for_stored(kira: World) -> None:
    queues = kira.http.services.queues
    early = Progress("trace", kira.clock.now(), due=kira.clock.now() + 100)
    queues.jobs(json.dumps(told("101", ["Member"], 2)).encode(), early)
    meter, began = Meter(kira), kira.clock.now()
    kira.run(until=lambda: kira.roles("kira") == {"Member"})
    assert 98 <= kira.clock.now() - began < 103
    kira.run()
    assert meter.routes == ["GET member", "DELETE member role", "GET member"], "looked at once more"


def test_what_was_stored_by_an_earlier_delivery_is_not_told_again_over_a_newer_statement(kira: World) -> None:
    kira.guild.inject(fault(method="GET", path=MEMBER))
    assert deliver(kira, told("101", ["Old"], 2)) == [Outcome.RETRY_LATER]
    assert deliver(kira, told("101", ["Member"], 3)) == [Outcome.DONE]
    kira.run()
    assert kira.roles("kira") == {"Member"}


class Broken(Exception):
    """A fault of ours."""


def break_on_poison(operation: str, arguments: dict[str, Any]) -> None:
    """A store that fails, in a way nobody foresaw, for one user."""
    if operation == "UpdateItem" and arguments["Key"] == {"user_id": {"S": "poison"}}:
        raise Broken


def test_a_fault_of_ours_neither_repeats_nor_drops_the_neighbours(kira: World) -> None:
    kira.link("102", "liam", groups=["Member"])
    kira.run()
    kira.dynamodb.before = break_on_poison
    kira.site.post(told("101", ["Member"], 2))
    kira.site.post(told("poison", ["Member"], 2))
    kira.site.post(told("102", ["Blue", "Logistics"]))
    meter = Meter(kira)
    kira.run(seconds=300)
    assert kira.roles("kira") == {"Member"}
    assert kira.roles("liam") == {"Blue", "Logistics"}
    kira.run(seconds=4 * 3600)
    assert meter.routes.count("GET member") == 2 + 1, "one for each, and one removal looked at again"
    assert [reason for _, reason in kira.dead_letters()] == ["internal error: Broken"]
    assert kira.sqs.redriven == [], "set aside by us, who know why, not by SQS"


def test_a_batch_with_a_broken_message_is_given_back_without_those_that_are_settled(kira: World) -> None:
    kira.dynamodb.before = break_on_poison
    with pytest.raises(Undelivered, match="1 of 2"):
        deliver(kira, told("poison", ["Member"]), UPDATE)
    assert [json.loads(body)["user_id"] for body in waiting(kira, "jobs")] == ["poison"]


def test_a_message_that_sqs_delivers_twice_at_once_does_no_harm(kira: World) -> None:
    kira.site.post(told("101", ["Member"], 2))
    record = kira.sqs.receive(f"rolecall-{STAGE}-jobs")[0]
    delivery = kira.container().delivery
    ends = delivery.batch([message_of(record)] * 2, bulk=False, seconds_left=lambda: PLENTY)
    assert ends == [Outcome.DONE, Outcome.NOTHING]


def test_a_request_that_was_not_answered_may_take_effect_after_a_look_at_the_member(kira: World) -> None:
    """A look that another message had in between does not answer for it: the request may be under way yet."""
    kira.guild.create_role("Blue")
    kira.guild.inject(fault(kind="cut", path=ROLE, times=None))
    assert deliver(kira, told("101", ["Member"], 2)) == [Outcome.RETRY_LATER]
    (cut,) = attributes(kira)
    assert float(cut["touched"]) == pytest.approx(kira.clock.now(), abs=1)


def test_a_try_that_wrote_nothing_has_touched_nobody(kira: World) -> None:
    kira.guild.inject(fault(method="GET", path=MEMBER, status=503, times=None))
    assert deliver(kira, told("101", ["Member"], 2)) == [Outcome.RETRY_LATER]
    (failed,) = attributes(kira)
    assert "touched" not in failed


def test_malformed_attributes_are_ignored() -> None:
    odd = {"tries": "many", "due": "-5", "received": "nan", "ticket_slot": "x", "ticket_bucket": "b"}
    message = Message("{}", "id", "handle", "queue", 12.0, odd)
    assert message.progress() == Progress("id", 12.0, tries=0, received=1)


# --- all calls stopped ----------------------------------------------------------------------------------------


def test_a_refused_token_halts_everything_at_once_and_a_new_one_resumes(kira: World) -> None:
    kira.link("102", "liam", groups=["Member"])
    kira.run()
    kira.guild.turn(bot_token="the new token")
    meter = Meter(kira)
    kira.site.post(told("101", ["Member"], 2))
    kira.site.post(told("102", ["Blue", "Logistics"]))
    kira.run(seconds=6 * 3600)
    assert set(meter.statuses("GET member")) == {401}
    assert len(meter.statuses("GET member")) == 6, "one try, and one probe an hour"
    assert [len(waiting(kira, "jobs")), len(waiting(kira, "dead-letters"))] == [2, 0]
    assert last_error(kira, "101") is None
    kira.settings = replace(kira.settings, bot_token="the new token")
    kira.http = kira.container()
    kira._idle = {"jobs": [], "bulk": []}  # a deployment replaces all processes
    kira.run(seconds=1800)
    assert kira.roles("kira") == {"Member"}
    assert kira.roles("liam") == {"Blue", "Logistics"}


def test_cloudflares_page_stops_the_container_that_met_it_and_holds_up_nobody(kira: World) -> None:
    kira.guild.inject(fault(method="GET", path=MEMBER, kind="cloudflare", retry_after=60))
    began = kira.clock.now()
    kira.site.post(told("101", ["Member"], 2))
    kira.site.post({"kind": "delete_user", "user_id": "nobody"})
    kira.run(until=lambda: kira.roles("kira") == {"Member"})
    assert kira.clock.now() - began < 10
    assert [one.status for one in kira.asked("GET member")[-2:]] == [429, 200]
    assert kira._busy["jobs"], "it stays busy, so that Lambda gives what it handed back to another"


def test_the_secret_settings_are_never_in_what_is_kept_of_a_failure(kira: World) -> None:
    kira.guild.inject(fault(method="GET", path=MEMBER, times=None))
    kira.site.post(UPDATE)
    kira.run()
    texts = json.dumps([*kira.dead_letters(), *kira.site.notices()])
    assert not [name for name in ("DISCORD_BOT_TOKEN", "AUTH_SITE_SECRET") if ENVIRONMENT[name] in texts]


def test_while_discord_hangs_no_function_is_killed_and_nothing_is_set_aside_without_a_reason() -> None:
    """Of ten messages in a batch each may wait for an answer as long as the settings allow; a function may not."""
    world = World(store_latency=0.005)
    world.guild.create_role("Member")
    world.guild.create_role("Blue")
    accounts = crowd(world, 40, roles=["Member"], groups=["Member"])
    world.guild.inject(fault(method="GET", path=r"/members/[0-9]+$", kind="hang", seconds=600.0, times=None))
    for user_id in accounts:
        world.site.groups(user_id, ["Blue"])
    world.run(seconds=1800)
    world.guild.clear_faults()
    world.run(seconds=6 * 3600)
    assert world.counts.died == 0
    assert world.sqs.redriven == []
    given_up = {reason.partition(":")[0] for _, reason in world.dead_letters()}
    assert given_up == {"given up after 4 tries"}
    swept(world, force=True)
    assert {frozenset(world.roles(user_id.removeprefix("u-")) or ()) for user_id in accounts} == {frozenset({"Blue"})}
