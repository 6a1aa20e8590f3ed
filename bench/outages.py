"""An hour without each service that Rolecall needs: what is lost, what is late, who is told, what is asked of Discord.

In virtual time, with changes that come every minute, people who link, and a sweep every hour. Who posts while SQS is
away, posts again afterwards, as the app for Alliance Auth does; and while the auth site is away, nobody posts.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import PynamoDBException
from requests import RequestException

from bench.figures import Figure
from bench.guilds import linked_world
from chalicelib.errors import RolecallError
from local.simulated import World

MINUTE, HOUR = 60.0, 3600.0
MEMBERS = 200
CHANGES = 60  # one a minute, each of another member
TAKES = 3  # one in so many takes the only role: fewer than the removal limit lets through
LINK_EVERY = 10  # minutes
FIRST_SWEEP = 30  # minutes after the beginning of the outage; then one every hour
LATE = 20  # minutes after the end; a message waits for an eighth of an hour at most, and then for its turn
AFTER = 120  # minutes after the end
ERRORS = (BotoCoreError, ClientError, PynamoDBException, RequestException, RolecallError)
Begin = Callable[[World], None]


@dataclass(frozen=True, slots=True)
class Hour:
    """What an hour's outage did. `late` members are not as they should be LATE minutes after its end, `wrong` ones
    AFTER minutes after it, with two sweeps between. `refused`: people who could not link. `requests` to Discord in the
    hour.
    """

    dead_letters: int
    notices: int
    late: int
    wrong: int
    refused: int
    requests: int


@dataclass
class _Site:
    """An auth site that posts what it could not post before, oldest first. While it is away it posts nothing."""

    world: World
    ids: list[str]
    away: bool = False
    posted: int = 0
    stated: int = 0
    refused: int = 0

    def minute(self, number: int) -> None:
        """What happens in that minute of the outage."""
        self.stated = number + 1
        self.post()
        if not self.away and number % LINK_EVERY == 0:
            self._link(f"newcomer-{number}")

    def post(self) -> None:
        """Post what was not posted yet."""
        with suppress(*ERRORS):
            while self.posted < self.stated and not self.away:
                self.world.site.groups(f"user-{self.ids[self.posted]}", wanted(self.posted))
                self.posted += 1

    def _link(self, who: str) -> None:
        try:
            self.world.link(who, who, groups=["Member"])
        except ERRORS:
            self.refused += 1

    def wrong(self) -> int:
        """How many members are not as they should be."""
        roles = {member.id: set(member.roles) for member in self.world.guild.state().members}
        return sum(roles.get(self.ids[number]) != set(wanted(number)) for number in range(CHANGES))


def wanted(number: int) -> list[str]:
    """The groups that the change of that number states."""
    return ["Member", "Extra"] if number % TAKES else []


def hour_without(begin: Begin, *, auth_site: bool = False) -> Hour:
    """Live through an hour's outage, which `begin` begins, and the time after it."""
    world, ids = linked_world(MEMBERS)
    site = _Site(world, ids, away=auth_site)
    list(world.site.notices())
    began, asked = world.clock.now(), len(world.counts.requests)
    begin(world)
    for number in range(CHANGES):
        site.minute(number)
        _sweep_if_due(world, number)
        _pass_until(world, began + (number + 1) * MINUTE)
    requests, site.away = len(world.counts.requests) - asked, False
    late = 0
    for number in range(CHANGES, CHANGES + AFTER):
        site.post()
        _sweep_if_due(world, number)
        _pass_until(world, began + (number + 1) * MINUTE)
        if number + 1 == CHANGES + LATE:
            late = site.wrong()
    failures = sum(notice["kind"] == "sync_failed" for notice in world.site.notices())
    return Hour(len(list(world.dead_letters())), failures, late, site.wrong(), site.refused, requests)


def _sweep_if_due(world: World, minute: int) -> None:
    if minute % 60 == FIRST_SWEEP:
        with suppress(*ERRORS):  # the next one is due in an hour
            world.sweep()


def _pass_until(world: World, moment: float) -> None:
    """Let time pass, whether there is something to do or not."""
    if moment > world.clock.now():
        world.run(seconds=moment - world.clock.now())
        world.clock.move_to(max(moment, world.clock.now()))


def outages() -> list[Figure]:
    """An hour without each service."""

    def away(service: str, world: World, **how: str) -> None:
        world.outages.begin(service, HOUR, **how)  # type: ignore[arg-type]  # names of services, and manners

    runs: list[tuple[str, Callable[[], Hour]]] = [
        ("Discord, which answers 503", lambda: hour_without(partial(away, "discord", manner="503"))),
        ("Discord, which is not reachable", lambda: hour_without(partial(away, "discord", manner="unreachable"))),
        ("Discord, which hangs", lambda: hour_without(partial(away, "discord", manner="hangs"))),
        ("DynamoDB", lambda: hour_without(partial(away, "dynamodb"))),
        ("SQS", lambda: hour_without(partial(away, "sqs"))),
        ("the auth site", lambda: hour_without(lambda _: None, auth_site=True)),
    ]
    return [_figure(name, run()) for name, run in runs]


def _figure(service: str, hour: Hour) -> Figure:
    """Nothing may be lost, late or told."""
    lost = (hour.dead_letters, hour.notices, hour.late, hour.wrong)
    return Figure(
        f"an hour without {service}: dead letters, notices of failures, members late, members wrong at the end",
        ", ".join(map(str, lost)),
        "0, 0, 0, 0",
        not any(lost),
        f"{CHANGES} changes; {hour.requests} requests to Discord in the hour; {hour.refused} could not link meanwhile",
    )
