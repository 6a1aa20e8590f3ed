"""Rows of users, and what they mean: reading them, also as older versions wrote them, and changing them."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace

from pynamodb.connection import Connection
from pynamodb.exceptions import TransactWriteError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from chalicelib.discord.models import AS_ASKED, Account, Answers, NicknameAnswer
from chalicelib.problems import (
    Problem,
    ProblemKind,
    Problems,
    from_last_error,
    from_stored,
    last_error,
    to_store,
    withheld,
)
from chalicelib.store.cutoff import NO_CUTOFF, Cutoff, of_message
from chalicelib.store.pynamo import connection_of
from chalicelib.store.rows import AccountRow, UserRow, read_as, stored, written
from chalicelib.store.user import Absent, Leaving, Link, Look, PendingNotice, Previous, User

LONGEST_ATTEMPT = 30 * 60  # seconds: a token lives for half of it, the attempt that it opened for the other half
UNLINKED_RETENTION = 15 * 60 + 24 * 3600  # seconds: the longest life of a link token, and a day
UNKNOWN_IMPORT = 1  # epoch seconds; older versions did not record when, or whether, a link was imported
MAX_ATTEMPTS = 5  # each failed one means that another worker changed the same user meanwhile


@dataclass(frozen=True, slots=True)
class _StoredAnswers:
    """`Answers` as a row holds them: ids are text. `version`: the user's desired state that was brought to Discord."""

    version: int
    nickname: NicknameAnswer | None = None
    undone: dict[str, int] = field(default_factory=dict)


def get(user_id: str, *, now: float) -> User | None:
    """The user as stored now (a consistent read), or None if the store has nothing about them."""
    row = stored(UserRow, user_id)
    return None if row is None or is_expired(row, now) else user_of(row)


def several(user_ids: Iterable[str], *, now: float) -> dict[str, User]:
    """These users as stored now (consistent reads), by id; one call for each hundred. Who is not known is left out."""
    found = UserRow.batch_get(dict.fromkeys(user_ids), consistent_read=True)
    return {row.user_id: user_of(row) for row in found if not is_expired(row, now)}


def owner_of(discord_id: int) -> str | None:
    """The auth user to whom this Discord account is linked."""
    row = stored(AccountRow, discord_id)
    return row.user_id or None if row else None


def user_of(row: UserRow) -> User:
    """The user that the row holds."""
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
        pending_notice=read_as(PendingNotice, row.pending_notice) if row.pending_notice else None,
        waiting_version=_whole(row.waiting_version),
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


def problem_actions(problems: Problems) -> list[Action]:
    """Store the problems, both as the contract's text and as values."""
    error = last_error(problems)
    if error is None:
        return [UserRow.last_error.remove(), UserRow.problems.remove()]
    return [UserRow.last_error.set(error), UserRow.problems.set(to_store(problems))]


def answers_action(answers: Answers, version: int) -> Action:
    """Store the answers; `version`: of the desired state that was brought to Discord."""
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


def is_expired(row: UserRow, now: float) -> bool:
    """Is the row to be forgotten, though DynamoDB has not deleted it yet?"""
    return row.discord_id is None and row.expires_at is not None and row.expires_at <= now


def drop_expired(user_id: str, now: float) -> None:
    """Empty an expired row that DynamoDB has not deleted yet: its old values must not mix with new ones."""
    groups = (UserRow.groups, UserRow.groups_at, UserRow.groups_sent)
    nickname = (UserRow.nickname, UserRow.nickname_at, UserRow.nickname_sent)
    removed = (UserRow.deleted_at, UserRow.deleted_sent, UserRow.barred_tokens, UserRow.barred_clicks)
    actions: list[Action] = [column.remove() for column in (*groups, *nickname, *removed, UserRow.expires_at)]
    updated(user_id, actions, UserRow.discord_id.does_not_exist() & (UserRow.expires_at <= int(now)))


def updated(user_id: str, actions: list[Action], condition: Condition) -> bool:
    """Apply the update if the condition holds; return whether it was applied."""
    return written(lambda: UserRow(user_id).update(actions, condition=condition))


def connection() -> Connection:
    """The connection for a transaction that writes rows of users."""
    return connection_of(UserRow)


def raise_unless_cancelled(error: TransactWriteError) -> None:
    """Raise `error` unless another worker was faster: its condition failed, or another transaction held the rows."""
    codes = {reason.code for reason in error.cancellation_reasons if reason}
    if not codes & {"ConditionalCheckFailed", "TransactionConflict"}:
        raise error
