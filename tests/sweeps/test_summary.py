"""A sweep as operators see it."""

import json

from local.simulated import World
from tests.sweeps.support import losers


def test_the_answer_can_be_shown_as_json(world: World) -> None:
    losers(world, 1, of=2)
    assert json.loads(json.dumps(world.sweep(dry_run=True)))["would_lose_roles"] == 1
