"""What was brought to Discord for a user, and what stood in the way."""

from pynamodb.exceptions import TransactWriteError
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from chalicelib.discord.models import Account, Answers
from chalicelib.problems import NO_PROBLEMS, Problems, last_error
from chalicelib.store import audit
from chalicelib.store.audit import Entry
from chalicelib.store.cutoff import Cutoff
from chalicelib.store.rows import UserRow
from chalicelib.store.user import Look, User
from chalicelib.store.user_rows import answers_action, connection, problem_actions, raise_unless_cancelled, updated


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
        *problem_actions(problems),
    ]
    if looked:
        actions += [UserRow.looked_at.set(looked.at), UserRow.looked_for.set(looked.parts)]
    else:  # the member may have been read for an earlier version
        actions += [UserRow.looked_at.remove(), UserRow.looked_for.remove()]
    if answers is not None and answers != user.answers:
        actions.append(answers_action(answers, user.version))
    if lost_at is not None:
        actions.append(UserRow.lost_at.set(lost_at))
    if user.imported_at:
        actions.append(UserRow.imported_at.set(0 if made_right else user.imported_at))
    unchanged_since = UserRow.version == user.version
    if entry is None:
        return updated(user.user_id, actions, unchanged_since)
    try:
        with TransactWrite(connection=connection()) as write:
            write.update(UserRow(user.user_id), actions=actions, condition=unchanged_since)
            write.save(audit.row(entry))
    except TransactWriteError as failed:
        raise_unless_cancelled(failed)
        audit.keep(entry)
        return False
    return True


def mark_right(user: User) -> bool:
    """Record that an imported member was found as the user should be. Returns False if the user has changed."""
    return updated(user.user_id, [UserRow.imported_at.set(0)], UserRow.version == user.version)


def mark_kept(user: User, problems: Problems) -> bool:
    """Record that nothing is taken until the auth site states something newer. Returns False if it has."""
    actions = [UserRow.kept_version.set(user.version), UserRow.held_version.remove(), *problem_actions(problems)]
    return updated(user.user_id, actions, (UserRow.version == user.version) & UserRow.discord_id.exists())


def hold_deletion(user: User, cutoff: Cutoff, problems: Problems, *, now: float) -> bool:
    """Record that the user's deletion is held; they keep their link. Returns False if the user has changed.

    `cutoff`: which attempts to link are older than the deletion. They are refused meanwhile: only what is newer than a
    deletion may cancel it.
    """
    barred = user.barred.joined_with(cutoff)
    actions = [
        UserRow.held_version.set(user.version),
        UserRow.failed_at.set(now),
        UserRow.barred_tokens.set(barred.tokens),
        UserRow.barred_clicks.set(barred.clicks),
        *problem_actions(problems),
    ]
    return updated(user.user_id, actions, (UserRow.version == user.version) & UserRow.discord_id.exists())


def mark_counted(user_id: str, at: float) -> None:
    """Record when the member was counted in the removal limit, though nobody knows yet whether they lost something."""
    updated(user_id, [UserRow.lost_at.set(at)], UserRow.discord_id.exists())


def mark_failed(user: User, problems: Problems, *, now: float) -> bool:
    """Record why and when the user could not be synced. Returns False if that is on record, or they are not linked."""
    if user.link is None:
        return False
    linked = UserRow.discord_id == user.link.account.id
    is_new = linked & (UserRow.last_error.does_not_exist() | (UserRow.last_error != last_error(problems)))
    recorded = updated(user.user_id, [*problem_actions(problems), UserRow.failed_at.set(now)], is_new)
    if not recorded:
        updated(user.user_id, [UserRow.failed_at.set(now)], linked)
    return recorded


def rename(user: User, account: Account) -> bool:
    """Store the account's new username. Returns False if the user is not linked to it any more."""
    named: list[Action] = [UserRow.username.set(account.username), UserRow.discriminator.set(account.discriminator)]
    return updated(user.user_id, named, UserRow.discord_id == account.id)
