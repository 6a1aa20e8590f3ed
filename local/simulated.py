"""Rolecall in one process and in virtual time: the real code; only clock, queues, store and network are replaced.

    world = World()
    world.link("101", "kira", groups=["Member"])
    world.site.groups("101", ["Member", "Logistics"])
    world.run()
    assert world.roles("kira") == {"Member", "Logistics"}

Workers are greenlets that yield wherever they would wait: on a sleep, on Discord, on the store, on a queue. Between two
such points one runs alone, so a run is decided by its seed.
"""

import json
import logging
import random
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from botocore.exceptions import EndpointConnectionError
from greenlet import getcurrent, greenlet
from requests.adapters import BaseAdapter

from chalicelib import settings as settings_module
from chalicelib.commands.commands import Commands
from chalicelib.commands.door import Door
from chalicelib.delivery.delivery import Delivery
from chalicelib.discord.buckets import Buckets
from chalicelib.discord.client import Discord, Request, fingerprint
from chalicelib.discord.halts import Halts
from chalicelib.discord.rate_limiter import RateLimiter
from chalicelib.linking.entrance import Entrance
from chalicelib.linking.flow import LinkFlow
from chalicelib.linking.oauth import OAuth
from chalicelib.members.guild import GuildView
from chalicelib.messages import Parts
from chalicelib.metrics import Metrics
from chalicelib.notices import Notices
from chalicelib.queues import Queues, message_of
from chalicelib.services import Services
from chalicelib.settings import Settings
from chalicelib.store import rows
from chalicelib.store.guild import GuildMemory
from chalicelib.store.halts import DynamoHaltStore
from chalicelib.store.rate_limits import DynamoRateLimitStore
from local import recursion
from local.auth_site import AuthSite
from local.discord.adapter import DiscordAdapter
from local.discord.config import Config
from local.discord.control import Control
from local.discord.core import Discord as LocalDiscord
from local.discord.keys import public_key
from local.memory.clock import VirtualClock, skewed
from local.memory.dynamodb import MemoryDynamoDB
from local.memory.sqs import MemorySqs
from local.network import Connection
from local.outages import Outages
from local.recursion import MAX_INVOCATIONS, Chain, chain_of
from local.scheduler import Scheduler, WorkerDied

STAGE = "test"
AT = "https://discord.test"
GUILD, APP = "111111111111111111", "222222222222222222"
AUTH_SITE_SECRET = "the auth site's secret of the simulation"
ENVIRONMENT = {
    "ROLECALL_STAGE": STAGE,
    "DISCORD_APP_ID": APP,
    "DISCORD_APP_SECRET": "app-secret-of-the-simulation",
    "DISCORD_BOT_TOKEN": "bot-token-of-the-simulation",
    "DISCORD_PUBLIC_KEY": public_key(APP),
    "DISCORD_CALLBACK_URL": "https://api.test/discord/callback",
    "DISCORD_GUILD_ID": GUILD,
    "DISCORD_API_BASE_URL": f"{AT}/api/v10",
    "DISCORD_OAUTH_BASE_URL": f"{AT}/oauth2/authorize",
    "DISCORD_OAUTH_TOKEN_URL": f"{AT}/api/oauth2/token",
    "AUTH_SITE_SECRET": AUTH_SITE_SECRET,
}
INVOCATION = 60.0  # seconds; the timeout of one invocation
QUEUES = ("jobs", "bulk", "notices", "dead-letters")
POLLING = 0.03  # seconds from a message's arrival to its function's start

__all__ = ("AT", "GUILD", "STAGE", "Clocks", "Container", "Scheduler", "WorkerDied", "World")


@dataclass
class Container:
    """The process of one function, with its caches."""

    services: Services
    delivery: Delivery
    linking: LinkFlow
    session: requests.Session

    @property
    def settings(self) -> Settings:
        """The settings of this process."""
        return self.services.settings

    @property
    def commands(self) -> Door:
        """Where slash commands come in."""
        return Door(self.settings, self.services.now, Commands(self.services, self.view).answer)

    @property
    def entrance(self) -> Entrance:
        """What a first click needs."""
        return self.linking

    @property
    def view(self) -> GuildView:
        """What this process knows of the guild."""
        return self.delivery.view


@dataclass(frozen=True, kw_only=True)
class Clocks:
    """How many seconds each clock is ahead of true time; negative if it is behind. `functions`: by process number."""

    auth_site: float = 0.0
    sqs: float = 0.0
    discord: float = 0.0
    functions: Callable[[int], float] = lambda _: 0.0


@dataclass
class Counts:
    """Totals of a run."""

    invocations: int = 0
    died: int = 0  # of them
    stopped: int = 0  # invocations that Lambda refused as part of a loop
    longest_chain: int = 0  # invocations of one function in one chain of messages
    received: int = 0
    seconds: float = 0.0  # of Lambda, including sleep
    slept: float = 0.0
    naps: int = 0  # times that they slept for their turn
    requests: list[Request] = field(default_factory=list)


class World:
    """Rolecall, its auth site, its Discord and its AWS. Only one can exist in a process at a time.

    One method for each thing that tests, benchmarks and other programs do with it, and for each part that a subclass
    replaces: it is their one handle on everything.
    """

    def __init__(
        self,
        environment: dict[str, str] | None = None,
        *,
        discord: Config | None = None,
        seed: int = 0,
        workers: int = 5,
        latency: float = 0.05,
        store_latency: float = 0.0,
        loops: Collection[str] | None = None,
        clocks: Clocks | None = None,
        idle_limit: float | None = None,
        expire_every: float | None = None,
    ) -> None:
        """Durations are seconds.

        loops: the functions (`jobs`, `bulk`) that Lambda allows to loop; by default, as they are deployed.
        idle_limit: each process has its own address and connection, which dies after so long without a request.
        expire_every: how often DynamoDB deletes expired items; by default never.
        """
        self.random = random.Random(seed)  # noqa: S311 - decides a simulation, guards nothing
        self.clock = VirtualClock()
        self.scheduler = Scheduler(self.clock)
        self.clocks = clocks or Clocks()
        self.outages = Outages(self.clock)
        self._idle_limit = idle_limit
        self._loops = recursion.deployed() if loops is None else loops
        self.workers = workers
        self._begin_aws(seed, expire_every, store_latency)
        self._begin_discord(discord or Config(), latency)
        self._begin_functions(environment or {})

    def _begin_aws(self, seed: int, expire_every: float | None, store_latency: float) -> None:
        self.dynamodb = MemoryDynamoDB(self.clock, stage=STAGE, expire_every=expire_every)
        self.dynamodb.is_away = lambda: self.outages.has("dynamodb")
        if store_latency:
            self.dynamodb.before = lambda *_: self.clock.sleep(store_latency)
        self.sqs = MemorySqs(self.clock, stage=STAGE, seed=seed, ahead=self.clocks.sqs)
        self.sqs.is_away = lambda: self.outages.has("sqs")
        self.sqs.trace_header = lambda: recursion.header(self._chains.get(getcurrent(), {}))
        self._queue_urls: dict[str, str] = {
            name: self.sqs.get_queue_url(QueueName=f"rolecall-{STAGE}-{name}")["QueueUrl"] for name in QUEUES
        }
        rows.connect(STAGE, client=self.dynamodb)

    def _begin_discord(self, config: Config, latency: float) -> None:
        config = replace(
            config,
            guild_id=GUILD,
            app_id=APP,
            app_secret=ENVIRONMENT["DISCORD_APP_SECRET"],
            bot_token=ENVIRONMENT["DISCORD_BOT_TOKEN"],
            redirect_uris=(ENVIRONMENT["DISCORD_CALLBACK_URL"],),
            latency=latency,
        )
        self.discord = LocalDiscord(config, skewed(self.clock, self.clocks.discord).now)
        self.guild = self.discord.admin
        self.session = requests.Session()
        self.session.trust_env = False  # no proxy, and the environment is not read for every request
        self.session.mount(AT, Connection(self.wire(), self.outages, self.clock))

    def _begin_functions(self, environment: dict[str, str]) -> None:
        self.settings: Settings = settings_module.load(lambda _: {}, ENVIRONMENT | environment)
        self.counts = Counts()
        self.metrics: list[dict[str, Any]] = []
        self._processes = 0
        self._idle: dict[str, list[Container]] = {"jobs": [], "bulk": []}
        self._busy = {"jobs": 0, "bulk": 0}
        self._chains: dict[greenlet, Chain] = {}
        self.site = AuthSite(
            self.sqs,
            secret=AUTH_SITE_SECRET,
            jobs_queue_url=self.queue_url("jobs"),
            notices_queue_url=self.queue_url("notices"),
            now=skewed(self.clock, self.clocks.auth_site).now,
        )
        self.http = self.container()
        logging.getLogger("rolecall").addHandler(logging.NullHandler())

    # --- the parts ---

    def wire(self) -> BaseAdapter:
        """The transport of requests to Discord."""
        return DiscordAdapter(self.discord, self.clock.sleep)

    def queue_url(self, name: str) -> str:
        """The URL of one of the four queues."""
        return self._queue_urls[name]

    def container(self, chosen: Settings | None = None) -> Container:
        """A new process with empty caches."""
        chosen = chosen or self.settings
        self._processes += 1
        clock = skewed(self.clock, self.clocks.functions(self._processes))
        session = self.session if self._idle_limit is None else self._own_session(self._processes, self._idle_limit)
        metrics = Metrics(STAGE, lambda line: self.metrics.append(json.loads(line)))
        buckets = Buckets(DynamoRateLimitStore(chosen.guild_id, chosen.app_id), clock)
        halts = Halts(
            DynamoHaltStore(chosen.app_id, chosen.guild_id, buckets.names.learn),
            clock,
            token=fingerprint(chosen.bot_token),
            container=f"container-{self._processes}",
        )
        rate_limiter = RateLimiter(buckets, halts, clock)
        queues = Queues(self.sqs, STAGE)
        discord = Discord(chosen, rate_limiter, clock, session=session, on_request=self.counts.requests.append)
        services = Services(chosen, clock, discord, queues, Notices(queues), GuildMemory(chosen.guild_id), metrics)
        delivery = self.delivery(services)
        oauth = OAuth(services, session)
        return Container(services, delivery, LinkFlow(services, oauth, delivery.reconciler, delivery.view), session)

    def _own_session(self, number: int, idle_limit: float) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        address = f"10.0.{number // 256}.{number % 256}"
        session.mount(AT, Connection(self.wire(), self.outages, self.clock, address=address, idle_limit=idle_limit))
        return session

    def delivery(self, services: Services) -> Delivery:
        """The message handler of a new process."""
        return Delivery(services)

    # --- running ---

    def run(self, *, seconds: float = 3600.0, until: Callable[[], bool] = lambda: False) -> None:
        """Run until nothing is left to do, `until` is true, or that many seconds have passed."""
        end = self.clock.now() + seconds
        while not until():
            self._take_messages()
            moments = [at for at in (self.scheduler.next_at, self._next_message_at()) if at is not None]
            if not moments or min(moments) > end:
                return
            if self.scheduler.next_at is not None and self.scheduler.next_at <= min(moments):
                self.scheduler.step()
            else:
                self.clock.move_to(min(moments))

    def _next_message_at(self) -> float | None:
        """When the next message can be taken by a free worker."""
        moments = [
            self.sqs.next_event_at(f"rolecall-{STAGE}-{name}")
            for name, busy in self._busy.items()
            if busy < self.workers
        ]
        soonest = min((at for at in moments if at is not None), default=None)
        return None if soonest is None else max(soonest, self.outages.ends_at("sqs", "lambda"))

    def _take_messages(self) -> None:
        if self.outages.has("sqs") or self.outages.has("lambda"):
            return
        for name in self._busy:
            queue = f"rolecall-{STAGE}-{name}"
            while self._busy[name] < self.workers:
                soonest = self.sqs.next_event_at(queue)
                if soonest is None or soonest > self.clock.now():
                    break
                records = self.sqs.receive(queue)
                if not records:
                    break
                self._busy[name] += 1
                self.scheduler.spawn(self._invocation(name, records), after=POLLING)

    def _invocation(self, name: str, records: list[dict[str, Any]]) -> Callable[[], None]:
        chain = chain_of(records)
        chain[name] = chain.get(name, 0) + 1

        def stopped() -> None:  # the messages are delivered again after the visibility timeout, until SQS gives up
            self.counts.stopped += 1
            self._busy[name] -= 1

        def invoke() -> None:
            self.counts.longest_chain = max(self.counts.longest_chain, chain[name])
            self._chains[getcurrent()] = chain
            began = self.clock.now()
            container = self._idle[name].pop() if self._idle[name] else self.container()
            rate_limiter = container.services.discord.rate_limiter
            slept_before, naps_before = rate_limiter.slept, rate_limiter.naps
            self.counts.invocations += 1
            self.scheduler.ends_at[getcurrent()] = began + INVOCATION
            self.counts.received += len(records)
            try:
                container.delivery.batch(
                    [message_of(record) for record in records],
                    bulk=name == "bulk",
                    seconds_left=lambda: INVOCATION - (self.clock.now() - began),
                )
            except WorkerDied:
                self.counts.died += 1
                return
            except Exception:
                logging.getLogger("rolecall").debug("invocation failed", exc_info=True)
            else:
                self._delete(name, records)
            finally:
                del self.scheduler.ends_at[getcurrent()]
                del self._chains[getcurrent()]
                self._busy[name] -= 1
                self.counts.seconds += self.clock.now() - began
                self.counts.slept += rate_limiter.slept - slept_before
                self.counts.naps += rate_limiter.naps - naps_before
            self._idle[name].append(container)

        return invoke if chain[name] <= MAX_INVOCATIONS or name in self._loops else stopped

    def _delete(self, name: str, records: list[dict[str, Any]]) -> None:
        """Delete what a function has settled, as Lambda does; while SQS is away, it is delivered again."""
        with suppress(EndpointConnectionError):
            for record in records:
                self.sqs.delete_message(QueueUrl=self.queue_url(name), ReceiptHandle=record["receiptHandle"])

    # --- what people and operators do ---

    def link(self, user_id: str, who: str, *, groups: list[str], nickname: str | None = None, **claims: Any) -> None:  # noqa: ANN401
        """Link a person as their browser would, signing them up at Discord if needed. Raises LinkRefused."""
        if all(person.username != who for person in self.guild.people()):
            self.guild.add_person(who)
        linking = self.http.linking
        token = self.site.token(user_id, "link", groups=groups, nickname=nickname, **claims)
        started = linking.start(token)
        linking.finish(cookie=started.cookie, **self.consent(started.url, who))

    def consent(self, url: str, who: str, *, agree: bool = True) -> dict[str, str | None]:
        """Agree or refuse on Discord's page; returns code, state and error as the callback gets them."""
        back = Control(AT, self.session).consent(url, who, agree=agree)
        found = parse_qs(urlsplit(back).query)
        return {name: found.get(name, [None])[0] for name in ("code", "state", "error")}

    def sweep(self, parts: Parts = Parts.ALL, **options: bool) -> dict[str, Any]:
        """Start a sweep as `update_all` does; its further steps need `run`."""
        return self.http.delivery.sweeper.start(parts, **options)

    # --- looking ---

    def roles(self, who: str) -> set[str] | None:
        """The names of the member's roles; None if they are not a member."""
        member = self.guild.member(who)
        return None if member is None else set(member.roles)

    def nick(self, who: str) -> str | None:
        """The member's nickname."""
        member = self.guild.member(who)
        return None if member is None else member.nick

    def asked(self, route: str | None = None) -> list[Request]:
        """The bot's requests to Discord: all, or those of one route (`PATCH member`)."""
        return [one for one in self.counts.requests if route in (None, one.route)]

    def dead_letters(self) -> Iterator[tuple[str, str]]:
        """Bodies and reasons of the dead letters."""
        for message in self.sqs.waiting(f"rolecall-{STAGE}-dead-letters"):
            yield message.body, message.attributes.get("reason", "")
