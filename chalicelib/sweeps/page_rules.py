"""The rules for the members of one page of a sweep: which role stands for which group, and which cannot be created."""

from dataclasses import replace
from itertools import chain

from chalicelib.discord.client import RequestOptions
from chalicelib.discord.models import Guild
from chalicelib.discord.rate_limit import Lane
from chalicelib.members.guild import GuildView
from chalicelib.members.plan import Rules
from chalicelib.members.role_creation import RoleCreator
from chalicelib.members.roles import merge_role_ids
from chalicelib.messages import Parts
from chalicelib.services import Services
from chalicelib.store.sweeps import Sweep
from chalicelib.store.users import User

SWEEPING = RequestOptions(Lane.BULK, reason="Rolecall: sweep")


class PageRules:
    """Finds the rules that hold for all members of a page."""

    def __init__(self, services: Services, view: GuildView) -> None:
        self._view = view
        self._role_creator = RoleCreator(services, view)

    def of(self, users: list[User], guild: Guild, sweep: Sweep) -> Rules:
        """The rules for these users; they know which roles cannot be created.

        A role that Discord refused some time ago is tried again here, once for all who lack it.
        """
        rules = self._view.rules(guild, self._which_roles(users, guild, sweep))
        if Parts.GROUPS not in Parts(sweep.parts) or not rules.create_roles:
            return rules
        missing = rules.roles.match(_groups(users)).missing
        if missing and not sweep.dry_run and self._role_creator.try_again(missing, SWEEPING):
            guild = self._view.known or guild
            rules = self._view.rules(guild, self._which_roles(users, guild, sweep))
        return replace(rules, uncreatable=self._role_creator.uncreatable()) if missing else rules

    def _which_roles(self, users: list[User], guild: Guild, sweep: Sweep) -> dict[str, int]:
        """Which role stands for which group, for all members of this page.

        A role that was renamed to another group's name stands for that group from then on. The groups of one member
        may not show that; those of a page do. What only a later page shows is known when the next sweep begins.
        """
        if Parts.GROUPS not in Parts(sweep.parts):
            return self._view.group_roles.by_name
        match = self._view.rules(guild).roles.match(_groups(users))
        if sweep.dry_run:
            return merge_role_ids(self._view.group_roles.by_name, match.ids)
        self._view.remember(match.ids)
        return self._view.group_roles.by_name


def _groups(users: list[User]) -> "chain[str]":
    return chain.from_iterable(user.wanted or () for user in users)
