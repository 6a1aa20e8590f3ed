"""The guild as workers see it: its facts, and the rules for its members by them.

There is one `GuildView` per process. Facts from the store are cached for half a minute, so that a batch of jobs reads
them once; facts that turn out to be stale are read anew from Discord at once.
"""

from collections.abc import Iterable
from dataclasses import replace

from chalicelib import log
from chalicelib.discord.client import RequestOptions
from chalicelib.discord.models import Guild, Role
from chalicelib.errors import (
    Refused,
    RolecallError,
    UnknownMember,
)
from chalicelib.members.group_roles import GroupRoles
from chalicelib.members.plan import Rules
from chalicelib.members.roles import RolePolicy
from chalicelib.services import Services
from chalicelib.settings import KNOWN_ROLES, Settings
from chalicelib.store.users import Link

CACHE_TTL = 30.0  # seconds that facts from the store are used without reading them again


def role_policy(settings: Settings) -> RolePolicy:
    """What the settings say about roles and members."""
    return RolePolicy(
        reserved=settings.reserved_roles,
        protected=settings.protected_members,
        excluded=settings.excluded_groups,
        nickname_exempt=settings.nickname_exempt_roles,
        known_only=settings.managed_roles == KNOWN_ROLES,
    )


class GuildView:
    """Facts of the guild; `group_roles` knows which role stands for which group.

    One method for each thing that is asked of the guild, hence so many.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self.role_policy = role_policy(services.settings)
        self.group_roles = GroupRoles(services.memory, known_only=self.role_policy.known_only)
        self.known: Guild | None = None  # as this process read it last
        self._read_at = float("-inf")
        self._sweep = ""

    def is_its_own(self, link: Link) -> bool:
        """Was the link made in this guild? One of another guild counts as none: DISCORD_GUILD_ID was changed."""
        return link.guild_id in (0, self._services.settings.guild_id)

    # --- facts ---

    def require_facts_of_sweep(self, sweep_id: str) -> None:
        """Use no facts older than those of that sweep: what it found to differ must be found to differ here too."""
        if sweep_id != self._sweep:
            self._sweep, self._read_at = sweep_id, float("-inf")

    def facts(self, options: RequestOptions) -> Guild:
        """The guild, not older than DISCORD_ROLES_CACHE_MAX_AGE."""
        return self.known if self.is_fresh() and self.known else self.refresh(options)

    def is_fresh(self) -> bool:
        """Whether `facts` would ask nobody but the store."""
        now, guild = self._services.now(), self.remembered()
        return guild is not None and now - guild.read_at <= self._services.settings.roles_cache_max_age

    def remembered(self) -> Guild | None:
        """The guild as it was read last, however long ago; Discord is not asked."""
        self._read_stored()
        return self.known

    def _read_stored(self) -> None:
        """Read from the store what it has of the guild, unless that was done just now."""
        now = self._services.now()
        if now - self._read_at > CACHE_TTL:
            self.known, self.group_roles.stored = self._services.memory.facts_and_roles()
            self._read_at = now

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
            bot_roles = _bot_roles(self._services, options)
        # Without these, a process that starts with a sweep would not recognise a renamed role.
        self.group_roles.read()
        self._read_at = self._services.now()
        return self._keep(replace(guild, bot_roles=bot_roles))

    def _keep(self, guild: Guild) -> Guild:
        self._services.memory.keep_facts(guild)
        self.known = guild
        return guild

    def add_role(self, guild: Guild, role: Role) -> None:
        """Keep `guild` with a role that was just created in it."""
        self._keep(replace(guild, roles=(*guild.roles, role)))

    def rules(self, guild: Guild, known_role_ids: dict[str, int] | None = None) -> Rules:
        """The rules for changes of members in `guild`; `known_role_ids`, if they are not those of this view."""
        stored, settings = self.group_roles.stored, self._services.settings
        known = stored.by_name if known_role_ids is None else known_role_ids
        return Rules(
            self.role_policy.within(guild, known, role_map=stored.role_map, ever_known=stored.ever_known),
            sync_names=settings.sync_names,
            create_roles=not settings.disable_role_creation,
        )

    def remember(self, role_by_group: dict[str, int]) -> None:
        """Store which role stands for which group; see `GroupRoles.remember`."""
        self.group_roles.remember(role_by_group, self.known)


def remember_stated(view: GuildView, groups: Iterable[str]) -> None:
    """Remember the roles of groups that the auth site states, before anybody has to have them.

    Only with DISCORD_MANAGED_ROLES=known: a statement that is overtaken by a newer one makes its groups known, too.
    Asks nobody but the store.
    """
    if not view.role_policy.known_only:
        return
    guild = view.remembered()
    if guild is not None:
        view.remember(view.rules(guild).roles.match(groups).ids)


def _bot_roles(services: Services, options: RequestOptions) -> frozenset[int]:
    discord = services.discord
    try:
        try:
            return discord.member(services.settings.app_id, options).roles
        except UnknownMember:
            # Applications older than 2016 have a bot with an id of its own.
            return discord.member(discord.me(options).id, options).roles
    except Refused as error:
        # Its rank is unknown without them: then Discord itself decides what the bot may do.
        log.warning("bot_is_no_member", why=str(error))
        return frozenset()
