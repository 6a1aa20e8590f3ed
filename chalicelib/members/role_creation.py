"""Creates missing roles: once each, however many workers ask for them."""

import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress

from chalicelib import log
from chalicelib.discord.client import RequestOptions
from chalicelib.discord.models import MANAGE_ROLES, Guild
from chalicelib.errors import (
    DiscordUnavailable,
    NotPermitted,
    Refused,
    RolecallError,
    RoleCreationInProgress,
    RoleLimit,
    UnknownGuild,
)
from chalicelib.members.guild import GuildView
from chalicelib.members.plan import ANY_ROLE, ROLE_LIMIT, Change, Uncreatable, without_uncreatable
from chalicelib.problems import NO_PROBLEMS, Problem, Problems, role_refused
from chalicelib.services import Services
from chalicelib.store.guild import RefusedRole

ROLE_LOCK_TTL = 90  # seconds that one worker may take to create a role; more than Discord's time-outs together
ASK_AGAIN = 2.0  # seconds until a role that another worker is creating should be there
REFUSAL_TTL = 3600  # seconds without another try, after Discord refused a role or said that it allows no more
NOT_PERMITTED_TTL = 900  # the same, after it refused the bot: 192 tries in 48 hours, and it admits 250, refused or not
NO_PERMISSION_TTL = 60  # the same for sweeps, where the bot's roles show that it may not: that may change soon


class _NoPermission(NotPermitted):
    """The bot's own roles show that Discord would refuse it; it was not asked."""

    def __init__(self) -> None:
        super().__init__(status=403, code=50013, message="Missing Permissions")


class RoleCreator:
    """Creates roles in the guild of one view."""

    def __init__(self, services: Services, view: GuildView) -> None:
        self._services = services
        self._view = view

    def uncreatable(self, *, lasting: bool = False) -> Uncreatable:
        """The roles that are not to be tried now, since Discord refused them lately; `lasting`: those alone."""
        memory, now = self._services.memory.role_creation, self._services.now()
        refused = {
            name: one.problem
            for name, one in memory.refused().items()
            if one.until > now and (one.lasting or not lasting)
        }
        return Uncreatable(refused, full=memory.limit_until() > now)

    def without_uncreatable(self, change: Change) -> Change:
        """The change without the roles that Discord refused lately and for long; see `plan.without_uncreatable`."""
        return without_uncreatable(change, self.uncreatable(lasting=True)) if change.create else change

    def try_again(self, names: Iterable[str], options: RequestOptions) -> bool:
        """Create those of these roles that Discord refused some time ago: once, for everybody who lacks them.

        What is refused again stays uncreatable for a while. Returns whether anything was tried; raises nothing, since a
        later job meets the same trouble.
        """
        memory, now = self._services.memory.role_creation, self._services.now()
        refused, limit = memory.refused(), memory.limit_until()
        over = {name for name, one in refused.items() if one.until <= now}
        due = tuple(name for name in names if limit or name in over or ANY_ROLE in over)
        if not due or limit > now:
            return False
        with suppress(RolecallError):
            self.create(due, options)
        return True

    def create(self, names: tuple[str, ...], options: RequestOptions) -> Problems:
        """Create the roles that are still missing. Returns a problem if Discord refuses one, or allows no more.

        Raises RoleCreationInProgress while another worker is creating one of them.
        """
        memory, now, problems = self._services.memory.role_creation, self._services.now(), NO_PROBLEMS
        limit, stored = memory.limit_until(), memory.refused()
        if limit > now:
            return frozenset({ROLE_LIMIT})
        refused = {name: one for name, one in stored.items() if one.until > now}
        for name in names:
            if barred := _lasting(refused).problem(name):
                problems = problems or frozenset({barred})
                continue
            try:
                self._create_once(name, options)
                refused.pop(name, None)
            except RoleLimit as error:
                memory.keep_limit(until=now + REFUSAL_TTL)
                log.warning("no_more_roles", name=name, code=error.code)
                return frozenset({ROLE_LIMIT})
            except UnknownGuild:
                raise
            except Refused as error:
                log.warning("role_refused", name=name, code=error.code)
                problem = role_refused(name, error)
                problems = frozenset({problem})
                refused |= _refusal(name, problem, error, now)
                memory.keep_refused(refused)
        self._forget(names, stored, refused, limit)
        return problems

    def _forget(
        self, names: tuple[str, ...], stored: dict[str, RefusedRole], refused: dict[str, RefusedRole], limit: float
    ) -> None:
        """Forget earlier refusals of roles that are there now."""
        memory = self._services.memory.role_creation
        if any(name in stored and name not in refused for name in (*names, ANY_ROLE)):
            memory.keep_refused(refused)
        if limit and any(name not in refused for name in names):
            memory.keep_limit(until=0.0)

    def _create_once(self, name: str, options: RequestOptions) -> None:
        """Create the role under a lock that all workers share."""
        memory, owner = self._services.memory.role_creation, uuid.uuid4().hex
        if not memory.lock(name, owner, now=self._services.now(), seconds=ROLE_LOCK_TTL):
            raise RoleCreationInProgress(f"the role {name!r} is being created", retry_after=ASK_AGAIN)
        try:
            self._create_if_missing(name, options)
        except DiscordUnavailable:
            # It may have been created. Nobody may try again before that can be seen: the lock stays until it expires.
            raise
        except BaseException:
            memory.unlock(name, owner)
            raise
        memory.unlock(name, owner)

    def _create_if_missing(self, name: str, options: RequestOptions) -> None:
        guild = self._refreshed(options)
        if not self._view.role_policy.within(guild).match([name]).missing:
            return
        if not guild.bot_may(MANAGE_ROLES):
            raise _NoPermission
        role = self._services.discord.create_role(name, options)
        log.info("role_created", role_id=role.id, name=name)
        self._view.add_role(guild, role)
        self._view.remember({name: role.id})  # Discord may have changed its name a little

    def _refreshed(self, options: RequestOptions) -> Guild:
        """The guild as it is now. The bot's roles are read, too, if those that are known do not let it create roles."""
        bot_roles = self._view.known.bot_roles if self._view.known else None
        guild = self._view.refresh(options, bot_roles=bot_roles)
        return guild if bot_roles is None or guild.bot_may(MANAGE_ROLES) else self._view.refresh(options)


def _lasting(refused: Mapping[str, RefusedRole]) -> Uncreatable:
    return Uncreatable({name: one.problem for name, one in refused.items() if one.lasting})


def _refusal(name: str, problem: Problem, error: Refused, now: float) -> dict[str, RefusedRole]:
    """What is not to be tried for a while."""
    if isinstance(error, _NoPermission):
        return {name: RefusedRole(now + NO_PERMISSION_TTL, problem, lasting=False)}
    if isinstance(error, NotPermitted):  # two-factor authentication, for example: it is not about the name
        return {ANY_ROLE: RefusedRole(now + NOT_PERMITTED_TTL, problem)}
    return {name: RefusedRole(now + REFUSAL_TTL, problem)}
