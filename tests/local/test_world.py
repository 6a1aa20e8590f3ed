"""The simulated world itself: outages, clocks that differ, frozen processes, messages delivered too early."""

from collections.abc import Callable

import pytest
import requests
from botocore.exceptions import EndpointConnectionError

from chalicelib.delivery.delivery import Delivery
from chalicelib.members.context import Outcome
from chalicelib.queues import Message
from chalicelib.services import Services
from local.discord.faults import Fault
from local.memory.clock import VirtualClock
from local.memory.sqs import Chaos, MemorySqs
from local.outages import Manner, Outages
from local.simulated import AT, Clocks, World

HOUR = 3600.0
ME = f"{AT}/api/v10/users/@me"


def send(world: World, session: requests.Session) -> int:
    """The bot's request to Discord by this session; the status of its answer."""
    headers = {"Authorization": f"Bot {world.settings.bot_token}", "User-Agent": "DiscordBot (https://test, 1)"}
    return session.get(ME, headers=headers, timeout=(1, 5)).status_code


class _Recorder(Delivery):
    """Takes ten seconds for each message, and records what it was given."""

    seen: list[Message]

    def batch(self, messages: list[Message], *, bulk: bool, seconds_left: Callable[[], float]) -> list[Outcome]:  # noqa: ARG002
        self.seen.extend(messages)
        self._services.clock.sleep(10)
        return [Outcome.DONE for _ in messages]


class _Recording(World):
    def delivery(self, services: Services) -> Delivery:
        made = _Recorder(services)
        self.seen: list[Message] = getattr(self, "seen", [])
        made.seen = self.seen
        return made


@pytest.mark.parametrize("service", ["sqs", "lambda"])
def test_messages_wait_for_the_end_of_an_outage(service: str) -> None:
    world = _Recording()
    world.site.groups("101", ["Member"])
    world.outages.begin("sqs" if service == "sqs" else "lambda", HOUR)
    began = world.clock.now()
    world.run(seconds=HOUR - 1)
    assert world.seen == []
    world.run(seconds=2 * HOUR)
    assert len(world.seen) == 1
    assert world.clock.now() >= began + HOUR


def test_nobody_reaches_a_store_or_a_queue_that_is_away_and_everybody_does_afterwards() -> None:
    world = World()
    world.outages.begin("dynamodb", HOUR, after=60)
    world.outages.begin("sqs", HOUR, after=60)
    world.link("101", "kira", groups=["Member"])
    world.clock.advance(61)
    with pytest.raises(EndpointConnectionError):
        world.sqs.get_queue_url(QueueName="rolecall-test-jobs")
    with pytest.raises(EndpointConnectionError):
        world.dynamodb.call("GetItem", TableName="rolecall-test-users", Key={"user_id": {"S": "101"}})
    world.outages.end()
    assert world.dynamodb.call("GetItem", TableName="rolecall-test-users", Key={"user_id": {"S": "101"}})["Item"]


@pytest.mark.parametrize("manner", ["unreachable", "503", "hangs"])
def test_discord_is_away_in_several_manners(manner: Manner) -> None:
    world = World()
    world.outages.begin("discord", HOUR, manner=manner)
    before = world.clock.now()
    if manner == "503":
        assert send(world, world.session) == 503
    else:
        with pytest.raises(requests.ReadTimeout if manner == "hangs" else requests.ConnectionError):
            send(world, world.session)
    assert world.clock.now() - before == (5 if manner == "hangs" else 0)
    world.clock.advance(HOUR)
    assert send(world, world.session) == 200
    assert len(world.guild.received()) == 1


def test_the_end_of_an_outage_is_known_only_while_it_lasts() -> None:
    clock = VirtualClock()
    outages = Outages(clock)
    outages.begin("sqs", 60, after=10)
    assert outages.ends_at("sqs", "lambda") == float("-inf")
    clock.advance(10)
    assert outages.ends_at("lambda", "sqs") == clock.now() + 60
    clock.advance(60)
    assert not outages.has("sqs")


def test_each_clock_may_be_ahead_or_behind() -> None:
    world = _Recording(clocks=Clocks(auth_site=50, sqs=-2, discord=7, functions=lambda number: number))
    true = world.clock.now()
    first, second = world.container(), world.container()
    assert second.services.now() - first.services.now() == 1
    assert world.site.stamp() == int((true + 50) * 1000)
    assert world.discord.clock() == true + 7
    world.site.groups("101", [])
    world.run()
    assert world.seen[0].sent_at == true - 2


def test_a_thawed_process_meets_a_dead_connection_once() -> None:
    world = World(idle_limit=300)
    session = world.container().session
    assert send(world, session) == 200
    world.clock.advance(299)
    assert send(world, session) == 200
    world.clock.advance(301)
    with pytest.raises(requests.ConnectionError):
        send(world, session)
    assert send(world, session) == 200
    assert len(world.guild.received()) == 3


def test_each_process_has_an_address_of_its_own() -> None:
    world = World(idle_limit=300)
    blocked, other = (world.container().session for _ in range(2))
    send(world, blocked)
    send(world, other)
    mine, theirs = (one.headers["cf-connecting-ip"] for one in world.guild.received())
    assert mine != theirs
    world.guild.inject(Fault(kind="cloudflare", address=mine.replace(".", r"\."), times=None))
    assert (send(world, blocked), send(world, other)) == (429, 200)


def test_a_message_may_be_received_again_while_the_first_receiver_is_at_work() -> None:
    world = _Recording(workers=2)
    world.sqs.chaos = Chaos(early=1.0, early_within=5.0)
    world.site.groups("101", [])
    world.run(seconds=9, until=lambda: len(world.seen) == 2)
    assert [message.received for message in world.seen] == [1, 2]


def test_who_lost_a_message_to_a_second_receiver_cannot_delete_it() -> None:
    clock = VirtualClock()
    sqs = MemorySqs(clock, chaos=Chaos(early=1.0, early_within=0.0))
    url = sqs.get_queue_url(QueueName="rolecall-test-jobs")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="x")
    (first,) = sqs.receive("jobs")
    (second,) = sqs.receive("jobs")
    sqs.delete_message(QueueUrl=url, ReceiptHandle=first["receiptHandle"])
    assert len(sqs.waiting("jobs")) == 1
    sqs.delete_message(QueueUrl=url, ReceiptHandle=second["receiptHandle"])
    assert sqs.waiting("jobs") == []


def test_expired_items_are_deleted_at_last() -> None:
    world = World(expire_every=HOUR)
    world.http.linking.start(world.site.token("101", "link", groups=[], nickname=None))
    assert world.dynamodb.items("attempts")
    world.clock.advance(2 * 86_400)
    world.http.services.memory.sweeps.taking_allowed_since()
    assert world.dynamodb.items("attempts") == []
