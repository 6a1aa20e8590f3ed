"""The guild as workers see it: its facts from Discord, kept for a while; roles created once, however many ask.

One `GuildView` a process. What it was told by the store it believes for half a minute, so that a batch of jobs costs
one look; what turns out to be stale is read again from Discord at once.
"""

import uuid
from dataclasses import replace

from chalicelib import log
from chalicelib.discord.client import RequestOptions
from chalicelib.discord.models import Guild, Role
from chalicelib.errors import (
    DiscordUnavailable,
    NotPermitted,
    Refused,
    RolecallError,
    RoleCreationInProgress,
    RoleLimit,
    UnknownGuild,
    UnknownMember,
)
from chalicelib.members.plan import Rules
from chalicelib.members.roles import RolePolicy, merge_role_ids
from chalicelib.problems import NO_PROBLEMS, Problem, ProblemKind, Problems, role_refused
from chalicelib.services import Services
from chalicelib.settings import Settings
from chalicelib.store.guild import RefusedRole

CACHE_TTL = 30.0  # seconds
MAX_ATTEMPTS = 5  # at remembering a role while others do so too; what is missed is remembered at its next match
ROLE_LOCK_TTL = 90  # seconds that one worker may take to create a role; more than Discord's time-outs together
ASK_AGAIN = 2.0  # seconds until a role that somebody else is creating should be there
NO_NEW_ROLES = 3600  # seconds without trying, after Discord said that no more roles can be created


def role_policy(settings: Settings) -> RolePolicy:
    """What the settings say about roles and members."""
    return RolePolicy(settings.reserved_roles, settings.protected_members)


class GuildView:
    """Facts of the guild, and which role stands for which group."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.role_policy = role_policy(services.settings)
        self._guild: Guild | None = None
        self._remembered: dict[str, int] = {}
        self._looked_at = float("-inf")
        self._sweep = ""

    # --- facts ---

    def know_as_sweep(self, sweep_id: str) -> None:
        """Believe nothing older than what that sweep saw: what it found to differ must be seen to differ here too."""
        if sweep_id != self._sweep:
            self._sweep, self._looked_at = sweep_id, float("-inf")

    def facts(self, options: RequestOptions) -> Guild:
        """The guild, not older than DISCORD_ROLES_CACHE_MAX_AGE."""
        now = self._services.now()
        if now - self._looked_at > CACHE_TTL:
            self._guild = self._services.memory.facts()
            self._remembered = self._services.memory.role_ids()
            self._looked_at = now
        guild = self._guild
        if guild is None or now - guild.read_at > self._services.settings.roles_cache_max_age:
            return self.refresh(options)
        return guild

    def name(self, options: RequestOptions) -> str:
        """The server's name, not older than DISCORD_GUILD_NAME_CACHE_MAX_AGE; empty where Discord does not tell."""
        known = self._services.memory.facts()
        if known and self._services.now() - known.read_at <= self._services.settings.guild_name_cache_max_age:
            return known.name
        try:
            return self.refresh(options).name
        except RolecallError as error:
            log.warning("server_name_unknown", why=str(error))
            return ""

    def refresh(self, options: RequestOptions, *, bot_roles: frozenset[int] | None = None) -> Guild:
        """The guild as it is now, read from Discord. `bot_roles` where the caller has read them already."""
        discord = self._services.discord
        guild = discord.guild(options)
        if bot_roles is None:
            bot_roles = self._bot_roles(options)
        # Without it a process that begins with a sweep would take every renamed role for a stranger.
        self._remembered = self._services.memory.role_ids()
        self._looked_at = self._services.now()
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
            # Without them its rank is not known: Discord itself decides then what the bot may do.
            log.warning("bot_is_no_member", why=str(error))
            return frozenset()

    def _keep(self, guild: Guild) -> Guild:
        self._services.memory.keep_facts(guild)
        self._guild = guild
        return guild

    def rules(self, guild: Guild, known_role_ids: dict[str, int] | None = None) -> Rules:
        """The rules for changes of members in `guild`; `known_role_ids` where others than those of this view count."""
        known = self._remembered if known_role_ids is None else known_role_ids
        settings = self._services.settings
        return Rules(
            self.role_policy.within(guild, known),
            sync_names=settings.sync_names,
            create_roles=not settings.disable_role_creation,
        )

    @property
    def known(self) -> Guild | None:
        """The guild as this process saw it last; nobody is asked."""
        return self._guild

    @property
    def known_role_ids(self) -> dict[str, int]:
        """The role that stood for each group when it was last matched."""
        return self._remembered

    def remember(self, stands_for: dict[str, int]) -> None:
        """Keep which role stands for which group. Workers that do so at once lose nothing of each other's."""
        if merge_role_ids(self._remembered, stands_for) == self._remembered:
            return
        for _ in range(MAX_ATTEMPTS):
            known = self._services.memory.role_ids()
            there = {
                name: role_id for name, role_id in known.items() if not self._guild or role_id in self._guild.by_id
            }
            self._remembered = merge_role_ids(there, stands_for)
            if self._remembered == known or self._services.memory.keep_role_ids(self._remembered, known):
                return

    # --- creating roles ---

    def create_roles(self, names: tuple[str, ...], options: RequestOptions) -> Problems:
        """Create the roles that are still missing. Returns the first problem, if Discord refuses one or allows no more.

        Raises RoleCreationInProgress while another worker is creating one of them.
        """
        memory, now, problems = self._services.memory.role_creation, self._services.now(), NO_PROBLEMS
        no_more = frozenset({Problem(ProblemKind.ROLE_LIMIT)})
        if memory.limit_until() > now:
            return no_more
        refused = {name: one for name, one in memory.refused().items() if one.until > now}
        for name in names:
            if name in refused:
                problems = problems or frozenset({refused[name].problem})
                continue
            try:
                self._create_once(name, options)
            except RoleLimit as error:
                memory.keep_limit(until=now + NO_NEW_ROLES)
                log.warning("no_more_roles", name=name, code=error.code)
                return no_more
            except UnknownGuild:
                raise
            except Refused as error:
                problem = role_refused(name, error)
                problems = frozenset({problem})
                log.warning("role_refused", name=name, code=error.code)
                if not isinstance(error, NotPermitted):  # a permission may be given any moment
                    refused[name] = RefusedRole(now + NO_NEW_ROLES, problem)
                    memory.keep_refused(refused)
        return problems

    def _create_once(self, name: str, options: RequestOptions) -> None:
        memory, owner = self._services.memory.role_creation, uuid.uuid4().hex
        if not memory.lock(name, owner, now=self._services.now(), seconds=ROLE_LOCK_TTL):
            raise RoleCreationInProgress(f"the role {name!r} is being created", retry_after=ASK_AGAIN)
        try:
            self._create_if_missing(name, options)
        except DiscordUnavailable:
            # Whether it was created is not known; nobody else may try before that can be seen. The lock expires.
            raise
        except BaseException:
            memory.unlock(name, owner)
            raise
        memory.unlock(name, owner)

    def _create_if_missing(self, name: str, options: RequestOptions) -> None:
        bot_roles = self._guild.bot_roles if self._guild else None
        guild = self.refresh(options, bot_roles=bot_roles)
        if not self.role_policy.within(guild).match([name]).missing:
            return
        role: Role = self._services.discord.create_role(name, options)
        log.info("role_created", role_id=role.id, name=name)
        self._keep(replace(guild, roles=(*guild.roles, role)))
        self.remember({name: role.id})  # Discord may have changed its name a little
