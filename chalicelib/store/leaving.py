"""Users who are to go: written down before anything is done, so that older attempts and jobs give nothing any more."""

from dataclasses import asdict

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from chalicelib.store.cutoff import Cutoff
from chalicelib.store.rows import UserRow
from chalicelib.store.user import Absent, Leaving, PendingNotice, User
from chalicelib.store.user_rows import UNLINKED_RETENTION, drop_expired, updated


def begin(
    user_id: str,
    user: User | None,
    cutoff: Cutoff,
    *,
    changed_at: int | None,
    now: float,
    leaving: Leaving | None = None,
) -> bool:
    """Record that the user is to go, which raises the version; return False if the user changed since `user` was read.

    `changed_at` (epoch ms): when the auth site decided that; None: it did not say, or the person asked for it. Then
    whatever was sent after the click or the message is newer. `leaving`: they go later, None: now.
    """
    barred = user.barred.joined_with(cutoff) if user else cutoff
    actions: list[Action] = [
        UserRow.version.set((UserRow.version | 0) + 1),
        UserRow.deleted_at.set(cutoff.clicks if changed_at is None else changed_at / 1000),
        UserRow.deleted_sent.set(cutoff.clicks) if changed_at is None else UserRow.deleted_sent.remove(),
        UserRow.barred_tokens.set(barred.tokens),
        UserRow.barred_clicks.set(barred.clicks),
    ]
    if user and user.link and leaving:
        actions.append(UserRow.leaving.set(asdict(leaving)))
    else:
        actions.append(UserRow.leaving.remove())
    if user is None or user.link is None:
        actions.append(UserRow.expires_at.set(int(now) + UNLINKED_RETENTION))
    begun = updated(user_id, actions, _unchanged(user))
    if not begun and user is None:
        drop_expired(user_id, now)
    return begun


def mark_absent(user: User, absent: Absent, notice: PendingNotice) -> bool:
    """Record that the member is gone, and the link is kept for a while; return False if the user has changed.

    `notice`: what the auth site is to be notified of then; it stays on the row until `users.notice_sent`.
    """
    actions: list[Action] = [UserRow.absent.set(asdict(absent)), UserRow.pending_notice.set(asdict(notice))]
    return updated(user.user_id, actions, _unchanged(user))


def _unchanged(user: User | None) -> Condition:
    return UserRow.version == user.version if user else UserRow.user_id.does_not_exist()
