"""The officers' channel: what is posted, once for each event; and that nothing else waits for it."""

import json
from typing import Any

import pytest

from chalicelib import settings
from chalicelib.errors import BadSettings, RateLimited
from chalicelib.members.officers_channel import OfficersChannel
from local.discord.faults import Fault
from local.simulated import AT, ENVIRONMENT, STAGE, World
from tests.linking.doors import logged

HOUR = 3600.0


def with_webhook(**more: str) -> World:
    """A world whose officers have a channel."""
    world = World()
    url = AT + world.guild.create_webhook("officers")
    world.settings = settings.load(lambda _: {}, {**ENVIRONMENT, "DISCORD_WEBHOOK_URL": url, **more})
    world.http = world.container()
    return world


@pytest.fixture
def world() -> World:
    return with_webhook()


def posts(world: World) -> list[str]:
    """What was posted, after everything that is under way."""
    world.run(seconds=600)
    assert all(one.may_mention == () for one in world.guild.posts()), "a post may mention nobody"
    return [one.content for one in world.guild.posts()]


def many(world: World, number: int) -> None:
    for user in range(number):
        world.link(str(1000 + user), f"pilot{user}", groups=["Member"])
    world.run()


# --- what is posted ----------------------------------------------------------------------------------------------


def test_a_hold_is_posted_once_however_many_meet_it(world: World) -> None:
    many(world, 60)
    for user in range(60):
        world.site.groups(str(1000 + user), [])
    [first] = posts(world)
    assert first.startswith("**Something would be taken from too many members at once.** Removals are held\\: within")
    for _ in range(30):  # for more than a day
        world.clock.advance(HOUR)
        world.sweep()
        world.run(seconds=600)
    held = [one for one in posts(world) if "too many members" in one]
    assert held == [first]
    assert not any("A sweep needs a hand" in one for one in posts(world)), "of the hold they know"


def test_a_refused_token_is_posted_although_no_call_is_made_with_it(world: World) -> None:
    world.link("101", "kira", groups=["Member"])
    world.run()
    world.guild.turn(bot_token="another")
    for number in range(5):
        world.site.groups("101", [f"Group {number}"])
        world.run(seconds=60)
    assert len(posts(world)) == 1
    assert posts(world)[0].startswith("**Discord refuses the bot’s token.**")


def test_a_role_above_the_bot_is_posted_once_not_for_each_member(world: World) -> None:
    world.guild.create_role("Director", position=50)
    many(world, 3)
    for user in range(3):
        world.site.groups(str(1000 + user), ["Member", "Director"])
    said = posts(world)
    assert len(said) == 1
    assert said[0].startswith("**A role cannot be given.** A role that stands for a group is above the bot's")


def test_what_concerns_one_member_is_not_posted(world: World) -> None:
    world = with_webhook(DISCORD_SYNC_NAMES="True")
    owner = str(world.guild.switches()["owner"])
    world.link("101", owner, groups=["Member"], nickname="Admiral")
    assert posts(world) == []


def test_a_failed_sweep_is_posted_once_a_day(world: World) -> None:
    many(world, 1)
    before = len(posts(world))
    for number in range(3):
        started = world.sweep()
        world.http.delivery.sweeper.fail(started["sweep_id"], f"Discord answered 500 after {number} tries")
        world.run(seconds=600)
        world.clock.advance(HOUR)
    assert len(posts(world)) == before + 1
    assert posts(world)[-1].startswith("**A sweep needs a hand.** Sweep failed\\: Discord answered 500")
    world.clock.advance(24 * HOUR)
    world.http.delivery.sweeper.fail(world.sweep()["sweep_id"], "Discord answered 502 after 9 tries")
    assert len([one for one in posts(world) if "needs a hand" in one]) == 2


def test_dead_letters_are_posted_once_a_day(world: World) -> None:
    for _ in range(3):
        world.site.post("nonsense")
    said = posts(world)
    assert len(said) == 1
    assert "`python -m ops dead-letters list` shows it." in said[0]


def test_a_dead_letter_of_a_fault_of_ours_is_posted_too(world: World) -> None:
    def poison(operation: str, arguments: Any) -> None:
        if operation == "UpdateItem" and arguments["Key"] == {"user_id": {"S": "poison"}}:
            raise ZeroDivisionError

    world.dynamodb.before = poison
    world.site.groups("poison", ["Member"])
    world.run(seconds=4 * HOUR)
    assert [reason for _, reason in world.dead_letters()] == ["internal error: ZeroDivisionError"]
    assert ["dead-letters list" in one for one in posts(world)] == [True]


def test_once_a_week_a_line_says_how_it_goes(world: World) -> None:
    many(world, 3)
    for _ in range(24):
        world._idle = {"jobs": [], "bulk": []}  # a new container each hour, which remembers nothing
        world.sweep()
        world.run(seconds=600)
        world.clock.advance(HOUR)
    assert sum("post_to_officers" in one.body for one in world.sqs.sent) == 1
    [line] = [one for one in posts(world) if one.startswith("**The last seven days")]
    assert line.startswith("**The last seven days:** 3 members linked; 1 sweep; 0 differences found; 0 members with")
    world.clock.advance(7 * 24 * HOUR)
    world.guild.change_member("pilot0", roles=[])
    world.sweep()
    lines = [one for one in posts(world) if one.startswith("**The last seven days")]
    assert len(lines) == 2
    assert "1 difference found" in lines[1]


# --- how it is posted --------------------------------------------------------------------------------------------


def channel(world: World) -> OfficersChannel:
    return OfficersChannel(world.http.services)


def test_a_post_is_tried_again_until_discord_takes_it(world: World) -> None:
    world.guild.inject(Fault(kind="answer", status=503, path="/webhooks/", times=3))
    channel(world).tell("event", "Look here.", every=HOUR)
    world.run(seconds=2000)
    assert [one.content for one in world.guild.posts()] == ["Look here."]


def test_a_post_is_given_up_after_a_day_and_is_no_dead_letter(world: World) -> None:
    world.guild.inject(Fault(kind="answer", status=503, path="/webhooks/", times=None))
    channel(world).tell("event", "Look here.", every=HOUR)
    world.run(seconds=30 * HOUR)
    assert world.guild.posts() == []
    assert list(world.dead_letters()) == []
    assert world.sqs.waiting(f"rolecall-{STAGE}-bulk") == []


def test_a_webhook_that_was_deleted_stops_nothing(world: World) -> None:
    world.link("101", "kira", groups=["Member"])
    world.guild.delete_webhooks()
    channel(world).tell("event", "Look here.", every=HOUR)
    world.site.groups("101", ["Blue"])
    world.run()
    assert world.roles("kira") == {"Blue"}
    assert list(world.dead_letters()) == []


def test_posts_keep_within_the_webhooks_rate_limit(world: World) -> None:
    told = channel(world)
    for number in range(20):
        told.tell(f"event {number}", f"Post {number}.", every=HOUR)
    assert len(posts(world)) == 20
    statuses = [one.status for one in world.asked("POST officers' webhook")]
    assert statuses.count(429) <= 3, statuses


def test_a_worker_that_dies_while_it_posts_leaves_it_to_another(world: World) -> None:
    memory = world.http.services.memory.posts
    assert memory.begin("e", now=world.clock.now())
    assert not memory.begin("e", now=world.clock.now()), "another one is at it"
    world.clock.advance(61)
    assert memory.begin("e", now=world.clock.now())
    memory.done("e", now=world.clock.now(), seconds=HOUR)
    assert memory.is_done("e", now=world.clock.now())
    world.clock.advance(61)
    assert not memory.begin("e", now=world.clock.now())
    world.clock.advance(HOUR)
    assert memory.begin("e", now=world.clock.now())


def test_the_same_event_is_posted_once_whoever_tells_it(world: World) -> None:
    for _ in range(5):
        channel(world).tell("event", "Look here.", every=HOUR)
    assert posts(world) == ["Look here."]
    world.clock.advance(HOUR)
    channel(world).tell("event", "Look here.", every=HOUR)
    assert len(posts(world)) == 2


def test_without_a_webhook_nothing_is_sent() -> None:
    world = World()
    channel(world).tell("event", "Look here.", every=HOUR)
    assert world.sqs.waiting(f"rolecall-{STAGE}-bulk") == []


def test_the_address_is_written_nowhere(world: World) -> None:
    secret = world.settings.webhook_url.rpartition("/")[2]
    with logged() as output:
        world.guild.inject(Fault(kind="cut", path="/webhooks/", times=2))
        channel(world).tell("event", "Look here.", every=HOUR)
        world.run(seconds=2000)
        world.guild.delete_webhooks()
        channel(world).tell("another", "Look here.", every=HOUR)
        world.run(seconds=600)
    assert len(world.guild.posts()) == 1
    written = output.getvalue() + repr(world.settings) + "".join(one.body for one in world.sqs.sent)
    assert secret not in written
    assert secret not in json.dumps([repr(row) for rows in world.dynamodb.snapshot().values() for row in rows])


def test_names_in_a_post_format_and_mention_nothing(world: World) -> None:
    world.guild.inject(
        Fault(kind="answer", method="POST", path="/roles", status=400, code=50035, message="@here **no**")
    )
    world.link("101", "kira", groups=["@everyone **x**"])
    said = "".join(posts(world))
    assert "\\@everyone \\*\\*x\\*\\*" in said
    assert "@everyone **x**" not in said.replace("\\", "\\\\")


@pytest.mark.parametrize("url", ["discord", "https://discord.com/api/v10/users/1", "https://x.test/api/webhooks/1"])
def test_an_address_that_is_no_webhook_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(BadSettings) as refused:
        settings.load(lambda _: {}, {**ENVIRONMENT, "DISCORD_WEBHOOK_URL": url})
    assert "DISCORD_WEBHOOK_URL must be a webhook's address" in str(refused.value)
    assert f" {url}" not in str(refused.value)


def test_a_worker_does_not_sleep_for_a_turn_that_comes_much_later(world: World) -> None:
    world.guild.inject(Fault(kind="rate_limit", path="/webhooks/", retry_after=30.0))
    webhooks, url = world.http.services.discord.webhooks, world.settings.webhook_url
    for _ in range(2):  # the second one is not even sent
        began = world.clock.now()
        with pytest.raises(RateLimited) as limited:
            webhooks.post(url, {"content": "Look here."})
        assert limited.value.retry_after == pytest.approx(30.0, abs=1.0)
        assert world.clock.now() - began < 1.0
    assert len(world.asked("POST officers' webhook")) == 1


def test_a_post_that_is_rate_limited_comes_in_its_turn(world: World) -> None:
    world.guild.inject(Fault(kind="rate_limit", path="/webhooks/", retry_after=5.0, times=2))
    channel(world).tell("event", "Look here.", every=HOUR)
    world.run(seconds=60)
    assert [one.content for one in world.guild.posts()] == ["Look here."]
