"""Auth users: their desired state as the auth site stated it, and the Discord account that is linked to each.

An older `changed_at` never overwrites a newer one. Every change of the desired state raises `version`; a worker marks
the version that it brought to Discord as synced, and learns by that whether the desired state has changed meanwhile.
"""

from collections.abc import Iterator
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
from chalicelib.store.pynamo import connection_of
from chalicelib.store.rows import AccountRow, UserRow, read_as, written

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
    UserRow.imported_at,
    UserRow.held_version,
    UserRow.kept_version,
)
UNKNOWN_IMPORT = 1  # epoch seconds; older versions did not record when, or whether, a link was imported
MAX_ATTEMPTS = 5  # each failed one means that another worker changed the same user meanwhile


@dataclass(frozen=True, slots=True)
class Link:
    """The Discord account of an auth user. Times in epoch seconds.

    Until `joining_until` a callback may be bringing the member into the guild: if they are missing, they have not left.
    `notify_pending`: the auth site has yet to be notified of the link.
    """

    account: Account
    activated_at: int
    joining_until: float = 0.0
    notify_pending: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """When (epoch s) the member was read on Discord, and which parts were compared then (`Parts`, as a number)."""

    at: float
    parts: int


@dataclass(frozen=True, slots=True)
class User:
    """An auth user. `groups` is None if the auth site never stated any, which is not the same as an empty list.

    `groups_at`, `nickname_at`: the auth site's `changed_at` (epoch ms). Other times: epoch seconds. `deleted_at`: when
    the auth site deleted them; a deleted user with a link could not be removed.

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
    imported_at: int = 0
    lost_at: float | None = None
    held_version: int | None = None
    kept_version: int | None = None

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
        """The groups that count: none after the auth site deleted the user, until it states their groups again."""
        deleted = self.link is not None and self.deleted_at is not None and self.groups_at <= self.deleted_at * 1000
        return () if deleted else self.groups

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
    """The auth site deleted the user after the attempt to link began."""


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


def record_groups(user_id: str, groups: tuple[str, ...], changed_at: int, *, now: float) -> User:
    """Store the groups unless newer ones are stored; return the user as stored then."""
    return _record(user_id, "groups", list(groups), changed_at, now)


def record_nickname(user_id: str, nickname: str | None, changed_at: int, *, now: float) -> User:
    """Store the nickname (None: there is none) unless a newer one is stored; return the user as stored then."""
    return _record(user_id, "nickname", nickname, changed_at, now)


def _record(user_id: str, name: str, value: list[str] | str | None, changed_at: int, now: float) -> User:
    column, stamp = getattr(UserRow, name), getattr(UserRow, f"{name}_at")
    newer = stamp.does_not_exist() | (stamp < changed_at)
    actions: list[Action] = [
        column.remove() if value is None else column.set(value),
        stamp.set(changed_at),
        UserRow.version.set((UserRow.version | 0) + 1),
    ]
    forgotten = UserRow.expires_at.set(int(now) + UNLINKED_RETENTION)
    for _ in range(MAX_ATTEMPTS):
        row = UserRow(user_id)
        if written(partial(row.update, actions, condition=UserRow.discord_id.exists() & newer)):
            return _user(row)
        user = get(user_id, now=now)
        if user is None:
            _drop_expired(user_id, now)
        elif getattr(user, f"{name}_at") >= changed_at:
            return user
        elif user.link:
            continue
        unlinked = UserRow.discord_id.does_not_exist()
        if written(partial(row.update, [*actions, forgotten], condition=unlinked & newer)):
            return _user(row)
    raise RuntimeError(f"the user changed {MAX_ATTEMPTS} times while a statement was stored; SQS will redeliver")


def mark_deleted(user_id: str, *, now: float) -> bool:
    """Record that the auth site deleted this user, for as long as a link token can live: no older attempt may link.

    Returns False if the user has a link (by now).
    """
    deleted: list[Action] = [
        UserRow.deleted_at.set(now),
        UserRow.version.set((UserRow.version | 0) + 1),
        UserRow.expires_at.set(int(now) + UNLINKED_RETENTION),
    ]
    return _updated(user_id, deleted, UserRow.discord_id.does_not_exist())


def mark_unwanted(user: User, *, now: float) -> bool:
    """Record that the auth site deleted this user and Discord refused to remove them: they should have no roles.

    Returns False if they are not linked to that account any more.
    """
    if user.link is None:
        return False
    unwanted: list[Action] = [UserRow.deleted_at.set(now), UserRow.version.set(UserRow.version + 1)]
    return _updated(user.user_id, unwanted, UserRow.discord_id == user.link.account.id)


# --- links ------------------------------------------------------------------------------------------------


def link(
    user_id: str,
    guild_id: int,
    account: Account,
    *,
    began_at: float,
    now: float,
    opened_at: float | None = None,
    activated_at: int | None = None,
    imported_at: int = 0,
) -> User | None:
    """Link the account to the user. Returns the user as stored before, None if the store had nothing about them.

    The link is marked as not yet notified, until `mark_notified`. `began_at`: when the auth site issued the token, in
    whole seconds. `opened_at`: when Rolecall received it. `activated_at`: since when the account counts as linked, if
    not since now. `imported_at`: that of a link that is restored (see User). Raises AccountTaken if the account is
    another user's, UserDeletedSince if the auth site deleted the user after either of the first two.
    """
    for _ in range(MAX_ATTEMPTS):
        before = get(user_id, now=now)
        if before is None:
            _drop_expired(user_id, now)
        elif before.deleted_at is not None and _is_older(before.deleted_at, began_at, opened_at):
            raise UserDeletedSince
        if owner_of(account.id) not in (None, user_id):
            raise AccountTaken
        if _link(user_id, guild_id, account, before, now, activated_at, imported_at):
            return before
    raise AccountTaken


def _is_older(deleted_at: float, began_at: float, opened_at: float | None) -> bool:
    """Did the attempt to link begin before the deletion? `opened_at` is finer than the whole seconds of the token."""
    return began_at < int(deleted_at) or (opened_at is not None and opened_at < deleted_at)


def _link(
    user_id: str,
    guild_id: int,
    account: Account,
    before: User | None,
    now: float,
    activated_at: int | None,
    imported_at: int,
) -> bool:
    unchanged = UserRow.version == before.version if before else UserRow.user_id.does_not_exist()
    old = before.link.account.id if before and before.link else None
    restored = activated_at is not None  # restored or imported: no callback is at work
    if not restored and before and before.link and old == account.id:
        activated_at = before.link.activated_at
    try:
        with TransactWrite(connection=_connection()) as write:
            write.save(
                AccountRow(account.id, user_id=user_id),
                condition=AccountRow.discord_id.does_not_exist() | (AccountRow.user_id == user_id),
            )
            if old is not None and old != account.id:
                write.delete(AccountRow(old), condition=AccountRow.user_id == user_id)
            write.update(
                UserRow(user_id),
                actions=[
                    *_link_actions(guild_id, account, old, now, activated_at, restored=restored),
                    UserRow.imported_at.set(imported_at),
                ],
                condition=unchanged,
            )
    except TransactWriteError as error:
        _only_cancelled(error)
        return False
    return True


def _link_actions(
    guild_id: int, account: Account, old: int | None, now: float, activated_at: int | None, *, restored: bool
) -> list[Action]:
    """The new values of the row. `old`: the account linked before. `restored`: no callback brings the member in."""
    actions: list[Action] = [
        UserRow.version.set((UserRow.version | 0) + 1),
        UserRow.guild_id.set(str(guild_id)),
        UserRow.discord_id.set(account.id),
        UserRow.username.set(account.username),
        UserRow.discriminator.set(account.discriminator),
        UserRow.activated_at.set(int(now) if activated_at is None else activated_at),
        UserRow.joining_until.remove() if restored else UserRow.joining_until.set(int(now) + JOIN_TIMEOUT),
        UserRow.last_error.remove(),
        UserRow.problems.remove(),
        UserRow.deleted_at.remove(),
        UserRow.expires_at.remove(),
    ]
    if old != account.id:  # of an account that was linked before, the auth site was notified, or will be
        actions.append(UserRow.untold_id.remove() if restored else UserRow.untold_id.set(account.id))
        actions.append(UserRow.answers.remove())
    return actions


def end_joining(user_id: str) -> None:
    """The callback has ended, and the account is a member: jobs need not wait for it any more."""
    _updated(user_id, [UserRow.joining_until.remove()], UserRow.discord_id.exists())


def mark_notified(user_id: str, discord_id: int) -> None:
    """The auth site was notified that this account was linked to the user."""
    _updated(user_id, [UserRow.untold_id.remove()], UserRow.untold_id == discord_id)


def unlink(
    user_id: str,
    discord_id: int,
    *,
    now: float,
    deleted: bool = False,
    version: int | None = None,
) -> bool:
    """Remove the link to that account. Returns False if the user is not linked to it (any more).

    What the auth site stated is kept for a while. `deleted`: no attempt that began earlier may link again. `version`:
    only if the user has not changed since then, for callers that conclude it from what they read and were not asked.
    """
    actions: list[Action] = [
        UserRow.version.set(UserRow.version + 1),
        UserRow.expires_at.set(int(now) + UNLINKED_RETENTION),
        *(column.remove() for column in LINK_COLUMNS),
    ]
    if deleted:
        actions.append(UserRow.deleted_at.set(now))
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
    linked = None
    if row.discord_id is not None:
        account = Account(int(row.discord_id), row.username or "", row.discriminator or "")
        notify_pending = row.untold_id == row.discord_id
        linked = Link(account, int(row.activated_at or 0), float(row.joining_until or 0), notify_pending)
    user = User(
        user_id=row.user_id,
        version=int(row.version or 0),
        groups=None if row.groups is None else tuple(row.groups),
        groups_at=int(row.groups_at or 0),
        nickname=row.nickname,
        nickname_at=int(row.nickname_at or 0),
        link=linked,
        problems=_problems(row),
        failed_at=None if row.failed_at is None else float(row.failed_at),
        looked=None if row.looked_at is None else Look(float(row.looked_at), int(row.looked_for or 0)),
        deleted_at=None if row.deleted_at is None else float(row.deleted_at),
        answers=_answers(row),
        imported_at=_imported_at(row),
        lost_at=None if row.lost_at is None else float(row.lost_at),
        held_version=_whole(row.held_version),
        kept_version=_whole(row.kept_version),
    )
    if user.deletion_held and not withheld(user.problems):  # a job that read the user before may have written since
        user = replace(user, problems=user.problems | {Problem(ProblemKind.REMOVAL_HELD)})
    return replace(user, synced_at=_whole(row.synced_at), synced_version=_whole(row.synced_version))


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


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)


def _expired(row: UserRow, now: float) -> bool:
    return row.discord_id is None and row.expires_at is not None and row.expires_at <= now


def _drop_expired(user_id: str, now: float) -> None:
    """Empty an expired row that DynamoDB has not deleted yet: its old values must not mix with new ones."""
    stale = (UserRow.groups, UserRow.groups_at, UserRow.nickname, UserRow.nickname_at, UserRow.deleted_at)
    actions: list[Action] = [column.remove() for column in (*stale, UserRow.expires_at)]
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
