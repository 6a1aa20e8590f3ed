"""The guild as workers see it: its facts, and which role stands for which group.

There is one `GuildView` per process. Facts from the store are cached for half a minute, so that a batch of jobs reads
them once; facts that turn out to be stale are read anew from Discord at once.
"""

from dataclasses import replace

from chalicelib import log
from chalicelib.discord.client import RequestOptions
from chalicelib.discord.models import Guild, Role
from chalicelib.errors import (
    Refused,
    RolecallError,
    UnknownMember,
)
from chalicelib.members.plan import Rules
from chalicelib.members.roles import RolePolicy, merge_role_ids
from chalicelib.services import Services
from chalicelib.settings import Settings

CACHE_TTL = 30.0  # seconds that facts from the store are used without reading them again
MAX_ATTEMPTS = 5  # to store a role while other workers store theirs; a role that is missed is stored at its next match


def role_policy(settings: Settings) -> RolePolicy:
    """What the settings say about roles and members."""
    return RolePolicy(settings.reserved_roles, settings.protected_members)


class GuildView:
    """Facts of the guild, and which role stands for which group."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.role_policy = role_policy(services.settings)
        self._guild: Guild | None = None
        self._known_role_ids: dict[str, int] = {}
        self._read_at = float("-inf")
        self._sweep = ""

    # --- facts ---

    def require_facts_of_sweep(self, sweep_id: str) -> None:
        """Use no facts older than those of that sweep: what it found to differ must be found to differ here too."""
        if sweep_id != self._sweep:
            self._sweep, self._read_at = sweep_id, float("-inf")

    def facts(self, options: RequestOptions) -> Guild:
        """The guild, not older than DISCORD_ROLES_CACHE_MAX_AGE."""
        now = self._services.now()
        if now - self._read_at > CACHE_TTL:
            self._guild = self._services.memory.facts()
            self._known_role_ids = self._services.memory.role_ids()
            self._read_at = now
        guild = self._guild
        if guild is None or now - guild.read_at > self._services.settings.roles_cache_max_age:
            return self.refresh(options)
        return guild

    def name(self, options: RequestOptions) -> str:
        """The server's name, not older than DISCORD_GUILD_NAME_CACHE_MAX_AGE; empty if Discord does not answer."""
        known = self._services.memory.facts()
        if known and self._services.now() - known.read_at <= self._services.settings.guild_name_cache_max_age:
            return known.name
        try:
            return self.refresh(options).name
        except RolecallError as error:
            log.warning("server_name_unknown", why=str(error))
            return ""

    def refresh(self, options: RequestOptions, *, bot_roles: frozenset[int] | None = None) -> Guild:
        """The guild as it is now, read from Discord. `bot_roles`, if the caller has read them already."""
        discord = self._services.discord
        guild = discord.guild(options)
        if bot_roles is None:
            bot_roles = self._bot_roles(options)
        # Without these, a process that starts with a sweep would not recognise a renamed role.
        self._known_role_ids = self._services.memory.role_ids()
        self._read_at = self._services.now()
        return self._keep(replace(guild, bot_roles=bot_roles))

    def _bot_roles(self, options: RequestOptions) -> frozenset[int]:
        discord = self._services.discord
        try:
            try:
                return discord.member(self._services.settings.app_id, options).roles
            except UnknownMember:
                # Applications older than 2016 have a bot with an id of its own.
                return discord.member(discord.me(options).id, options).roles
        except Refused as error:
            # Its rank is unknown without them: then Discord itself decides what the bot may do.
            log.warning("bot_is_no_member", why=str(error))
            return frozenset()

    def _keep(self, guild: Guild) -> Guild:
        self._services.memory.keep_facts(guild)
        self._guild = guild
        return guild

    def add_role(self, guild: Guild, role: Role) -> None:
        """Keep `guild` with a role that was just created in it."""
        self._keep(replace(guild, roles=(*guild.roles, role)))

    def rules(self, guild: Guild, known_role_ids: dict[str, int] | None = None) -> Rules:
        """The rules for changes of members in `guild`; `known_role_ids`, if they are not those of this view."""
        known = self._known_role_ids if known_role_ids is None else known_role_ids
        settings = self._services.settings
        return Rules(
            self.role_policy.within(guild, known),
            sync_names=settings.sync_names,
            create_roles=not settings.disable_role_creation,
        )

    @property
    def known(self) -> Guild | None:
        """The guild as this process read it last; this reads nothing."""
        return self._guild

    @property
    def known_role_ids(self) -> dict[str, int]:
        """The role that stood for each group when it was last matched."""
        return self._known_role_ids

    def remember(self, role_by_group: dict[str, int]) -> None:
        """Store which role stands for which group. Workers that do so at the same time lose nothing of each other."""
        if merge_role_ids(self._known_role_ids, role_by_group) == self._known_role_ids:
            return
        for _ in range(MAX_ATTEMPTS):
            known = self._services.memory.role_ids()
            there = {
                name: role_id for name, role_id in known.items() if not self._guild or role_id in self._guild.by_id
            }
            self._known_role_ids = merge_role_ids(there, role_by_group)
            if self._known_role_ids == known or self._services.memory.keep_role_ids(self._known_role_ids, known):
                return
