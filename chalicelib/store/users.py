"""Auth users: their desired state as the auth site stated it, and the Discord account that is linked to each.

An older `changed_at` never overwrites a newer one. Every change of the desired state raises `version`; a worker marks
the version that it brought to Discord as synced, and learns by that whether the desired state has changed meanwhile.
"""

from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import partial

from pynamodb.connection import Connection
from pynamodb.exceptions import DoesNotExist, TransactWriteError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from chalicelib.discord.models import AS_ASKED, Account, Answers, NicknameAnswer
from chalicelib.problems import (
    NO_PROBLEMS,
    Problem,
    ProblemKind,
    Problems,
    from_last_error,
    from_stored,
    last_error,
    to_store,
    withheld,
)
from chalicelib.store import audit
from chalicelib.store.audit import Entry
from chalicelib.store.cutoff import NO_CUTOFF, Cutoff, of_message
from chalicelib.store.pynamo import connection_of
from chalicelib.store.rows import AccountRow, UserRow, read_as, written

LONGEST_ATTEMPT = 30 * 60  # seconds: a token lives for half of it, the attempt that it opened for the other half
JOIN_TIMEOUT = 60  # seconds; longer than API Gateway lets a callback run
UNLINKED_RETENTION = 15 * 60 + 24 * 3600  # seconds: the longest life of a link token, and a day
LINK_COLUMNS = (  # what a row holds about its link, and about what was brought to Discord for it
    UserRow.guild_id,
    UserRow.discord_id,
    UserRow.username,
    UserRow.discriminator,
    UserRow.activated_at,
    UserRow.joining_until,
    UserRow.synced_at,
    UserRow.synced_version,
    UserRow.last_error,
    UserRow.problems,
    UserRow.failed_at,
    UserRow.looked_at,
    UserRow.looked_for,
    UserRow.answers,
    UserRow.untold_id,
    UserRow.claim,
    UserRow.issued_at,
    UserRow.opened_at,
    UserRow.previous,
    UserRow.leaving,
    UserRow.absent,
    UserRow.imported_at,
    UserRow.held_version,
    UserRow.kept_version,
)
UNKNOWN_IMPORT = 1  # epoch seconds; older versions did not record when, or whether, a link was imported
MAX_ATTEMPTS = 5  # each failed one means that another worker changed the same user meanwhile


@dataclass(frozen=True, slots=True)
class Previous:
    """The account that a link replaces, to be put back if the new one never comes. `activated_at` in epoch seconds."""

    account: Account
    activated_at: int


@dataclass(frozen=True, slots=True)
class Link:
    """The Discord account of an auth user. Times in epoch seconds.

    Until `joining_until` a callback may be bringing the member into the guild: if they are missing, they have not left.
    `notify_pending`: the auth site has yet to be notified of the link. `claim`: the attempt that stored the link, None
    if it was imported or put back. `issued_at`, `opened_at`: of that attempt (see `cutoff.Cutoff`). `previous`: the
    account that this one replaces, as long as this one has not been seen in the guild.
    """

    account: Account
    activated_at: int
    joining_until: float = 0.0
    notify_pending: bool = False
    guild_id: int = 0
    claim: str | None = None
    issued_at: float = 0.0
    opened_at: float | None = None
    previous: Previous | None = None


@dataclass(frozen=True, slots=True)
class Leaving:
    """How a removed user goes. `until`: when their grace days are over (epoch seconds)."""

    until: float
    kick: bool
    notify: bool


@dataclass(frozen=True, slots=True)
class Absent:
    """Since when the member is gone, and until when their link is kept (epoch seconds)."""

    since: float
    until: float


@dataclass(frozen=True, slots=True)
class Look:
    """When (epoch s) the member was read on Discord, and which parts were compared then (`Parts`, as a number)."""

    at: float
    parts: int


@dataclass(frozen=True, slots=True)
class User:
    """An auth user. `groups` is None if the auth site never stated any, which is not the same as an empty list.

    `groups_at`, `nickname_at`: the auth site's `changed_at` (epoch ms). Other times: epoch seconds. `groups_sent`,
    `nickname_sent`: when the message was sent that stated them; 0 if a token did. `deleted_at`: the user was removed,
    and what was stated up to then is older; a removed user with a link is still to go. `deleted_sent`: if the auth site
    did not date that, what was sent up to then is older. `barred`: which attempts to link are older than a removal.

    `imported_at`: when the link was imported, until the member is once as they should be; then 0, as for links that
    were not imported. `lost_at`: when the member last counted in the removal limit. `held_version`: the version at
    which their deletion is held, `kept_version`: the version at which an operator decided that nothing is taken.
    """

    user_id: str
    version: int = 0
    groups: tuple[str, ...] | None = None
    groups_at: int = 0
    nickname: str | None = None
    nickname_at: int = 0
    link: Link | None = None
    synced_at: int | None = None
    synced_version: int | None = None
    problems: Problems = NO_PROBLEMS
    failed_at: float | None = None
    looked: Look | None = None
    deleted_at: float | None = None
    answers: Answers = AS_ASKED
    deleted_sent: float | None = None
    groups_sent: float = 0.0
    nickname_sent: float = 0.0
    barred: Cutoff = NO_CUTOFF
    leaving: Leaving | None = None
    absent: Absent | None = None
    imported_at: int = 0
    lost_at: float | None = None
    held_version: int | None = None
    kept_version: int | None = None

    @property
    def is_deleted(self) -> bool:
        """The user was removed, and nothing newer was stated since."""
        if self.deleted_sent is not None:
            return max(self.groups_sent, self.nickname_sent) <= self.deleted_sent
        return self.deleted_at is not None and max(self.groups_at, self.nickname_at) <= self.deleted_at * 1000

    @property
    def goes_at(self) -> float | None:
        """When the removed user is to go (epoch seconds); None if they are not, or at once."""
        return self.leaving.until if self.leaving and self.is_deleted else None

    @property
    def deletion_held(self) -> bool:
        """The auth site deleted the user, the removal limit holds that, and nothing newer was stated since."""
        return self.held_version == self.version

    @property
    def kept(self) -> bool:
        """An operator decided that nothing is taken until the auth site states something newer."""
        return self.kept_version == self.version

    @property
    def wanted(self) -> tuple[str, ...] | None:
        """The groups that count: none after the user was removed, until the auth site states something newer."""
        return () if self.link is not None and self.is_deleted else self.groups

    @property
    def last_error(self) -> str | None:
        """The problems as the contract words them; None without any."""
        return last_error(self.problems)

    @property
    def settled(self) -> bool:
        """The newest version was brought to Discord, without a problem."""
        return self.synced_version == self.version and not self.problems


@dataclass(frozen=True, slots=True)
class _StoredAnswers:
    """`Answers` as a row holds them: ids are text. `version`: the user's desired state that was brought to Discord."""

    version: int
    nickname: NicknameAnswer | None = None
    undone: dict[str, int] = field(default_factory=dict)


class AccountTaken(Exception):
    """The Discord account belongs to another auth user."""


class UserDeletedSince(Exception):
    """The attempt to link is older than the last removal of the user."""


class ReplacesAnother(Exception):
    """The user has an account that the caller does not know of, and which the link would replace."""


def get(user_id: str, *, now: float) -> User | None:
    """The user as stored now (a consistent read), or None if the store has nothing about them."""
    try:
        row = UserRow.get(user_id, consistent_read=True)
    except DoesNotExist:
        return None
    return None if _expired(row, now) else _user(row)


def owner_of(discord_id: int) -> str | None:
    """The auth user to whom this Discord account is linked."""
    try:
        return AccountRow.get(discord_id, consistent_read=True).user_id
    except DoesNotExist:
        return None


# --- what the auth site states ----------------------------------------------------------------------------------


def record_groups(user_id: str, groups: tuple[str, ...], changed_at: int, *, now: float, sent_at: float = 0.0) -> User:
    """Store the groups unless newer ones are stored; return the user as stored then.

    `sent_at` (epoch seconds): when the message was sent. Of two that have the same `changed_at`, the later one counts.
    """
    return _record(user_id, "groups", list(groups), changed_at, now, sent_at)


def record_nickname(user_id: str, nickname: str | None, changed_at: int, *, now: float, sent_at: float = 0.0) -> User:
    """Store the nickname (None: there is none) unless a newer one is stored; see `record_groups`."""
    return _record(user_id, "nickname", nickname, changed_at, now, sent_at)


def _record(
    user_id: str, name: str, value: list[str] | str | None, changed_at: int, now: float, sent_at: float
) -> User:
    column, stamp, sent = getattr(UserRow, name), getattr(UserRow, f"{name}_at"), getattr(UserRow, f"{name}_sent")
    newer = stamp.does_not_exist() | (stamp < changed_at)
    if sent_at:
        newer |= (stamp == changed_at) & (sent.does_not_exist() | (sent < sent_at))
    actions: list[Action] = [
        column.remove() if value is None else column.set(value),
        stamp.set(changed_at),
        sent.set(sent_at) if sent_at else sent.remove(),
        UserRow.version.set((UserRow.version | 0) + 1),
    ]
    forgotten = UserRow.expires_at.set(int(now) + UNLINKED_RETENTION)
    for _ in range(MAX_ATTEMPTS):
        row = UserRow(user_id)
        if written(partial(row.update, actions, condition=UserRow.discord_id.exists() & newer)):
            return _user(row)
        user = get(user_id, now=now)
        if user is None:
            drop_expired(user_id, now)
        elif (getattr(user, f"{name}_at"), getattr(user, f"{name}_sent")) >= (changed_at, sent_at):
            return user
        elif user.link:
            continue
        unlinked = UserRow.discord_id.does_not_exist()
        if written(partial(row.update, [*actions, forgotten], condition=unlinked & newer)):
            return _user(row)
    raise RuntimeError(f"the user changed {MAX_ATTEMPTS} times while a statement was stored; SQS will redeliver")


# --- links ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """By whom a link is stored, and when. Times are epoch seconds.

    `issued_at`: when the auth site issued the token, by its clock. `opened_at`: when Rolecall received it. `attempt`:
    the attempt's id; None if no callback is at work. `activated_at`: since when the account counts as linked, if not
    since now; then the link is put back. `notify`: the auth site is to be notified of a link that is put back.
    `imported_at`: that of a link that is put back (see User).
    """

    issued_at: float
    opened_at: float | None = None
    attempt: str | None = None
    activated_at: int | None = None
    notify: bool = False
    imported_at: int = 0


def link(
    user_id: str,
    guild_id: int,
    account: Account,
    claim: Claim,
    *,
    now: float,
    known: Collection[int] | None = None,
    instead_of: str | None = None,
) -> User | None:
    """Link the account to the user. Returns the user as stored before, None if the store had nothing about them.

    The link is marked as not yet notified, until `mark_notified`, unless it is put back. `known`: the accounts that
    the link may replace, any if None. `instead_of`: only if the link is still that attempt's. Raises AccountTaken if
    the account is another user's, UserDeletedSince if the claim is older than a removal, ReplacesAnother.
    """
    for _ in range(MAX_ATTEMPTS):
        before = get(user_id, now=now)
        if before is None:
            drop_expired(user_id, now)
        elif before.barred.bars(claim.issued_at, claim.opened_at):
            raise UserDeletedSince
        old = before.link if before else None
        if instead_of is not None and (old is None or old.claim != instead_of):
            return before
        if known is not None and old and old.account.id not in (account.id, *known):
            raise ReplacesAnother
        if owner_of(account.id) not in (None, user_id):
            raise AccountTaken
        if _link(user_id, guild_id, account, before, claim, now):
            return before
    raise AccountTaken


def _link(user_id: str, guild_id: int, account: Account, before: User | None, claim: Claim, now: float) -> bool:
    unchanged = UserRow.version == before.version if before else UserRow.user_id.does_not_exist()
    old = before.link if before else None
    try:
        with TransactWrite(connection=_connection()) as write:
            write.save(
                AccountRow(account.id, user_id=user_id),
                condition=AccountRow.discord_id.does_not_exist() | (AccountRow.user_id == user_id),
            )
            if old is not None and old.account.id != account.id:
                write.delete(AccountRow(old.account.id), condition=AccountRow.user_id == user_id)
            write.update(
                UserRow(user_id), actions=_link_actions(guild_id, account, old, claim, now), condition=unchanged
            )
    except TransactWriteError as error:
        _only_cancelled(error)
        return False
    return True


def _link_actions(guild_id: int, account: Account, old: Link | None, claim: Claim, now: float) -> list[Action]:
    """The new values of the row. `old`: the link before."""
    put_back = claim.activated_at is not None  # no callback brings the member in
    again = old is not None and old.account.id == account.id
    activated_at = old.activated_at if old and again and not put_back else claim.activated_at
    actions: list[Action] = [
        UserRow.version.set((UserRow.version | 0) + 1),
        UserRow.guild_id.set(str(guild_id)),
        UserRow.discord_id.set(account.id),
        UserRow.username.set(account.username),
        UserRow.discriminator.set(account.discriminator),
        UserRow.activated_at.set(int(now) if activated_at is None else activated_at),
        UserRow.joining_until.remove() if put_back else UserRow.joining_until.set(int(now) + JOIN_TIMEOUT),
        UserRow.claim.remove() if claim.attempt is None else UserRow.claim.set(claim.attempt),
        UserRow.issued_at.set(claim.issued_at),
        UserRow.opened_at.remove() if claim.opened_at is None else UserRow.opened_at.set(claim.opened_at),
        _previous_action(_replaced(old, guild_id, account), put_back=put_back),
        UserRow.last_error.remove(),
        UserRow.problems.remove(),
        UserRow.deleted_at.remove(),
        UserRow.imported_at.set(claim.imported_at),
        UserRow.deleted_sent.remove(),
        UserRow.leaving.remove(),
        UserRow.absent.remove(),
        UserRow.expires_at.remove(),
    ]
    if not again:  # of an account that was linked before, the auth site was notified, or will be
        told = put_back and not claim.notify
        actions.append(UserRow.untold_id.remove() if told else UserRow.untold_id.set(account.id))
        actions.append(UserRow.answers.remove())
    return actions


def _replaced(old: Link | None, guild_id: int, account: Account) -> Previous | None:
    """The last account of the user that was seen in the guild, unless it is the one that is linked now."""
    if old is None or old.guild_id != guild_id:
        return None
    here = None if old.account.id == account.id else Previous(old.account, old.activated_at)
    previous = old.previous or here
    return None if previous and previous.account.id == account.id else previous


def _previous_action(previous: Previous | None, *, put_back: bool) -> Action:
    return UserRow.previous.remove() if previous is None or put_back else UserRow.previous.set(asdict(previous))


def end_joining(user_id: str, claim: str | None) -> None:
    """The callback of that attempt has ended: jobs need not wait for it any more."""
    if claim is not None:
        _updated(user_id, [UserRow.joining_until.remove()], UserRow.claim == claim)


def mark_seen(user: User) -> bool:
    """The account was seen in the guild: the one that it replaces can go. Returns False if the user has changed."""
    return _updated(user.user_id, [UserRow.previous.remove()], UserRow.version == user.version)


def mark_notified(user_id: str, discord_id: int) -> None:
    """The auth site was notified that this account was linked to the user."""
    _updated(user_id, [UserRow.untold_id.remove()], UserRow.untold_id == discord_id)


def unlink(
    user_id: str,
    discord_id: int,
    *,
    now: float,
    version: int | None = None,
) -> bool:
    """Remove the link to that account. Returns False if the user is not linked to it (any more).

    What the auth site stated is kept for a while. `version`: only if the user has not changed since then.
    """
    actions: list[Action] = [
        UserRow.version.set(UserRow.version + 1),
        UserRow.expires_at.set(int(now) + UNLINKED_RETENTION),
        *(column.remove() for column in LINK_COLUMNS),
    ]
    condition: Condition = UserRow.discord_id == discord_id
    if version is not None:
        condition &= UserRow.version == version
    try:
        with TransactWrite(connection=_connection()) as write:
            write.update(UserRow(user_id), actions=actions, condition=condition)
            write.delete(
                AccountRow(discord_id),
                condition=AccountRow.discord_id.does_not_exist() | (AccountRow.user_id == user_id),
            )
    except TransactWriteError as error:
        _only_cancelled(error)
        return False
    return True


def of_account(discord_id: int, *, now: float) -> User | None:
    """The user to whom this Discord account is linked."""
    user_id = owner_of(discord_id)
    return get(user_id, now=now) if user_id else None


def links_between(guild_id: int, after: int, upto: int, *, most: int | None = None) -> Iterator[User]:
    """The guild's linked users, ascending by Discord id, above `after`, up to `upto`. May lag a moment behind."""
    span = UserRow.discord_id.between(after + 1, upto)
    return (_user(row) for row in UserRow.links.query(str(guild_id), span, limit=most))


# --- what was brought to Discord ------------------------------------------------------------------------------


def mark_synced(
    user: User,
    *,
    now: float,
    problems: Problems = NO_PROBLEMS,
    entry: Entry | None = None,
    looked: Look | None = None,
    answers: Answers | None = None,
    lost_at: float | None = None,
    made_right: bool = False,
) -> bool:
    """Record that Discord is as `user` says (but for `problems`), and the audit entry of the change; one transaction.

    `looked`: when the member was read, and which parts were compared; None if they were not read. `answers`: how
    Discord's answers differed from what was asked; None leaves what is stored. `lost_at`: when the member was counted
    in the removal limit. `made_right`: they have exactly what the stated groups give them.

    Returns False if the desired state has changed since `user` was read: the member must be compared again. The entry
    is stored all the same.
    """
    actions: list[Action] = [
        UserRow.synced_at.set(int(now)),
        UserRow.synced_version.set(user.version),
        UserRow.joining_until.remove(),
        UserRow.previous.remove(),
        UserRow.absent.remove(),
        *_problem_actions(problems),
    ]
    if looked:
        actions += [UserRow.looked_at.set(looked.at), UserRow.looked_for.set(looked.parts)]
    else:  # the member may have been read for an earlier version
        actions += [UserRow.looked_at.remove(), UserRow.looked_for.remove()]
    if answers is not None and answers != user.answers:
        actions.append(_answers_action(answers, user.version))
    if lost_at is not None:
        actions.append(UserRow.lost_at.set(lost_at))
    if user.imported_at:
        actions.append(UserRow.imported_at.set(0 if made_right else user.imported_at))
    unchanged_since = UserRow.version == user.version
    if entry is None:
        return _updated(user.user_id, actions, unchanged_since)
    try:
        with TransactWrite(connection=_connection()) as write:
            write.update(UserRow(user.user_id), actions=actions, condition=unchanged_since)
            write.save(audit.row(entry))
    except TransactWriteError as failed:
        _only_cancelled(failed)
        audit.keep(entry)
        return False
    return True


def mark_right(user: User) -> bool:
    """Record that an imported member was found as the user should be. Returns False if the user has changed."""
    return _updated(user.user_id, [UserRow.imported_at.set(0)], UserRow.version == user.version)


def mark_kept(user: User, problems: Problems) -> bool:
    """Record that nothing is taken until the auth site states something newer. Returns False if it has."""
    actions = [UserRow.kept_version.set(user.version), UserRow.held_version.remove(), *_problem_actions(problems)]
    return _updated(user.user_id, actions, (UserRow.version == user.version) & UserRow.discord_id.exists())


def hold_deletion(user: User, problems: Problems, *, now: float) -> bool:
    """Record that the user's deletion is held; they keep their link. Returns False if the user has changed."""
    actions = [UserRow.held_version.set(user.version), UserRow.failed_at.set(now), *_problem_actions(problems)]
    return _updated(user.user_id, actions, (UserRow.version == user.version) & UserRow.discord_id.exists())


def mark_failed(user: User, problems: Problems, *, now: float) -> bool:
    """Record why and when the user could not be synced. Returns False if that is on record, or they are not linked."""
    if user.link is None:
        return False
    linked = UserRow.discord_id == user.link.account.id
    is_new = linked & (UserRow.last_error.does_not_exist() | (UserRow.last_error != last_error(problems)))
    recorded = _updated(user.user_id, [*_problem_actions(problems), UserRow.failed_at.set(now)], is_new)
    if not recorded:
        _updated(user.user_id, [UserRow.failed_at.set(now)], linked)
    return recorded


def rename(user: User, account: Account) -> bool:
    """Store the account's new username. Returns False if the user is not linked to it any more."""
    named: list[Action] = [UserRow.username.set(account.username), UserRow.discriminator.set(account.discriminator)]
    return _updated(user.user_id, named, UserRow.discord_id == account.id)


# --- rows and dataclasses ---------------------------------------------------------------------------------------


def _user(row: UserRow) -> User:
    user = User(
        user_id=row.user_id,
        version=int(row.version or 0),
        groups=None if row.groups is None else tuple(row.groups),
        groups_at=int(row.groups_at or 0),
        nickname=row.nickname,
        nickname_at=int(row.nickname_at or 0),
        link=None if row.discord_id is None else _link_of(row),
        problems=_problems(row),
        failed_at=_seconds(row.failed_at),
        looked=None if row.looked_at is None else Look(float(row.looked_at), int(row.looked_for or 0)),
        answers=_answers(row),
        deleted_at=_seconds(row.deleted_at),
        deleted_sent=_seconds(row.deleted_sent),
        groups_sent=float(row.groups_sent or 0),
        nickname_sent=float(row.nickname_sent or 0),
        barred=_barred(row),
        leaving=read_as(Leaving, row.leaving) if row.leaving else None,
        absent=read_as(Absent, row.absent) if row.absent else None,
        imported_at=_imported_at(row),
        lost_at=None if row.lost_at is None else float(row.lost_at),
        held_version=_whole(row.held_version),
        kept_version=_whole(row.kept_version),
    )
    if user.deletion_held and not withheld(user.problems):  # a job that read the user before may have written since
        user = replace(user, problems=user.problems | {Problem(ProblemKind.REMOVAL_HELD)})
    return replace(user, synced_at=_whole(row.synced_at), synced_version=_whole(row.synced_version))


def _link_of(row: UserRow) -> Link:
    activated_at = int(row.activated_at or 0)
    # Older versions did not store when the attempt began: it was not before this.
    issued_at = activated_at - LONGEST_ATTEMPT if row.issued_at is None else float(row.issued_at)
    return Link(
        Account(int(row.discord_id or 0), row.username or "", row.discriminator or ""),
        activated_at,
        float(row.joining_until or 0),
        notify_pending=row.untold_id == row.discord_id,
        guild_id=int(row.guild_id or 0),
        claim=row.claim,
        issued_at=issued_at,
        opened_at=_seconds(row.opened_at),
        previous=read_as(Previous, row.previous) if row.previous else None,
    )


def _barred(row: UserRow) -> Cutoff:
    """Older versions store when a removal was carried out, and nothing else."""
    if row.barred_tokens is None:
        return NO_CUTOFF if row.deleted_at is None else of_message(float(row.deleted_at))
    return Cutoff(float(row.barred_tokens), float(row.barred_clicks or 0))


def _imported_at(row: UserRow) -> int:
    """When the link was imported. Older versions record nothing: then a link that no callback made was imported."""
    if row.imported_at is not None:
        return int(row.imported_at)
    by_callback = row.synced_at is not None or row.joining_until is not None
    return 0 if row.discord_id is None or by_callback else UNKNOWN_IMPORT


def _problems(row: UserRow) -> Problems:
    """The problems of the row. An older version writes the text alone: if that differs, it was written last."""
    stored = from_stored(row.problems or ())
    return stored if last_error(stored) == row.last_error else from_last_error(row.last_error)


def _problem_actions(problems: Problems) -> list[Action]:
    """Store the problems, both as the contract's text and as values."""
    error = last_error(problems)
    if error is None:
        return [UserRow.last_error.remove(), UserRow.problems.remove()]
    return [UserRow.last_error.set(error), UserRow.problems.set(to_store(problems))]


def _answers_action(answers: Answers, version: int) -> Action:
    if not answers:
        return UserRow.answers.remove()
    undone = {str(role_id): times for role_id, times in answers.undone.items()}
    nickname = asdict(answers.nickname) if answers.nickname else None
    return UserRow.answers.set({"version": version, "nickname": nickname, "undone": undone})


def _answers(row: UserRow) -> Answers:
    """The answers of the row. Roles that were not changed are tried anew once the desired state has changed."""
    stored = read_as(_StoredAnswers, row.answers) if row.answers else None
    if stored is None:
        return AS_ASKED
    undone = {int(role_id): times for role_id, times in stored.undone.items() if stored.version == row.version}
    return Answers(stored.nickname, undone)


def _seconds(number: float | None) -> float | None:
    return None if number is None else float(number)


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)


def _expired(row: UserRow, now: float) -> bool:
    return row.discord_id is None and row.expires_at is not None and row.expires_at <= now


def drop_expired(user_id: str, now: float) -> None:
    """Empty an expired row that DynamoDB has not deleted yet: its old values must not mix with new ones."""
    groups = (UserRow.groups, UserRow.groups_at, UserRow.groups_sent)
    nickname = (UserRow.nickname, UserRow.nickname_at, UserRow.nickname_sent)
    removed = (UserRow.deleted_at, UserRow.deleted_sent, UserRow.barred_tokens, UserRow.barred_clicks)
    actions: list[Action] = [column.remove() for column in (*groups, *nickname, *removed, UserRow.expires_at)]
    _updated(user_id, actions, UserRow.discord_id.does_not_exist() & (UserRow.expires_at <= int(now)))


def _updated(user_id: str, actions: list[Action], condition: Condition) -> bool:
    """Apply the update if the condition holds; return whether it was applied."""
    return written(lambda: UserRow(user_id).update(actions, condition=condition))


def _connection() -> Connection:
    return connection_of(UserRow)


def _only_cancelled(error: TransactWriteError) -> None:
    """Raise `error` unless another worker was faster: its condition failed, or another transaction held the rows."""
    codes = {reason.code for reason in error.cancellation_reasons if reason}
    if not codes & {"ConditionalCheckFailed", "TransactionConflict"}:
        raise error
