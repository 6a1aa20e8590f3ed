"""One user's job: compare what should be with what is, do the least that makes them equal, check that it still holds.

Level-triggered: the message says who, the store what should be, Discord what is. Running a job twice does nothing the
second time. Errors are not handled here but in `delivery`, except those that have a cure of their own.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from enum import StrEnum

from msgspec import UNSET

from chalicelib import log
from chalicelib.discord.budget import Lane
from chalicelib.discord.client import MEMBER_PATCH, Asking
from chalicelib.discord.models import Guild, Member
from chalicelib.discord.spending import PATIENCE, Place
from chalicelib.errors import GiveUp, NotPermitted, RolecallError, Ticket, TurnLater, UnknownMember, UnknownRole, Wait
from chalicelib.notices import Unlinked
from chalicelib.queues import Progress
from chalicelib.services import Services
from chalicelib.store import audit, users
from chalicelib.store.users import Link, Look, User
from chalicelib.syncing.brakes import Brake, Brakes
from chalicelib.syncing.guild import GuildView
from chalicelib.syncing.jobs import (
    Change as ChangeMessage,
)
from chalicelib.syncing.jobs import (
    CheckLink,
    DeleteUser,
    Parts,
    PartWith,
    RepairMember,
    UpdateAll,
    UpdateGroups,
    UpdateNickname,
    UpdateUsername,
    encode,
    parts_of,
)
from chalicelib.syncing.plan import NICKNAME_NOT_PERMITTED, PART_OF, Change, Desired, Rules, left_open, plan_change
from chalicelib.syncing.roles import is_ours, match_roles, wanted_names
from chalicelib.syncing.usernames import renew_username

LONG_PATIENCE = 8.0  # seconds for what has no second chance
ROUNDS = 4  # looks at one user in one job; each further one means that something moved meanwhile
ACCOUNT_DELETED = 10013  # Discord's "unknown user"
STRIP_AGAIN = 30  # seconds until roles are taken once more from whom the bot may not remove; no write takes so long
CANNOT_REMOVE = "cannot_remove"  # the owner, or a member ranked above the bot


class Outcome(StrEnum):
    """How a job ended that ended well."""

    DONE = "done"
    NOTHING = "nothing_to_do"


@dataclass(frozen=True, slots=True)
class Errand:
    """Whose work this is: lane and ticket for Discord's limits, cause for the audit trail."""

    lane: Lane
    cause: str
    ticket: Ticket | None = None
    told_before: bool = False  # an earlier delivery stored what the message says
    since: float | None = None  # when the message was sent; None where a write of an earlier try may be under way
    may_take: bool = True
    brake: Brake | None = None
    patience: float = PATIENCE
    held: Place | None = None  # a place for the write that was taken already

    def asking(self, *, takes: bool = False) -> Asking:
        """How requests are made. Taking access goes before everything but bulk work's own order."""
        lane = Lane.URGENT if takes and self.lane is Lane.NORMAL else self.lane
        return Asking(lane, self.ticket, self.patience, f"Rolecall: {self.cause}", self.held)

    def spent(self) -> "Errand":
        """The same, with ticket and place used up."""
        return replace(self, ticket=None, held=None)


def rules_of(services: Services) -> Rules:
    """What the settings allow."""
    settings = services.settings
    return Rules(
        settings.sync_names,
        not settings.disable_role_creation,
        settings.reserved_roles,
        settings.protected_members,
    )


class Worker:
    """Does jobs, one at a time."""

    def __init__(self, services: Services, view: GuildView) -> None:
        self._services = services
        self._view = view
        self._rules = rules_of(services)
        self._brakes = Brakes(services)
        self.writes = 0  # changes of members that reached Discord, or may have

    # --- what the auth site asks for ---

    def change(self, job: ChangeMessage, errand: Errand) -> Outcome:
        """Store what the message says, then make the member right."""
        if isinstance(job, DeleteUser):
            return self._delete(job, replace(errand, lane=Lane.URGENT))
        user = self._told(job, errand)
        if user is None or user.link is None:
            return Outcome.NOTHING
        if _looked_at_since(user, parts_of(job), errand):
            return Outcome.NOTHING
        return self.make_right(user, _parts_to_look_at(job, user), errand)

    def _told(self, job: ChangeMessage, errand: Errand) -> User | None:
        now, user = self._services.now(), None
        if not errand.told_before:
            if isinstance(job, UpdateGroups | UpdateAll) and job.groups is not UNSET and job.changed_at is not UNSET:
                user = users.tell_groups(job.user_id, tuple(job.groups), job.changed_at, now=now)
            if (
                isinstance(job, UpdateNickname | UpdateAll)
                and job.nickname is not UNSET
                and job.changed_at is not UNSET
            ):
                user = users.tell_nickname(job.user_id, job.nickname, job.changed_at, now=now)
        return user or users.get(job.user_id, now=now)

    # --- one member ---

    def make_right(self, user: User, parts: Parts, errand: Errand) -> Outcome:
        """Make the member as the store says, until what was stored did not move meanwhile."""
        outcome = Outcome.NOTHING
        for _ in range(ROUNDS):
            if user.link is None:
                return outcome
            errand = self._place_for_writing(user, errand)
            try:
                done, stands = self._round(user, user.link, parts, errand)
            except UnknownMember as gone:
                if left := self._left(user, user.link, gone):
                    return left
                done, stands = Change(), False
            finally:
                if errand.held:
                    self._services.discord.spending.give_back(errand.held)
            outcome = Outcome.DONE if done else outcome
            if stands:
                return outcome
            errand, parts = errand.spent(), Parts.ALL
            again = users.get(user.user_id, now=self._services.now())
            if again is None or again.link is None:
                self._take_back(user.link.account.id, done, errand)
                return outcome
            user = again
        raise RuntimeError(f"what should be moved {ROUNDS} times; SQS will deliver the message again")

    def _take_back(self, discord_id: int, done: Change, errand: Errand) -> None:
        """They were unlinked while they got roles, by a callback that gave up: nobody would look after those."""
        if not done.give or users.owner_of(discord_id) is not None:
            return
        asking = replace(errand.asking(takes=True), patience=LONG_PATIENCE)
        for role_id in sorted(done.give):
            with suppress(UnknownMember, UnknownRole), self._writing():
                self._services.discord.take_role(discord_id, role_id, asking)

    def _place_for_writing(self, user: User, errand: Errand) -> Errand:
        """Where the write's turn is far off, look at the member then, not now and then again.

        Whoever comes with a ticket to write takes the place first. Raises TurnLater where it is not to be had yet.
        """
        spending = self._services.discord.spending
        if errand.ticket is not None and errand.ticket.bucket in (MEMBER_PATCH, spending.bucket_of(MEMBER_PATCH)):
            place = spending.hold(MEMBER_PATCH, errand.lane, errand.ticket, patience=errand.patience)
            return replace(errand, ticket=None, held=place)
        if errand.ticket is None and not user.settled:
            spending.reserve(MEMBER_PATCH, errand.lane)
        return errand

    def _round(self, user: User, link: Link, parts: Parts, errand: Errand) -> tuple[Change, bool]:
        """One look and what follows from it: what was done, and whether that is still what is wanted."""
        look = Look(self._services.now(), parts.value)
        member = self._services.discord.member(link.account.id, errand.asking())
        renew_username(self._services, user, member.user)
        change = self._plan(user, member, parts, errand)
        change, errand = self._within_brake(change, errand)
        writes = self.writes
        try:
            done, problem = self._apply(user, member, change, parts, errand) if change else (change, change.problem)
        except Wait:
            if errand.brake and self.writes == writes:
                self._brakes.one_less(errand.brake)
            raise
        entry = self._entry(user, member, done, errand) if done else None
        if parts == Parts.USERNAME:
            return Change(), True  # nothing of what should be was looked at: by this it is neither right nor wrong
        error = problem or left_open(user.last_error, parts)
        seen = look if errand.may_take else None  # what was left as it was is still to be looked at
        stands = users.mark_synced(user, now=self._services.now(), error=error, entry=entry, looked=seen)
        if problem and problem != user.last_error:
            self._report(user, link, problem)
        return done, stands

    def _plan(self, user: User, member: Member, parts: Parts, errand: Errand, guild: Guild | None = None) -> Change:
        asking = errand.asking()
        guild = guild or self._view.facts(asking)
        desired = Desired(user.wanted, user.nickname)

        def plan(guild: Guild) -> Change:
            return plan_change(member, desired, guild, self._rules, parts=parts, remembered=self._view.remembered)

        change = plan(guild)
        if change.unknown and Parts.GROUPS in parts:
            change = plan(self._view.refresh(asking))  # the list is stale, or the role is gone (behaviours 9, 10)
            if change.unknown:
                log.warning("unknown_roles", user_id=user.user_id, roles=sorted(change.unknown))
        return change if errand.may_take else replace(change, take=frozenset())

    def _apply(
        self, user: User, member: Member, change: Change, parts: Parts, errand: Errand
    ) -> tuple[Change, str | None]:
        """Do the change: what was done, and the problem that is left."""
        if not change.create:
            return self._write(user, member, change, parts, errand)
        if not change.take and change.nickname is None:
            done, problem = self._apply_new_roles(user, member, change, parts, errand)
            return done, problem or change.problem
        # Taking never waits for giving: what can be done without the new roles is done first.
        done, problem = self._write(user, member, replace(change, create=()), parts, errand)
        changed = replace(member, roles=done.roles_after(member), nick=done.nickname or member.nick)
        try:
            more, left = self._apply_new_roles(user, changed, change, parts, errand.spent())
        except RolecallError:
            audit.keep(self._entry(user, member, done, errand))
            raise
        done = replace(more, take=done.take | more.take, give=done.give | more.give, nickname=done.nickname)
        return done, left or problem or change.problem

    def _apply_new_roles(
        self, user: User, member: Member, change: Change, parts: Parts, errand: Errand
    ) -> tuple[Change, str | None]:
        """Create the roles that the change needs, and give them with whatever is left to do."""
        limit, wait = None, None
        try:
            limit = self._view.create_roles(change.create, errand.asking())
        except TurnLater as turn:
            wait = turn  # a limit on creating roles must not hold up those that are there
        done, problem = replace(self._plan(user, member, parts & Parts.GROUPS, errand), create=()), None
        if done:
            done, problem = self._write(user, member, done, parts, errand)
        if wait:
            if done:
                audit.keep(self._entry(user, member, done, errand))
            raise wait
        return done, limit or problem

    def _write(
        self, user: User, member: Member, change: Change, parts: Parts, errand: Errand
    ) -> tuple[Change, str | None]:
        """Send the change in the cheapest exact way; once more, differently, where Discord's no shows how."""
        try:
            self._send(member, change, errand)
        except UnknownRole:
            self._view.refresh(errand.asking())
            return self._once_more(user, member, parts, errand)
        except NotPermitted as refused:
            self._view.refresh(errand.asking())
            again = self._plan(user, member, parts, errand)
            if replace(again, create=()) == replace(change, create=()):
                # Nothing we know of forbids it. It may be the nickname alone: a PATCH is refused whole.
                if change.nickname is None:
                    raise
                without = replace(change, nickname=None, problem=NICKNAME_NOT_PERMITTED)
                if without:
                    self._send(member, without, errand)
                return without, NICKNAME_NOT_PERMITTED
            log.warning("not_permitted", user_id=user.user_id, code=refused.code)
            return self._once_more(user, member, parts, errand)
        self._view.remember(change.stood_for)
        return change, change.problem

    def _once_more(self, user: User, member: Member, parts: Parts, errand: Errand) -> tuple[Change, str | None]:
        again = self._plan(user, member, parts, errand)
        if again.create and self._rules.create_roles:
            self._view.create_roles(again.create, errand.asking())
            again = self._plan(user, member, parts, errand)
        again = replace(again, create=())
        if again:
            self._send(member, again, errand.spent())
        return again, again.problem

    def _send(self, member: Member, change: Change, errand: Errand) -> None:
        discord, asking = self._services.discord, errand.asking(takes=bool(change.take))
        with self._writing():
            if change.only_role and errand.held is None:
                role_id, give = change.only_role
                (discord.give_role if give else discord.take_role)(member.id, role_id, asking)
            else:
                roles = change.roles_after(member) if change.give or change.take else None
                discord.change(member.id, asking, roles=roles, nick=change.nickname)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Count a change of a member. A Wait says that it was not sent, or that Discord did not take it."""
        self.writes += 1
        try:
            yield
        except Wait:
            self.writes -= 1
            raise

    # --- a member whom a sweep found to differ ---

    def repair(self, job: RepairMember, errand: Errand) -> Outcome:
        """Make one member right; where one role is all that differs, without looking at the member again."""
        user = users.get(job.user_id, now=self._services.now())
        if user is None or user.link is None:
            return Outcome.NOTHING
        self._view.know_as_sweep(job.sweep_id)
        brake = Brake(job.sweep_id, job.brake) if job.brake else None
        errand = replace(errand, may_take=job.take, brake=brake)
        if job.role is None or user.version != job.version or not self._still_wanted(user, job, errand):
            return self.make_right(user, parts_of(job), errand)
        discord, asking = self._services.discord, errand.asking()
        if asking.ticket and asking.ticket.bucket == discord.spending.bucket_of(MEMBER_PATCH):
            return self.make_right(user, parts_of(job), errand)
        try:
            send = discord.give_role if job.give else discord.take_role
            with self._writing():
                send(user.link.account.id, job.role, asking)
        except UnknownMember as gone:
            return self._left(user, user.link, gone) or self.make_right(user, parts_of(job), errand.spent())
        except (UnknownRole, NotPermitted):
            self._view.refresh(asking)
            return self.make_right(user, parts_of(job), errand.spent())
        role = frozenset({job.role})
        done = Change(give=role) if job.give else Change(take=role)
        member = Member(user.link.account, None, frozenset())
        entry = self._entry(user, member, done, errand)
        lasting = user.last_error if user.last_error in PART_OF else None  # what the sweep itself found
        if users.mark_synced(user, now=self._services.now(), error=lasting, entry=entry):
            return Outcome.DONE
        moved = users.get(user.user_id, now=self._services.now())
        return self.make_right(moved, Parts.ALL, errand.spent()) if moved else Outcome.DONE

    def _within_brake(self, change: Change, errand: Errand) -> tuple[Change, Errand]:
        """What the sweep may do of the change. `brake` stays in the errand only where this member was counted."""
        if errand.brake is None or not change.take:
            return change, replace(errand, brake=None)
        if self._brakes.one_more(errand.brake):
            return change, errand
        return replace(change, take=frozenset()), replace(errand, may_take=False, brake=None)

    def _still_wanted(self, user: User, job: RepairMember, errand: Errand) -> bool:
        """Is the one role still to be given, or still to be taken, by what the store and the guild say now?"""
        guild = self._view.facts(errand.asking())
        role = guild.by_id.get(job.role or 0)
        if user.wanted is None or role is None or not is_ours(role, guild, self._rules.reserved):
            return False
        match = match_roles(wanted_names(user.wanted), guild, self._rules.reserved, self._view.remembered)
        return (role.id in match.ids.values()) == job.give

    # --- those who go ---

    def _left(self, user: User, link: Link, gone: UnknownMember) -> Outcome | None:
        """They left, or deleted their account: the link goes, the auth site is told. None where something moved.

        A callback may have linked and brought them in anew since they were looked for.
        """
        now = self._services.now()
        if link.joining_until > now:
            return Outcome.NOTHING  # a callback is bringing them in just now, and checks afterwards by itself
        reason = Unlinked.ACCOUNT_DELETED if gone.code == ACCOUNT_DELETED else Unlinked.LEFT_SERVER
        if self._unlink(user, link, reason, tell=True, version=user.version):
            return Outcome.DONE
        return None

    def _delete(self, job: DeleteUser, errand: Errand) -> Outcome:
        for _ in range(ROUNDS):
            now = self._services.now()
            user = users.get(job.user_id, now=now)
            if user is None or user.link is None:
                if users.mark_deleted(job.user_id, now=now):
                    return Outcome.NOTHING
                continue
            removed = self.expel(user, user.link.account.id, errand)
            if not removed:
                # Another worker may be giving roles just now; once the link is gone, nobody does any more.
                later = PartWith(user_id=user.user_id, discord_id=user.link.account.id)
                self._services.queues.bulk(encode(later), Progress(log.bound(), now), delay=STRIP_AGAIN)
            if self._unlink(user, user.link, Unlinked.ASKED, tell=job.notify):
                if not removed:
                    self._report(user, user.link, CANNOT_REMOVE)
                return Outcome.DONE
        raise RuntimeError(f"the link moved {ROUNDS} times; SQS will deliver the message again")

    def _unlink(self, user: User, link: Link, reason: Unlinked, *, tell: bool, version: int | None = None) -> bool:
        """Delete the link and say so; told first, since a notice twice is better than none."""
        now, account = self._services.now(), link.account
        if tell:
            self._services.notices.unlinked(user.user_id, account.id, account.shown, reason, now=now)
        if not users.unlink(user.user_id, account.id, now=now, deleted=reason is Unlinked.ASKED, version=version):
            return False
        self._keep(user, account.id, f"unlinked: {reason}", reason)
        log.info("unlinked", user_id=user.user_id, discord_id=account.id, reason=reason)
        return True

    def expel(self, user: User, discord_id: int, errand: Errand) -> bool:
        """Remove the account from the guild. False where the bot may not: then it took what roles it can."""
        if discord_id in self._rules.protected:
            log.warning("protected_member", user_id=user.user_id, discord_id=discord_id)
            return True
        try:
            with self._writing():
                self._services.discord.remove(discord_id, errand.asking())
        except UnknownMember:
            return True
        except NotPermitted:
            self._strip(user, discord_id, errand)
            return False
        self._keep(user, discord_id, "removed", errand.cause)
        return True

    def _strip(self, user: User, discord_id: int, errand: Errand) -> None:
        """Take what roles the bot can take; that it was refused once shows that its facts may be old."""
        asking = replace(errand.asking(takes=True), ticket=None)
        guild = self._view.refresh(asking)
        member = self._services.discord.member(discord_id, asking)
        nobody = replace(user, groups=(), nickname=None)
        change = self._plan(nobody, member, Parts.GROUPS, errand, guild)
        if change.take:
            self._send(member, change, errand)
            audit.keep(self._entry(user, member, change, errand))

    def part_with(self, job: PartWith, errand: Errand) -> Outcome:
        """Remove an account that its user replaced by another, unless it is linked to somebody again."""
        if users.owner_of(job.discord_id) is not None:
            return Outcome.NOTHING
        if not self.expel(User(job.user_id), job.discord_id, replace(errand, lane=Lane.URGENT)):
            raise GiveUp(CANNOT_REMOVE)
        return Outcome.DONE

    def check_link(self, job: CheckLink, errand: Errand) -> Outcome:
        """A callback that died half-way left work."""
        user = users.get(job.user_id, now=self._services.now())
        if user is None or user.link is None or user.synced_version == user.version:
            return Outcome.NOTHING
        return self.make_right(user, Parts.ALL, replace(errand, lane=Lane.NORMAL))

    # --- records ---

    def _report(self, user: User, link: Link, problem: str) -> None:
        log.warning("sync_problem", user_id=user.user_id, reason=problem)
        self._services.notices.sync_failed(
            user.user_id, link.account.id, link.account.shown, problem, now=self._services.now()
        )

    def _entry(self, user: User, member: Member, done: Change, errand: Errand) -> audit.Entry:
        guild = self._view.facts(errand.asking())

        def names(role_ids: frozenset[int]) -> tuple[str, ...]:
            return tuple(sorted(guild.by_id[r].name if r in guild.by_id else str(r) for r in role_ids))

        return audit.Entry(
            user_id=user.user_id,
            discord_id=member.id,
            at=self._services.now(),
            cause=errand.cause,
            trace=log.bound(),
            given=names(done.give),
            taken=names(done.take),
            nickname_from=member.nick if done.nickname is not None else None,
            nickname_to=done.nickname,
            keep_days=self._services.settings.audit_days,
        )

    def _keep(self, user: User, discord_id: int, what: str, cause: str) -> None:
        now, days = self._services.now(), self._services.settings.audit_days
        audit.keep(audit.Entry(user.user_id, discord_id, now, cause, log.bound(), what=what, keep_days=days))


def _looked_at_since(user: User, parts: Parts, errand: Errand) -> bool:
    """Was the member made right, in these parts, by a look that began after the message was sent?

    Of many messages about one user the first that is worked on then answers for all.
    """
    if errand.since is None or user.looked is None or not user.settled:
        return False
    return user.looked.at >= errand.since and parts in Parts(user.looked.parts)


def _parts_to_look_at(job: ChangeMessage, user: User) -> Parts:
    """What the message is about, and all else where another message's change has not been brought to Discord yet.

    For once this job says that the newest version is synced, nobody looks for what was left undone.
    """
    match job:
        case UpdateUsername():
            return Parts.USERNAME  # says nothing of versions
        case UpdateGroups():
            is_newest = job.changed_at == user.groups_at
        case UpdateNickname():
            is_newest = job.changed_at == user.nickname_at
        case _:
            return Parts.ALL
    undone = user.version - (user.synced_version or 0) - is_newest
    return parts_of(job) if undone <= 0 else Parts.ALL
