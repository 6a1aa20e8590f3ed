"""The world of a plan: `local.simulated` with injected faults and checked invariants."""

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar, cast

import requests
from requests.adapters import BaseAdapter

from chalicelib.delivery.delivery import Delivery
from chalicelib.errors import LinkRefused
from chalicelib.members.context import Outcome
from chalicelib.queues import Message
from chalicelib.services import Services
from chalicelib.store.halts import DynamoHaltStore
from local.discord.adapter import DiscordAdapter
from local.discord.blocks import Shape
from local.discord.config import Config
from local.discord.core import Discord
from local.discord.faults import Fault
from local.discord.messages import Answer, Request
from local.memory.clock import skewed
from local.simulated import AUTH_SITE_SECRET, INVOCATION, STAGE, Container, WorkerDied, World
from simulation.auth_site import RecordingAuthSite
from simulation.faults import FaultInjector
from simulation.invariants import Invariants
from simulation.plan import OWNER, Plan

# SQS gives up a message after so many deliveries. A process that dies with the same message each time is no chance.
MAX_RECEIVES = 5
API_TIMEOUT = 29.0  # seconds; of the function behind the HTTP API
LATENCY = 0.03  # seconds that Discord takes to answer
FIRST_PERSON = 100_000_000_000_000_000  # ids of people, ascending
BREACHED = "broken"
T = TypeVar("T")


class _ObservedDiscord(Discord):
    invariants: Invariants

    def handle(self, request: Request) -> Answer:
        if not request.path.startswith("/api/v10/guilds"):
            return super().handle(request)
        return self.invariants.handle(super().handle, request)


class _Wire(DiscordAdapter):
    """The transport to Discord, with injected faults."""

    def __init__(self, world: "Harness") -> None:
        super().__init__(world.discord, world.clock.sleep)
        self._world = world

    def send(self, request: requests.PreparedRequest, *rest: Any, **more: Any) -> requests.Response:  # noqa: ANN401
        world = self._world
        fault = world.faults.before_request(request.method or "", (request.path_url or "").partition("?")[0])
        if fault:
            world.guild.inject(fault)
        try:
            return super().send(request, *rest, **more)
        finally:
            world.faults.after_request()


class _ObservedDelivery(Delivery):
    """Records how each message ended."""

    world: "Harness"

    def _settle(self, message: Message, *, bulk: bool, seconds_left: Callable[[], float]) -> Outcome:
        sent = len(self.world.sqs.sent)
        self.world.invariants.note(
            "worker", "takes", message=message.id[-4:], received=message.received, body=message.body
        )
        end = super()._settle(message, bulk=bulk, seconds_left=seconds_left)
        self.world.invariants.note("worker", f"ended {end}", message=message.id[-4:])
        self.world.invariants.ends[end] += 1
        if end not in (Outcome.RETRY_LATER, Outcome.DEAD_LETTERED, Outcome.BROKEN):
            self.world.invariants.finished.add(message.body)
        if end in (Outcome.RETRY_LATER, Outcome.DEAD_LETTERED) and all(
            one.body != message.body for one in self.world.sqs.sent[sent:]
        ):
            self.world.invariants.breach("h", f"a message ended {end} and went nowhere: {message.body}")
        return end

    def batch(self, messages: list[Message], *, bulk: bool, seconds_left: Callable[[], float]) -> list[Outcome]:
        ends = super().batch(messages, bulk=bulk, seconds_left=seconds_left)
        if len(ends) != len(messages) or not {*ends} <= {*Outcome}:
            self.world.invariants.breach("h", f"{len(messages)} messages had {len(ends)} ends")
        self.world.faults.ended()
        return ends


class Harness(World):
    """The initial state of one run.

    One method for each part of `World` that the faults replace, for each condition that begins or ends in the course of
    the run, and for each thing that an operator or a caller of a function does: hence so many.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.protected = {FIRST_PERSON + number for number in range(plan.protected)}
        environment = (
            plan.environment
            | plan.conditions.environment
            | {"DISCORD_PROTECTED_MEMBERS": ",".join(map(str, sorted(self.protected)))}
        )
        super().__init__(
            environment,
            discord=Config(owner=OWNER, seed=plan.seed),
            seed=plan.seed,
            workers=plan.workers,
            latency=LATENCY,
            clocks=plan.conditions.clocks,
            idle_limit=plan.conditions.idle_limit,
            expire_every=plan.conditions.expire_every,
        )
        self.model = self.guild.guild
        self.invariants = Invariants(self)
        self.discord.__class__ = _ObservedDiscord
        self.discord.invariants = self.invariants  # type: ignore[attr-defined]  # its class was changed in the line before
        self.faults = FaultInjector(
            random.Random(f"weather {plan.seed}"),
            plan.rates,
            self.clock,
            latency=plan.store_latency,
            note=self.invariants.note,
        )
        self.site: RecordingAuthSite = RecordingAuthSite(
            self.sqs,
            secret=AUTH_SITE_SECRET,
            jobs_queue_url=self.queue_url("jobs"),
            notices_queue_url=self.queue_url("notices"),
            now=skewed(self.clock, plan.conditions.clocks.auth_site).now,
        )
        self.site.remember()
        self._idle["api"] = []
        self._install_faults()
        self._begin_conditions()
        self.invariants.roles_now()

    def _install_faults(self) -> None:
        lag = random.Random(f"lag {self.plan.seed}")
        self.dynamodb.before = lambda operation, given: self.faults.before_store(self.dynamodb, operation, given)
        self.dynamodb.after = self._after_store
        if self.plan.index_lag:
            self.dynamodb.index_lag = lambda: 0.0 if self.faults.calm else lag.uniform(0, self.plan.index_lag)
        self.sqs.chaos = self.plan.chaos
        self.faults.install_on(self.sqs)

    def _begin_conditions(self) -> None:
        conditions, began = self.plan.conditions, self.clock.now()
        self.sqs.chaos = replace(self.sqs.chaos, early=conditions.early)
        self.guild.turn(**conditions.switches)
        self.outages.all = [replace(o, begins=began + o.begins, ends=began + o.ends) for o in conditions.outages]
        self.faults.discord = conditions.discord
        self.refuse_for_good()
        for begins, seconds, shape, number in conditions.blocks:
            address = rf"10\.0\.0\.{number}"
            fault = Fault(kind="cloudflare", shape=cast(Shape, shape), address=address, times=None)
            self.scheduler.spawn(partial(self._begin_block, fault), after=begins)
            self.scheduler.spawn(partial(self._end_block, fault), after=begins + seconds)
        for begins, seconds, lost, back in conditions.troubles:
            self.scheduler.spawn(partial(self._turn, lost), after=begins)
            self.scheduler.spawn(partial(self._turn, back), after=begins + seconds)

    def refuse_for_good(self) -> None:
        """Let Discord refuse from now on what the plan says it refuses for good."""
        for fault in self.plan.conditions.refusals:
            self.guild.inject(replace(fault))
        for method, places in self.plan.conditions.refused_members.items():
            for place in places:
                path = rf"/members/{FIRST_PERSON + place}(/|$)"
                refusal = Fault(kind="answer", method=method, path=path, status=403, code=50013, times=None)
                self.guild.inject(refusal)

    def _begin_block(self, fault: Fault) -> None:
        if not self.faults.calm:
            self.guild.inject(fault)

    def _end_block(self, fault: Fault) -> None:
        self.guild.clear_faults(fault.id)

    def _turn(self, switches: dict[str, Any]) -> None:
        self.invariants.note("operator", "the guild changes", **switches)
        with suppress(LookupError):  # a bot that was thrown out meanwhile has no permissions to change
            self.guild.turn(**switches)

    def _after_store(self, operation: str, _given: dict[str, Any]) -> None:
        if operation == "TransactWriteItems":
            self.invariants.links()
        self.faults.after_store(operation)

    # --- overridden parts of World ---

    def wire(self) -> BaseAdapter:
        """How requests reach Discord."""
        return _Wire(self)

    def delivery(self, services: Services) -> Delivery:
        """The message handler of a new process."""
        made = _ObservedDelivery(services)
        made.world = self
        return made

    def _invocation(self, name: str, records: list[dict[str, Any]]) -> Callable[[], None]:
        invoke = super()._invocation(name, records)
        last = max(int(record["attributes"]["ApproximateReceiveCount"]) for record in records)

        def mortal() -> None:
            with self.faults.process(INVOCATION, may_die=last < MAX_RECEIVES - 1):
                invoke()

        return mortal

    # --- functions without a queue ---

    def function(self, what: str, call: Callable[[Container], T], *, seconds: float = API_TIMEOUT) -> T | str:
        """Call a function; returns its answer, or a text that says how it failed."""
        idle = self._idle["api"]
        container = idle.pop() if idle else self.container()
        try:
            with self.faults.process(seconds):
                answer = call(container)
        except WorkerDied:
            self.invariants.note("function", f"{what}: died")
            return "died"
        except LinkRefused as refused:
            self.invariants.note("function", f"{what}: refused", why=str(refused))
            idle.append(container)
            return str(refused.reason)
        except Exception as error:  # noqa: BLE001 - the caller gets a page that says no more
            self.invariants.note("function", f"{what}: {type(error).__name__}", why=str(error)[:200])
            idle.append(container)
            return BREACHED
        idle.append(container)
        return answer

    def lift_halts(self) -> None:
        """An operator resumes calls to Discord; while DynamoDB is away, as soon as it is back."""
        away = self.outages.ends_at("dynamodb") - self.clock.now()
        if away > 0:
            self.scheduler.spawn(self.lift_halts, after=away)
            return
        DynamoHaltStore(self.settings.app_id, self.settings.guild_id).lift_all()

    def redrive(self) -> int:
        """An operator redrives the dead letters, except malformed messages."""
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
        """The queue of a message that SQS itself moved to the dead letters."""
        return next(one.queue for one in self.sqs.redriven if one.id == record["messageId"])
