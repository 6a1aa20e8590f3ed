"""Storms: an auth site that states many at once (a move-in, a restore, a state that all gain), among all else."""

import random
from collections.abc import Callable
from functools import partial

from simulation.actors.auth_site import AuthSiteActor
from simulation.actors.cast import Cast
from simulation.actors.moderators import Moderators
from simulation.actors.users import Users
from simulation.conditions import Storm

Action = Callable[[random.Random, str], object]


class Storms:
    """The storms of one run."""

    def __init__(self, cast: Cast, auth_site: AuthSiteActor, users: Users, moderators: Moderators) -> None:
        self.cast = cast
        self.site = cast.site
        self._between: dict[Action, float] = {  # what is among the statements, and how often, of 100
            auth_site.groups: 4,
            auth_site.nickname: 2,
            auth_site.nudge: 8,
            auth_site.repeat: 4,
            auth_site.delete: 1,
            users.link: 2,
            users.unlink: 1,
            moderators.give: 3,
            moderators.take: 3,
        }

    def schedule(self) -> None:
        """Schedule every statement of every storm."""
        for number, storm in enumerate(self.cast.plan.conditions.storms):
            rng = random.Random(f"storm {self.cast.plan.seed} {number}")
            group = rng.choice(self.cast.plan.groups)
            for place in range(storm.statements):
                event = partial(self._event, f"storm {self.cast.plan.seed} {number} {place}", storm, group)
                self.cast.world.scheduler.spawn(event, after=storm.begins + rng.uniform(0, storm.seconds))

    def _event(self, name: str, storm: Storm, group: str) -> None:
        rng = random.Random(name)
        user_id, dice = rng.choice(self.cast.users), rng.uniform(0, 100)
        for action, share in self._between.items():
            if dice < share:
                action(rng, user_id)
                return
            dice -= share
        self._state(rng, user_id, gains=group if rng.random() < storm.gain else None)

    def _state(self, rng: random.Random, user_id: str, *, gains: str | None) -> None:
        """State the user again, as they are or with one group more."""
        person = self.site.users[user_id]
        if gains is not None and gains not in person.groups:
            person.groups = (*person.groups, gains)
        kind, stamp = rng.choice(("update_groups", "update_groups", "update_all")), self.cast.wish(user_id)
        names = {"nickname": person.nickname} if kind == "update_all" else {}
        self.cast.send(self.site.change(kind, user_id, groups=person.groups, changed_at=stamp, **names))
