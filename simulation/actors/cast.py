"""Who takes part in a run, and what all of them need: names, the world, and a record of what they do."""

import random
from collections import Counter
from collections.abc import Callable
from functools import partial

from botocore.exceptions import EndpointConnectionError

from simulation.harness import FIRST_PERSON, Harness
from simulation.invariants import Seen
from simulation.plan import OWNER

NICKNAMES = ("Kira", "  Dov   Ber ", "N" * 40, "Ωmega", "Sanne Prime", "Lux\u200b Zoë", "p1", "p2", "", None)
POST_RETRY = 60.0  # seconds


class Cast:
    """The people and users of one run."""

    def __init__(self, world: Harness) -> None:
        self.world = world
        self.plan = world.plan
        self.site = world.site
        self.guild = world.guild
        self.users = [f"u{number}" for number in range(self.plan.users)]
        self.people = [f"p{number}" for number in range(self.plan.people)]
        for number, who in enumerate(self.people):
            self.guild.add_person(who, person_id=str(FIRST_PERSON + number))
        self.ids = {person.username: int(person.id) for person in self.guild.people()}
        self.names = dict(zip(self.users, self.people, strict=False))
        rng = random.Random(f"cast {self.plan.seed}")
        if rng.random() < 0.4:
            self.names[self.users[-1]] = OWNER
        self._prepare_guild(rng)
        self.imported: set[str] = set()
        self.callbacks: Counter[tuple[str, int]] = Counter()  # by user and Discord id
        self.ended = False

    def _prepare_guild(self, rng: random.Random) -> None:
        if rng.random() < 0.5:
            for name in rng.sample(self.plan.groups, rng.randint(0, 2)):
                if name.strip() and name != "@everyone":
                    self.guild.create_role(name.strip()[:100])
        self.guild.create_role("Nitro", managed=True, tags={"premium_subscriber": None})
        self.guild.create_role("Streamer")
        for who in self.people:
            if rng.random() < 0.4:
                self.guild.add_member(who, roles=["Nitro"] if rng.random() < 0.3 else [])
                self.world.invariants.by_hand(self.ids[who], None)
        if rng.random() < 0.3:
            self.guild.create_role("Admiral")
            top = len(self.world.model.roles())
            self.guild.change_role("Admiral", position=top - 1)
            boss = rng.choice(self.people)
            if self.guild.member(boss):
                self.guild.change_member(boss, give=["Admiral"])
        self.world.invariants.roles_now()

    def person(self, who: str) -> str:
        """The Discord id of a person, as text."""
        return str(self.ids[who])

    def note(self, what: str, /, **more: object) -> None:
        """Record what somebody does."""
        self.world.invariants.note("actor", what, **more)

    def post(self, rng: random.Random, body: str) -> None:
        """Post a message now or a little later, perhaps twice."""
        delay = rng.choice((0.0, 0.0, 0.0, rng.uniform(0, 5), rng.uniform(0, 60)))
        for _ in range(2 if rng.random() < 0.1 else 1):
            self.world.scheduler.spawn(partial(self.send, body), after=delay)
            delay += rng.uniform(0, 10)

    def send(self, body: str) -> None:
        """Post a message; what cannot be posted now is posted later."""
        try:
            self.site.post(body)
        except EndpointConnectionError:  # the auth site keeps what it could not post, and tries again
            self.world.scheduler.spawn(partial(self.send, body), after=POST_RETRY)
            return
        if '"delete_user"' in body:  # it counts from when it was posted
            self.site.posted_deletion(body)
        self.note("posts", body=body)

    def some_groups(self, rng: random.Random) -> tuple[str, ...]:
        """A few groups, drawn by chance."""
        return tuple(rng.sample(self.plan.groups, rng.randint(0, min(4, len(self.plan.groups)))))

    def wish(self, user_id: str) -> int:
        """Date a change of the user; returns the `changed_at`."""
        self.site.users[user_id].stamp = self.site.stamp()
        return self.site.users[user_id].stamp

    def by_hand(self, what: str, who: str, action: Callable[[], object]) -> None:
        """Change a person or member by hand, and record it; do nothing if it is not possible now."""
        before = self.seen(who)
        try:
            action()
        except (LookupError, ValueError):
            return
        self.note(what, who=who)
        self.world.invariants.by_hand(self.ids[who], before)
        self.world.invariants.roles_now()

    def seen(self, who: str) -> Seen | None:
        """The member as they are now; None if they are not in the server."""
        return self.world.invariants.see(self.ids[who])

    def somebody(self, rng: random.Random, user_id: str) -> str:
        """The account of this user, or of anybody."""
        return self.names.get(user_id, self.people[0]) if rng.random() < 0.7 else rng.choice(self.people)

    def bot_role(self) -> str:
        """The name of the bot's own role; empty if the bot is not in the server."""
        role = self.world.model.bot_role()
        return role.name if role else ""
