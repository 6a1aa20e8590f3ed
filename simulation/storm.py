"""The world of a plan: the real code of `local.simulated`, under the weather, watched."""

import random
from collections.abc import Callable
from typing import Any, TypeVar

import requests
from requests.adapters import BaseAdapter

from chalicelib.delivery.delivery import Delivery, End
from chalicelib.errors import LinkRefused
from chalicelib.queues import Message
from chalicelib.services import Services
from chalicelib.store.rows import RateLimitRow
from local.discord.adapter import DiscordAdapter
from local.discord.config import Config
from local.discord.core import Discord
from local.discord.messages import Answer, Request
from local.simulated import AUTH_SITE_SECRET, GUILD, INVOCATION, STAGE, Container, WorkerDied, World
from simulation.plan import OWNER, Plan
from simulation.site import Site
from simulation.watch import Watch
from simulation.weather import Weather

API_TIMEOUT = 29.0  # seconds; of the function behind the HTTP API
LATENCY = 0.03  # seconds that Discord takes to answer
FIRST_PERSON = 100_000_000_000_000_000  # ids of people, ascending
BREACHED = "broken"
T = TypeVar("T")


class _WatchedDiscord(Discord):
    watch: Watch

    def handle(self, request: Request) -> Answer:
        if not request.path.startswith("/api/v10/guilds"):
            return super().handle(request)
        return self.watch.handle(super().handle, request)


class _Wire(DiscordAdapter):
    """Requests travel, and may not arrive, or come back."""

    def __init__(self, world: "Storm") -> None:
        super().__init__(world.discord, world.clock.sleep)
        self._world = world

    def send(self, request: requests.PreparedRequest, *rest: Any, **more: Any) -> requests.Response:  # noqa: ANN401
        world = self._world
        fault = world.weather.to_discord(request.method or "", (request.path_url or "").partition("?")[0])
        if fault:
            world.guild.inject(fault)
        try:
            return super().send(request, *rest, **more)
        finally:
            world.weather.from_discord()


class _NotedDelivery(Delivery):
    """Tells how each message ended."""

    world: "Storm"

    def _one(self, message: Message, *, bulk: bool, seconds_left: Callable[[], float]) -> End:
        sent = len(self.world.sqs.sent)
        self.world.watch.note("worker", "takes", message=message.id[-4:], received=message.received, body=message.body)
        end = super()._one(message, bulk=bulk, seconds_left=seconds_left)
        self.world.watch.note("worker", f"ended {end}", message=message.id[-4:])
        self.world.watch.ends[end] += 1
        if end in (End.LATER, End.DEAD) and all(one.body != message.body for one in self.world.sqs.sent[sent:]):
            self.world.watch.breach("h", f"a message ended {end} and went nowhere: {message.body}")
        return end

    def batch(self, messages: list[Message], *, bulk: bool, seconds_left: Callable[[], float]) -> list[End]:
        ends = super().batch(messages, bulk=bulk, seconds_left=seconds_left)
        if len(ends) != len(messages) or not {*ends} <= {*End}:
            self.world.watch.breach("h", f"{len(messages)} messages had {len(ends)} ends")
        self.world.weather.ended()
        return ends


class Storm(World):
    """Everything of one run, before anything happened."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.protected = {FIRST_PERSON + number for number in range(plan.protected)}
        environment = plan.environment | {"DISCORD_PROTECTED_MEMBERS": ",".join(map(str, sorted(self.protected)))}
        super().__init__(
            environment,
            discord=Config(owner=OWNER, seed=plan.seed),
            seed=plan.seed,
            workers=plan.workers,
            latency=LATENCY,
        )
        self.model = self.guild.guild
        self.watch = Watch(self)
        self.discord.__class__ = _WatchedDiscord
        self.discord.watch = self.watch  # type: ignore[attr-defined]  # its class was changed in the line before
        self.weather = Weather(
            random.Random(f"weather {plan.seed}"),
            plan.rates,
            self.clock,
            latency=plan.store_latency,
            note=self.watch.note,
        )
        self.site: Site = Site(
            self.sqs,
            secret=AUTH_SITE_SECRET,
            jobs_queue_url=self.queue_url("jobs"),
            notices_queue_url=self.queue_url("notices"),
            now=self.clock.now,
        )
        self.site.remember()
        self._idle["api"] = []
        self._hang_weather()
        self.watch.roles_now()

    def _hang_weather(self) -> None:
        lag = random.Random(f"lag {self.plan.seed}")
        self.dynamodb.before = lambda operation, given: self.weather.before_store(self.dynamodb, operation, given)
        self.dynamodb.after = self._after_store
        if self.plan.index_lag:
            self.dynamodb.index_lag = lambda: 0.0 if self.weather.calm else lag.uniform(0, self.plan.index_lag)
        self.sqs.chaos = self.plan.chaos
        self.weather.over_queues(self.sqs)

    def _after_store(self, operation: str, _given: dict[str, Any]) -> None:
        if operation == "TransactWriteItems":
            self.watch.links()
        self.weather.after_store(operation)

    # --- seams of World ---

    def wire(self) -> BaseAdapter:
        """How requests reach Discord."""
        return _Wire(self)

    def delivery(self, services: Services) -> Delivery:
        """What takes messages in a new process."""
        made = _NotedDelivery(services)
        made.world = self
        return made

    def _invocation(self, name: str, records: list[dict[str, Any]]) -> Callable[[], None]:
        invoke = super()._invocation(name, records)

        def mortal() -> None:
            with self.weather.process(INVOCATION):
                invoke()

        return mortal

    # --- functions that are not fed by a queue ---

    def function(self, what: str, call: Callable[[Container], T], *, seconds: float = API_TIMEOUT) -> T | str:
        """What a function answers to one call; how it failed, as text, where it did."""
        idle = self._idle["api"]
        container = idle.pop() if idle else self.container()
        try:
            with self.weather.process(seconds):
                answer = call(container)
        except WorkerDied:
            self.watch.note("function", f"{what}: died")
            return "died"
        except LinkRefused as refused:
            self.watch.note("function", f"{what}: refused", why=str(refused))
            idle.append(container)
            return str(refused.reason)
        except Exception as error:  # noqa: BLE001 - the caller gets a page that says no more
            self.watch.note("function", f"{what}: {type(error).__name__}", why=str(error)[:200])
            idle.append(container)
            return BREACHED
        idle.append(container)
        return answer

    def lift_stops(self) -> None:
        """An operator lets calls be made again."""
        RateLimitRow(f"{GUILD}:noticeboard").update(
            [RateLimitRow.halted_token.remove(), RateLimitRow.blocked_until.remove(), RateLimitRow.blocked_why.remove()]
        )

    def redrive(self) -> int:
        """An operator sends what was set aside round again, but for what nobody can read."""
        dead = f"rolecall-{STAGE}-dead-letters"
        count = 0
        while records := self.sqs.receive(dead):
            for record in records:
                reason = record["messageAttributes"].get("reason", {}).get("stringValue", "")
                if reason.startswith("bad message"):
                    continue
                queue = record["messageAttributes"].get("queue", {}).get("stringValue", "") or self._queue_of(record)
                self.sqs.send_message(QueueUrl=self.queue_url(queue.rsplit("-", 1)[-1]), MessageBody=record["body"])
                self.sqs.delete_message(QueueUrl=self.queue_url("dead-letters"), ReceiptHandle=record["receiptHandle"])
                count += 1
        return count

    def _queue_of(self, record: dict[str, Any]) -> str:
        """Where a message was sent that SQS itself set aside."""
        return next(one.queue for one in self.sqs.redriven if one.id == record["messageId"])
