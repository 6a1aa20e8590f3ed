"""How long chains of invocations get: Lambda counts them through SQS, and stops one that it takes for a loop.

The limit is `local.recursion.MAX_INVOCATIONS`, of one function in one chain, unless the function is deployed with
`RecursiveLoop: Allow`, as Rolecall's are. The rule is in force in these runs, as on AWS.
"""

from collections.abc import Callable
from dataclasses import dataclass

from bench.figures import Figure, at_most
from bench.guilds import LONGEST, drift_one_role, is_right, linked_world
from local.recursion import MAX_INVOCATIONS
from local.simulated import ENVIRONMENT, World

HOUR, DAY = 3600.0, 86_400.0
SWEEPS_EVERY = HOUR  # as UPDATE_ALL_SCHEDULE is by default
MAX_IN_A_DAY = 130  # invocations, some 125 as docs/explanation/delivery.md says
WAITING = 20  # changes that arrive when a standstill begins
SWEEPS = ((200, 0), (200, 200), (1000, 0), (1000, 1000), (20_000, 0), (20_000, 20_000), (100_000, 0), (100_000, 2000))


@dataclass(frozen=True, slots=True)
class Chain:
    """The longest chain of a run: invocations of one function. `stopped`: invocations that Lambda refused."""

    longest: int
    stopped: int


def of_sweep(linked: int, *, drifted: int = 0) -> Chain:
    """A sweep of a guild of so many linked members, of whom the first `drifted` differ in one role."""
    world, ids = linked_world(linked)
    drift_one_role(world, ids[:drifted])
    began = world.clock.now()
    world.sweep(force=True)
    _run_with_schedule(world, until=began)
    if not is_right(world, ids):
        raise RuntimeError("the sweep did not make the guild right")
    return _chain(world)


def of_standstill(begin: Callable[[World], None], end: Callable[[World], None]) -> Chain:
    """A day on which no call can be made, while changes wait and sweeps are due."""
    world, ids = linked_world(1000)
    changed = ids[:WAITING]
    ends_at = world.clock.now() + DAY
    begin(world)
    for discord_id in changed:
        world.site.groups(f"user-{discord_id}", ["Extra"])
    _run_with_schedule(world, until=ends_at, to_the_end=False)
    end(world)
    _run_with_schedule(world, until=ends_at + 2 * HOUR)
    members = {member.id: set(member.roles) for member in world.guild.state().members}
    if any(members[discord_id] != {"Extra"} for discord_id in changed) or list(world.dead_letters()):
        raise RuntimeError("not all changes were made after the standstill")
    return _chain(world)


def discord_away() -> Chain:
    """Discord answers 503 for a day."""
    return of_standstill(lambda world: world.outages.begin("discord", DAY, manner="503"), lambda _: None)


def token_refused() -> Chain:
    """Discord refuses the bot's token for a day."""

    def turn(world: World, token: str) -> None:
        world.guild.turn(bot_token=token)

    valid = ENVIRONMENT["DISCORD_BOT_TOKEN"]
    return of_standstill(lambda world: turn(world, "another token"), lambda world: turn(world, valid))


def _run_with_schedule(world: World, *, until: float, to_the_end: bool = True) -> None:
    """Run until that time, and then until nothing is left to do. A sweep starts every hour, as on a schedule."""
    latest = max(until, world.clock.now()) + (LONGEST if to_the_end else 0.0)
    while world.clock.now() < latest:
        tick = world.clock.now() + SWEEPS_EVERY
        world.run(seconds=SWEEPS_EVERY)
        if world.clock.now() >= until and world.sqs.next_event_at() is None:
            return
        world.clock.move_to(tick)
        world.sweep()


def _chain(world: World) -> Chain:
    return Chain(world.counts.longest_chain, world.counts.stopped)


def chains(*, quick: bool) -> list[Figure]:
    """The longest chain of sweeps and of days on which nothing can be done."""
    figures = []
    for linked, drifted in SWEEPS[:3] if quick else SWEEPS:
        chain = of_sweep(linked, drifted=drifted)
        name = f"longest chain, sweep of {linked:,} linked, {drifted:,} drifted"
        figures.append(at_most(name, _not_stopped(chain).longest, MAX_INVOCATIONS))
    standstills = (("the token is refused", token_refused), ("Discord is away", discord_away))
    for name, run in standstills[:1] if quick else standstills:
        chain = _not_stopped(run())
        note = "grows with the time, not with the server; what the functions may loop for"
        what = f"longest chain, {name} for a day, {WAITING} changes wait"
        figures.append(at_most(what, chain.longest, MAX_IN_A_DAY, note=note))
    return figures


def _not_stopped(chain: Chain) -> Chain:
    if chain.stopped:
        raise RuntimeError(f"Lambda stopped {chain.stopped} invocations")
    return chain
