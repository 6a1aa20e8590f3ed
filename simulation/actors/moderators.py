"""What moderators and integrations do: they give and take roles, rename members, and change the roles themselves."""

import random
from collections.abc import Callable

from simulation.actors.cast import Cast


class Moderators:
    """The moderators of the server."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast
        self.guild = cast.guild
        self.world = cast.world
        self.plan = cast.plan

    def _some_role(self, rng: random.Random) -> str:
        named = [role.name for role in self.world.model.roles() if role.id != self.world.model.id]
        return rng.choice(sorted(named))

    def give(self, rng: random.Random, user_id: str) -> None:
        """A moderator gives a role, or an integration does."""
        who, role = self.cast.somebody(rng, user_id), self._some_role(rng)
        if role == self.cast.bot_role():
            return  # Discord gives the bot's role to nobody else
        self.cast.by_hand(
            f"is given {role!r} by hand",
            who,
            lambda: self.guild.change_member(self.cast.person(who), give=[role]),
        )

    def take(self, rng: random.Random, user_id: str) -> None:
        """A moderator takes a role."""
        who, role = self.cast.somebody(rng, user_id), self._some_role(rng)
        self.cast.by_hand(
            f"loses {role!r} by hand", who, lambda: self.guild.change_member(self.cast.person(who), take=[role])
        )

    def rename_member(self, rng: random.Random, user_id: str) -> None:
        """A moderator changes a nickname."""
        who = self.cast.somebody(rng, user_id)
        nick = rng.choice(("xX", "Kira", None))
        self.cast.by_hand(
            f"is called {nick!r} by hand",
            who,
            lambda: self.guild.change_member(self.cast.person(who), nick=nick, clear_nick=nick is None),
        )

    def _role_action(self, what: str, action: Callable[[], object]) -> None:
        if self.plan.roles_stay:
            return
        try:
            action()
        except (LookupError, ValueError):
            return
        self.cast.note(what)
        self.world.invariants.roles_hand_at = self.world.clock.now()
        self.world.invariants.roles_now()

    def rename_role(self, rng: random.Random, _user_id: str) -> None:
        """A moderator renames a role, to something new or to a group's name."""
        role = self._some_role(rng)
        name = rng.choice((f"{role} II"[-100:], rng.choice(self.plan.groups).strip()[:100], "Streamer"))
        if role not in (self.cast.bot_role(), "Nitro") and name != "@everyone":
            self._role_action(f"renames {role!r} to {name!r}", lambda: self.guild.change_role(role, name=name))

    def delete_role(self, rng: random.Random, _user_id: str) -> None:
        """A moderator deletes a role."""
        role = self._some_role(rng)
        if role not in (self.cast.bot_role(), "Nitro"):
            self._role_action(f"deletes {role!r}", lambda: self.guild.delete_role(role))

    def create_role(self, rng: random.Random, _user_id: str) -> None:
        """A moderator or an integration creates a role with a group's name."""
        name = rng.choice((*self.plan.groups, "Moderator", "Admin")).strip()[:100]
        managed = rng.random() < 0.15
        if name != "@everyone":
            self._role_action(
                f"creates {name!r}{' (managed)' * managed}", lambda: self.guild.create_role(name, managed=managed)
            )

    def move_role(self, rng: random.Random, _user_id: str) -> None:
        """A moderator moves a role, perhaps above the bot's."""
        role = self._some_role(rng)
        position = rng.randint(1, len(self.world.model.roles()) - 1)
        if role != self.cast.bot_role():
            self._role_action(f"moves {role!r} to {position}", lambda: self.guild.change_role(role, position=position))
