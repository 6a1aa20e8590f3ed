"""How many functions a sweep uses at once where nothing limits them: `LIMIT_CONCURRENCY=jobs` relies on it."""

from bench.guilds import drift_one_role, is_right, linked_world
from local.simulated import World

MANY = 200  # functions that Lambda would run at once
FEW = 4  # that a sweep uses, as the page of costs says


def test_a_sweep_uses_few_functions_at_once_though_nothing_limits_them() -> None:
    world, ids = linked_world(200, workers=MANY)
    drift_one_role(world, ids)
    busy: list[int] = []
    world.scheduler.spawn(lambda: watch(world, busy))
    world.sweep(force=True)
    world.run(seconds=3600)
    assert is_right(world, ids)
    assert 1 <= max(busy) <= FEW
    assert not [one for one in world.counts.requests if one.status == 429]
    assert not list(world.dead_letters())


def watch(world: World, busy: list[int]) -> None:
    """Look every tenth of a second, for ten minutes, at how many functions work."""
    for _ in range(6000):
        world.clock.sleep(0.1)
        busy.append(world._busy["bulk"])


def test_after_an_outage_many_take_up_the_repairs_and_nothing_is_lost() -> None:
    world, ids = linked_world(400, workers=MANY)
    drift_one_role(world, ids)
    busy: list[int] = []
    world.scheduler.spawn(lambda: watch(world, busy))
    world.sweep(force=True)
    world.run(seconds=30)
    world.outages.begin("lambda", 300)
    world.run(seconds=7200)
    assert max(busy) > FEW, "so an account that runs ten functions needs the limit"
    assert is_right(world, ids)
    assert not [one for one in world.counts.requests if one.status == 429]
    assert not list(world.dead_letters())
