"""What the auth site states about users. An older `changed_at` never overwrites a newer one."""

from functools import partial

from pynamodb.expressions.update import Action

from chalicelib.store.rows import UserRow, written
from chalicelib.store.user import Statement, User
from chalicelib.store.user_rows import MAX_ATTEMPTS, UNLINKED_RETENTION, drop_expired, get, user_of


def record_groups(
    user_id: str,
    groups: tuple[str, ...],
    changed_at: int,
    *,
    now: float,
    sent_at: float = 0.0,
    waits_after: int | None = None,
) -> User:
    """Store the groups unless newer ones are stored; return the user as stored then.

    `sent_at` (epoch seconds): when the message was sent. Of two that have the same `changed_at`, the later one counts.
    `waits_after`: the comparison is handed over (`User.waiting_version`), if this follows on that version.
    """
    return _record(user_id, "groups", list(groups), changed_at, now, sent_at, waits_after=waits_after)


def record_nickname(
    user_id: str,
    nickname: str | None,
    changed_at: int,
    *,
    now: float,
    sent_at: float = 0.0,
    waits_after: int | None = None,
) -> User:
    """Store the nickname (None: there is none) unless a newer one is stored; see `record_groups`."""
    return _record(user_id, "nickname", nickname, changed_at, now, sent_at, waits_after=waits_after)


def statement_actions(user: User | None, statement: Statement) -> list[Action]:
    """Store what is newer than what `user` has of it. The caller sees to it that the user is still so, and raises the
    version.
    """
    actions: list[Action] = []
    if user is None or user.groups_at < statement.changed_at:
        actions += _stored("groups", list(statement.groups), statement.changed_at, 0.0)
    if user is None or user.nickname_at < statement.changed_at:
        actions += _stored("nickname", statement.nickname, statement.changed_at, 0.0)
    return actions


def _stored(name: str, value: list[str] | str | None, changed_at: int, sent_at: float) -> list[Action]:
    column, stamp, sent = getattr(UserRow, name), getattr(UserRow, f"{name}_at"), getattr(UserRow, f"{name}_sent")
    return [
        column.remove() if value is None else column.set(value),
        stamp.set(changed_at),
        sent.set(sent_at) if sent_at else sent.remove(),
    ]


def _record(
    user_id: str,
    name: str,
    value: list[str] | str | None,
    changed_at: int,
    now: float,
    sent_at: float,
    *,
    waits_after: int | None,
) -> User:
    stamp, sent = getattr(UserRow, f"{name}_at"), getattr(UserRow, f"{name}_sent")
    newer = stamp.does_not_exist() | (stamp < changed_at)
    if sent_at:
        newer |= (stamp == changed_at) & (sent.does_not_exist() | (sent < sent_at))
    actions = [*_stored(name, value, changed_at, sent_at), UserRow.version.set((UserRow.version | 0) + 1)]
    if waits_after is not None:  # not of another version, which may take something away
        actions.append(UserRow.waiting_version.set(waits_after + 1))
    forgotten = UserRow.expires_at.set(int(now) + UNLINKED_RETENTION)
    for _ in range(MAX_ATTEMPTS):
        row = UserRow(user_id)
        if written(partial(row.update, actions, condition=UserRow.discord_id.exists() & newer)):
            return user_of(row)
        user = get(user_id, now=now)
        if user is None:
            drop_expired(user_id, now)
        elif (getattr(user, f"{name}_at"), getattr(user, f"{name}_sent")) >= (changed_at, sent_at):
            return user
        elif user.link:
            continue
        unlinked = UserRow.discord_id.does_not_exist()
        if written(partial(row.update, [*actions, forgotten], condition=unlinked & newer)):
            return user_of(row)
    raise RuntimeError(f"the user changed {MAX_ATTEMPTS} times while a statement was stored; SQS will redeliver")
