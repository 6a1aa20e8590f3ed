"""What one process costs: memory of a sweep's step, a callback."""

import time
import tracemalloc

from bench.figures import Figure, at_most
from bench.guilds import linked_world
from chalicelib.messages import ComparePage
from chalicelib.sweeps.page_rules import SWEEPING
from local.simulated import World

MIN_PAGES = 2  # that a step compares, if the memory of several pages is to show in its peak


def memory(small: int, large: int, guild: int) -> list[Figure]:
    """Peak memory of one sweep step with few and with many linked members."""
    peaks = [_peak(linked, members) for linked, members in ((small, small), (large, guild))]
    name = f"peak memory of a step, {large:,} linked in {guild:,} ÷ {small:,} linked"
    note = f"{peaks[1] / 1e6:.1f} MB and {peaks[0] / 1e6:.1f} MB"
    return [at_most(name, peaks[1] / peaks[0], 1.2, shown="{:.2f}", note=note)]


def _peak(linked: int, members: int) -> float:
    """Bytes at the peak of the first step, which compares pages for half a minute."""
    world, _ = linked_world(linked, guild_members=members)
    sweeper = world.http.delivery.sweeper
    world.http.delivery.view.facts(SWEEPING)
    started = world.sweep(force=True)["sweep_id"]
    tracemalloc.start()
    try:
        sweeper.compare(ComparePage(sweep_id=started), redelivered=False)
        peak = float(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()
    after = sweeper.sweeps.get(started)
    if after is None or after.pages < MIN_PAGES:
        raise RuntimeError("no pages were compared in the step that was measured")
    return peak


def callback() -> list[Figure]:
    """A callback of a new member: Discord calls, and the time that is not Discord's."""
    world = World({"DISCORD_SYNC_NAMES": "True"}, latency=0.0)
    world.link("1", "first", groups=["Member"], nickname="First")
    world.clock.advance(60)
    world.guild.add_person("second")
    token = world.site.token("2", "link", groups=["Member"], nickname="Second")
    started = world.http.linking.start(token)
    said = world.consent(started.url, "second")
    before, calls_before = len(world.guild.received()), sum(world.dynamodb.counts.values())
    began = time.perf_counter()
    world.http.linking.finish(cookie=started.cookie, **said)
    took = time.perf_counter() - began
    made = world.guild.received()[before:]
    calls = sum(world.dynamodb.counts.values()) - calls_before
    note = ", ".join(one.route for one in made)
    return [
        at_most("callback: Discord calls for a new member", len(made), 5, note=note),
        Figure(
            "— milliseconds beyond Discord's and DynamoDB's own", f"{took * 1000:.0f}", note=f"{calls} DynamoDB calls"
        ),
    ]
