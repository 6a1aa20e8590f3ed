"""What the auth site does: it posts changes, late, twice, in any order, malformed; and deletes users."""

import random
from functools import partial
from typing import Any

from simulation.actors.cast import NICKNAMES, Cast

GARBAGE = (
    "not JSON",
    "{}",
    '{"kind": "explode", "user_id": "u0"}',
    '{"kind": "update_groups", "user_id": "u0", "groups": "Member", "changed_at": 1}',
    '{"kind": "update_groups", "user_id": "u0", "groups": ["Member"]}',
    '{"kind": "part_with", "user_id": "u0", "discord_id": 100000000000000000}',
    '{"kind": "delete_user"}',
)


class AuthSiteActor:
    """The auth site. One method for each kind of message, hence so many."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast
        self.site = cast.site
        self.world = cast.world

    def groups(self, rng: random.Random, user_id: str) -> None:
        """The user's groups change."""
        person = self.site.users[user_id]
        person.groups = self.cast.some_groups(rng)
        stamp = self.cast.wish(user_id)
        self.cast.post(rng, self.site.change("update_groups", user_id, groups=person.groups, changed_at=stamp))

    def flurry(self, rng: random.Random, user_id: str) -> None:
        """Several changes within half a second, arriving in any order."""
        person, breath = self.site.users[user_id], rng.choice((0.05, 0.15, 0.5))
        for _ in range(rng.randint(2, 5)):
            person.groups = self.cast.some_groups(rng)
            stamp = self.cast.wish(user_id)
            body = self.site.change("update_groups", user_id, groups=person.groups, changed_at=stamp)
            self.world.scheduler.spawn(partial(self.cast.send, body), after=rng.uniform(0, breath))

    def nickname(self, rng: random.Random, user_id: str) -> None:
        """The user's main character changes."""
        person = self.site.users[user_id]
        person.nickname = rng.choice(NICKNAMES)
        stamp = self.cast.wish(user_id)
        self.cast.post(rng, self.site.change("update_nickname", user_id, nickname=person.nickname, changed_at=stamp))

    def both(self, rng: random.Random, user_id: str) -> None:
        """Both change."""
        person = self.site.users[user_id]
        person.groups, person.nickname = self.cast.some_groups(rng), rng.choice(NICKNAMES)
        said: dict[str, Any] = {"groups": person.groups, "nickname": person.nickname}
        self.cast.post(rng, self.site.change("update_all", user_id, changed_at=self.cast.wish(user_id), **said))

    def nudge(self, rng: random.Random, user_id: str) -> None:
        """The auth site asks for a check without stating anything."""
        kind = rng.choice(("update_groups", "update_nickname", "update_username", "update_all"))
        self.cast.post(rng, self.site.change(kind, user_id))

    def repeat(self, rng: random.Random, user_id: str) -> None:
        """An earlier message is posted again."""
        bodies = [said.body for said in self.site.statements[user_id] if said.body]
        if bodies:
            self.cast.post(rng, rng.choice(bodies))

    def late_news(self, rng: random.Random, user_id: str) -> None:
        """A change arrives after newer ones."""
        known = {said.stamp for said in self.site.statements[user_id]}
        stamp = (rng.choice(sorted(known)) if known else self.site.stamp()) - rng.randint(1, 5)
        if stamp in known:
            return
        groups = self.cast.some_groups(rng)
        self.cast.post(rng, self.site.change("update_groups", user_id, groups=groups, changed_at=stamp))

    def garbage(self, rng: random.Random, _user_id: str) -> None:
        """A malformed message is posted."""
        self.cast.post(rng, rng.choice(GARBAGE))

    def _details(self, user_id: str) -> dict[str, Any]:
        """What a deletion says beyond the user: when it was decided, how they go, after how many days."""
        conditions = self.cast.plan.conditions
        person = self.site.users[user_id]
        rng = random.Random(f"deletion {self.cast.plan.seed} {user_id} {len(person.deletes)}")
        details: dict[str, Any] = {}
        if rng.random() < conditions.dated:
            details["changed_at"] = self.site.stamp()
        if conditions.grace_days and rng.random() < 0.5:
            details["grace_days"] = rng.choice((0, conditions.grace_days))
        if conditions.members_stay and rng.random() < 0.5:
            details["expire_behavior"] = rng.choice(("kick", "remove_roles"))
        return details

    def delete(self, rng: random.Random, user_id: str) -> None:
        """The auth site deletes the user."""
        person = self.site.users[user_id]
        person.deleted_at, person.ever_deleted = self.world.clock.now(), True
        body = self.site.deletion(user_id, notify=rng.random() < 0.5, **self._details(user_id))
        person.deletes.append(body)
        self.cast.post(rng, body)
