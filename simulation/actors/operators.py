"""What operators do, and the schedule: sweeps, an import of links, a store that is restored."""

import random
from functools import partial

from chalicelib.discord.models import Account
from chalicelib.messages import Parts
from chalicelib.store import users
from local.memory.dynamodb import Snapshot
from local.simulated import GUILD, INVOCATION, STAGE
from simulation.actors.auth_site import AuthSiteActor
from simulation.actors.cast import Cast

RESTORED = ("users", "accounts")  # the tables that have point-in-time recovery


class Operators:
    """The operators of the installation."""

    def __init__(self, cast: Cast, auth_site: AuthSiteActor) -> None:
        self.cast = cast
        self.guild = cast.guild
        self.site = cast.site
        self.world = cast.world
        self.plan = cast.plan
        self.auth_site = auth_site
        self.snapshot: Snapshot | None = None

    def import_link(self, user_id: str, *, told: bool) -> None:
        """An operator imports a link: the account is a member already, and nothing was synced."""
        who = self.cast.names.get(user_id, self.cast.people[0])
        rng = random.Random(f"import {self.plan.seed} {user_id}")
        before = self.cast.seen(who)
        if before is None:
            self.guild.add_member(who)
        roles = [role for role in ("Streamer", *self.plan.groups) if self._exists(role)]
        held = [role for role in roles if rng.random() < 0.3]
        self.guild.change_member(who, give=held)
        self.world.invariants.by_hand(self.cast.ids[who], before)
        now = self.world.clock.now()
        try:
            users.link(
                user_id,
                int(GUILD),
                Account(self.cast.ids[who], who),
                users.Claim(issued_at=now, imported_at=int(now)),
                now=now - users.JOIN_TIMEOUT,
            )
        except users.AccountTaken:
            return
        self.cast.imported.add(user_id)
        self.world.invariants.linked_by[user_id] = now
        self.cast.note("imports a link", user=user_id, who=who, told=told)
        if told:
            self.auth_site.both(rng, user_id)

    def _exists(self, role: str) -> bool:
        return role != "@everyone" and any(one.name == role for one in self.world.model.roles())

    def sweep(self, rng: random.Random, _user_id: str) -> None:
        """An operator runs a task."""
        parts = rng.choice((Parts.ALL, Parts.ALL, Parts.GROUPS, Parts.NICKNAME, Parts.USERNAME))
        options = rng.choice(({}, {}, {"dry_run": True}, {"force": True}))
        if self.plan.conditions.removal_limit and options.get("force"):
            options = {}  # a forced sweep takes whatever the limit
        self.cast.note("sweeps", parts=str(parts), **options)
        self.world.function("sweep", lambda c: c.delivery.sweeper.start(parts, **options), seconds=INVOCATION)

    def scheduled_sweep(self, tries: int) -> None:
        """The schedule fires; Lambda retries a failed event twice."""
        if self.cast.ended:
            return
        end = self.world.function("sweep", lambda c: c.delivery.sweeper.start(Parts.ALL), seconds=INVOCATION)
        if isinstance(end, str) and tries < 2:
            self.world.scheduler.spawn(partial(self.scheduled_sweep, tries + 1), after=60.0 * (tries + 1))

    def take_snapshot(self) -> None:
        """Remember the store as it is now."""
        self.snapshot = self.world.dynamodb.snapshot()
        self.cast.note("the store's point in time")

    def restore(self) -> None:
        """The operator restores users and links; the auth site then states everything again."""
        world = self.world
        if self.snapshot is None:
            return
        before = self._links()
        tables = [f"rolecall-{STAGE}-{name}" for name in RESTORED]
        world.dynamodb.restore(self.snapshot, only=tables)
        after = self._links()
        world.invariants.forgiven |= before - after
        self.cast.note("the store is restored", lost=sorted(before - after), back=sorted(after - before))
        rng = random.Random(f"restore {self.plan.seed}")
        for user_id in self.cast.users:
            person = self.site.users[user_id]
            stamp = self.cast.wish(user_id)
            said = {"groups": person.groups, "nickname": person.nickname}
            self.cast.post(rng, self.site.change("update_all", user_id, changed_at=stamp, **said))
            if person.deleted_at is not None:
                self.auth_site.delete(rng, user_id)

    def _links(self) -> set[int]:
        rows = self.world.dynamodb.items("accounts")
        return {int(row["discord_id"]["N"]) for row in rows if row["user_id"]["S"]}
