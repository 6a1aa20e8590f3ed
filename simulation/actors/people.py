"""What people do at Discord: they leave, come back, are banned, delete their account, change their name."""

import random

from simulation.actors.cast import Cast
from simulation.plan import OWNER


class People:
    """People with a Discord account, and those who ban them."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast
        self.guild = cast.guild
        self.world = cast.world

    def leave(self, rng: random.Random, user_id: str) -> None:
        """Somebody leaves the server."""
        who = self.cast.somebody(rng, user_id)
        if who != OWNER:
            self.cast.by_hand("leaves", who, lambda: self.guild.leave(self.cast.person(who)))

    def join(self, rng: random.Random, user_id: str) -> None:
        """Somebody joins by an invite."""
        who = self.cast.somebody(rng, user_id)
        self.cast.by_hand("joins by themselves", who, lambda: self.guild.add_member(self.cast.person(who)))

    def delete_account(self, rng: random.Random, user_id: str) -> None:
        """Somebody deletes their Discord account."""
        who = self.cast.somebody(rng, user_id)
        if who != OWNER:
            self.cast.by_hand("deletes the account", who, lambda: self.guild.delete_account(self.cast.person(who)))

    def ban(self, rng: random.Random, user_id: str) -> None:
        """A moderator bans somebody."""
        who = self.cast.somebody(rng, user_id)
        if who != OWNER:
            self.cast.by_hand("is banned", who, lambda: self.guild.ban(self.cast.person(who)))

    def unban(self, rng: random.Random, user_id: str) -> None:
        """A moderator lifts a ban."""
        who = self.cast.somebody(rng, user_id)
        if self.cast.ids[who] in self.world.model.guild.bans:
            self.cast.by_hand("is unbanned", who, lambda: self.guild.unban(self.cast.person(who)))

    def rename_person(self, rng: random.Random, user_id: str) -> None:
        """Somebody changes their username, or their display name, which Rolecall does not store."""
        who = self.cast.somebody(rng, user_id)
        person = self.cast.person(who)
        if rng.random() < 0.5:
            self.cast.by_hand("is renamed", who, lambda: self.guild.change_person(person, username=f"{who}x"))
        else:
            self.cast.by_hand(
                "changes their display name", who, lambda: self.guild.change_person(person, global_name="x")
            )
