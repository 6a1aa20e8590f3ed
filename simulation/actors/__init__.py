"""Everybody but the bot: the auth site, its users, people at Discord, moderators, operators.

Each event is determined by the seed and its own number alone, so that a bug fix does not change the rest of a run.
"""

import random
from functools import partial
from operator import attrgetter

from simulation.actors.auth_site import AuthSiteActor
from simulation.actors.cast import Cast
from simulation.actors.moderators import Moderators
from simulation.actors.operators import Operators
from simulation.actors.people import People
from simulation.actors.storms import Storms
from simulation.actors.users import Users
from simulation.harness import Harness

ACTIONS: dict[str, float] = {  # who does what, and how often of all events
    "site.groups": 22,
    "site.flurry": 5,
    "site.nickname": 7,
    "site.both": 6,
    "site.nudge": 5,
    "site.repeat": 5,
    "site.late_news": 4,
    "site.garbage": 2,
    "site.delete": 4,
    "users.link": 8,
    "users.unlink": 2,
    "people.leave": 3,
    "people.join": 3,
    "people.delete_account": 0.7,
    "people.ban": 1.5,
    "people.unban": 1.5,
    "people.rename_person": 1,
    "moderators.give": 6,
    "moderators.take": 5,
    "moderators.rename_member": 3,
    "moderators.rename_role": 2,
    "moderators.delete_role": 2,
    "moderators.create_role": 2,
    "moderators.move_role": 1,
    "operators.sweep": 5,
}


class Actors:
    """Carries out one plan in its world: says who does what, and when."""

    def __init__(self, world: Harness) -> None:
        self.cast = cast = Cast(world)
        self.plan = world.plan
        self.site = AuthSiteActor(cast)
        self.users = Users(cast, self.site)
        self.people = People(cast)
        self.moderators = Moderators(cast)
        self.operators = Operators(cast, self.site)
        self.storms = Storms(cast, self.site, self.users, self.moderators)

    def schedule(self) -> None:
        """Schedule all actions."""
        spawn, length = self.cast.world.scheduler.spawn, self.plan.seconds
        rng = random.Random(f"times {self.plan.seed}")
        imported = random.Random(f"imported {self.plan.seed}")
        for user_id in self.cast.users:
            if imported.random() < self.plan.conditions.imported:
                spawn(
                    partial(
                        self.operators.import_link,
                        user_id,
                        told=imported.random() >= self.plan.conditions.never_told,
                    )
                )
            elif rng.random() < 0.85:
                spawn(partial(self.users.first_link, user_id), after=rng.uniform(0, length * 0.3))
        moment, hot = 0.0, self.cast.users[0]
        for number in range(self.plan.events):
            if number == 0 or rng.random() < 0.6:
                moment, hot = rng.uniform(0, length), rng.choice(self.cast.users)
            else:
                moment = min(length, moment + rng.uniform(0, 3))
            spawn(partial(self._event, number, hot), after=moment)
        at = self.plan.sweep_every
        while at < length:
            spawn(partial(self.operators.scheduled_sweep, 0), after=at)
            at += self.plan.sweep_every
        if self.plan.restore:
            first = rng.uniform(0, length * 0.6)
            spawn(self.operators.take_snapshot, after=first)
            spawn(self.operators.restore, after=rng.uniform(first, length))
        self._last_changes(length)
        self.storms.schedule()
        self.cast.world.faults.token_refused = lambda: spawn(self.cast.world.lift_halts, after=rng.uniform(30, 600))

    def _last_changes(self, length: float) -> None:
        """Schedule many changes at the very end, so that no later one can hide a failure."""
        rng = random.Random(f"last words {self.plan.seed}")
        for user_id in rng.sample(self.cast.users, rng.randint(0, len(self.cast.users))):
            self.cast.world.scheduler.spawn(partial(self.site.flurry, rng, user_id), after=length - rng.uniform(0, 2))

    def _event(self, number: int, hot: str) -> None:
        rng = random.Random(f"event {self.plan.seed} {number}")
        user_id = hot if rng.random() < 0.7 else rng.choice(self.cast.users)
        name = rng.choices(list(ACTIONS), list(ACTIONS.values()))[0]
        attrgetter(name)(self)(rng, user_id)
