"""Storms of statements: what they cost, and how long others take meanwhile. In virtual time."""

from collections.abc import Callable
from math import ceil

from bench.figures import Figure, at_most
from bench.guilds import cost_of_sweep, is_right, linked_world
from chalicelib.sweeps.page_rules import SWEEPING
from local.simulated import World

WORKERS = 4  # functions that read the jobs queue at once, as deployed
SPARE = 5  # requests that a storm may take beyond the list
SINGLES = 10  # single changes, each in the middle of a storm
LONGEST = 100_000.0  # virtual seconds


def storms(sizes: list[int]) -> list[Figure]:
    """Statements for members who are right already; for some who differ; a single change in the middle."""
    return [*(_right_already(size) for size in sizes), _some_differ(1000, 100), _single_in_the_middle(300)]


def _right_already(size: int) -> Figure:
    world, ids = _guild(size)
    before, began = len(world.counts.requests), world.clock.now()
    _state_all(world, ids)
    world.run(seconds=LONGEST)
    requests = len(world.counts.requests) - before
    note = f"{world.clock.now() - began:.0f} s"
    return at_most(f"storm: requests, {size:,} statements, all right", requests, ceil(size / 1000) + SPARE, note=note)


def _some_differ(size: int, differ: int) -> Figure:
    alone = _seconds_to_mend(size, differ, lambda world, _: cost_of_sweep(world))
    storm = _seconds_to_mend(size, differ, _state_all)
    name = f"storm: {size:,} statements of whom {differ} differ ÷ a sweep that writes the same"
    return at_most(name, storm / alone, 1.1, shown="{:.2f}", note=f"{storm:.0f} s and {alone:.0f} s")


def _seconds_to_mend(size: int, differ: int, begin: Callable[[World, list[str]], object]) -> float:
    world, ids = _guild(size)
    for discord_id in ids[:: size // differ]:
        world.guild.change_member(discord_id, take=["Member"])
    began = world.clock.now()
    begin(world, ids)
    world.run(seconds=LONGEST)
    if not is_right(world, ids):
        raise RuntimeError("the guild did not become right")
    writes = [one.at for one in world.guild.received() if one.method == "PUT"]
    return float(max(writes)) - began


def _single_in_the_middle(size: int) -> Figure:
    world, ids = _guild(size)
    *others, _ = ids
    waits = []
    for number in range(SINGLES):
        user, wanted = ids[-1 - number], {"Member", "Other"}
        _state_all(world, others[: size // 2])
        asked = world.clock.now()
        world.site.groups(f"user-{user}", sorted(wanted))
        _state_all(world, others[size // 2 : -SINGLES])
        world.run(seconds=600, until=lambda user=user, wanted=wanted: world.roles(user) == wanted)  # type: ignore[misc]
        waits.append(world.clock.now() - asked)
        world.run(seconds=600)
    waits.sort()
    note = f"of {len(waits)}; slowest {waits[-1]:.1f} s"
    return at_most(
        "storm: seconds of a change posted in the middle, median", waits[len(waits) // 2], 1, shown="{:.1f}", note=note
    )


def _guild(size: int) -> tuple[World, list[str]]:
    world, ids = linked_world(size, workers=WORKERS)
    world.http.view.facts(SWEEPING)
    return world, ids


def _state_all(world: World, ids: list[str]) -> None:
    for discord_id in ids:
        world.site.groups(f"user-{discord_id}", ["Member"])
