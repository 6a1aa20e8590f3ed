"""Lambda's recursive loop detection in the simulated world."""

import json
from collections.abc import Callable

from chalicelib.delivery.delivery import Delivery
from chalicelib.members.context import Outcome
from chalicelib.queues import Message
from chalicelib.services import Services
from local import recursion
from local.recursion import MAX_INVOCATIONS, chain_of, header
from local.simulated import World

STEPS = 40  # how often a message is sent on; a step is one invocation
DAY = 86_400.0


class _SendingOn(Delivery):
    """A function that sends each message on, one step further."""

    world: World

    def batch(self, messages: list[Message], *, bulk: bool, seconds_left: Callable[[], float]) -> list[Outcome]:  # noqa: ARG002
        for message in messages:
            step = int(message.body)
            if step < STEPS:
                self.world.sqs.send_message(QueueUrl=self.world.queue_url("jobs"), MessageBody=str(step + 1))
        return [Outcome.DONE for _ in messages]


class _Chains(World):
    def delivery(self, services: Services) -> Delivery:
        made = _SendingOn(services)
        made.world = self
        return made

    def begin(self) -> None:
        self.sqs.send_message(QueueUrl=self.queue_url("jobs"), MessageBody="1")
        self.run(seconds=DAY)


def test_the_seventeenth_invocation_of_a_chain_is_refused_and_its_message_dead_lettered_without_a_reason() -> None:
    world = _Chains(loops=())
    world.begin()
    assert list(world.dead_letters()) == [(str(MAX_INVOCATIONS + 1), "")]
    assert (world.counts.invocations, world.counts.longest_chain) == (MAX_INVOCATIONS, MAX_INVOCATIONS)
    assert world.counts.stopped == 5  # as often as SQS delivers a message


def test_a_function_that_may_loop_is_only_counted() -> None:
    world = _Chains(loops=("jobs",))
    world.begin()
    assert list(world.dead_letters()) == []
    assert (world.counts.longest_chain, world.counts.stopped) == (STEPS, 0)


def test_what_people_and_the_auth_site_send_begins_a_chain_of_its_own() -> None:
    world = World(loops=())
    world.link("101", "kira", groups=["Member"])
    for _ in range(2 * MAX_INVOCATIONS):
        world.site.groups("101", ["Member"])
        world.run()
    assert world.counts.invocations > MAX_INVOCATIONS
    assert world.counts.stopped == 0


def test_the_longest_chain_of_a_batch_counts_for_each_function() -> None:
    records: list[dict[str, dict[str, str]]] = [
        {"attributes": {"AWSTraceHeader": "Root=1-5;Lineage=jobs:3"}},
        {"attributes": {"AWSTraceHeader": header({"bulk": 7, "jobs": 2})}},
        {"attributes": {}},
    ]
    assert chain_of(records) == {"jobs": 3, "bulk": 7}


def test_the_simulated_functions_may_loop_where_the_deployed_ones_may() -> None:
    template = json.loads(recursion.TEMPLATE.read_text())["Resources"]
    allowed = {queue for queue, key in recursion.RESOURCES.items() if "RecursiveLoop" in template[key]["Properties"]}
    assert recursion.deployed() == allowed
