"""Auth users: their desired state as the auth site stated it, and the Discord account that is linked to each.

An older `changed_at` never overwrites a newer one. Every change of the desired state raises `version`; a worker marks
the version that it brought to Discord as synced, and learns by that whether the desired state has changed meanwhile.

This module only gathers what the rest of Rolecall uses:

- `user`: the user as a value
- `user_rows`: their row, read and changed
- `user_statements`: what the auth site states
- `links`: the linked accounts
- `synced`: what was brought to Discord
"""

from chalicelib.store.links import (
    JOIN_TIMEOUT,
    AccountParting,
    AccountTaken,
    Claim,
    ReplacesAnother,
    UserDeletedSince,
    end_joining,
    link,
    links_between,
    mark_notified,
    mark_seen,
    notice_sent,
    of_account,
    unlink,
)
from chalicelib.store.synced import hold_deletion, mark_counted, mark_failed, mark_kept, mark_right, mark_synced, rename
from chalicelib.store.user import Absent, Leaving, Link, Look, PendingNotice, Previous, Statement, User
from chalicelib.store.user_rows import LONGEST_ATTEMPT, UNLINKED_RETENTION, drop_expired, get, owner_of, several
from chalicelib.store.user_statements import record_groups, record_nickname

__all__ = [
    "JOIN_TIMEOUT",
    "LONGEST_ATTEMPT",
    "UNLINKED_RETENTION",
    "Absent",
    "AccountParting",
    "AccountTaken",
    "Claim",
    "Leaving",
    "Link",
    "Look",
    "PendingNotice",
    "Previous",
    "ReplacesAnother",
    "Statement",
    "User",
    "UserDeletedSince",
    "drop_expired",
    "end_joining",
    "get",
    "hold_deletion",
    "link",
    "links_between",
    "mark_counted",
    "mark_failed",
    "mark_kept",
    "mark_notified",
    "mark_right",
    "mark_seen",
    "mark_synced",
    "notice_sent",
    "of_account",
    "owner_of",
    "record_groups",
    "record_nickname",
    "rename",
    "several",
    "unlink",
]
