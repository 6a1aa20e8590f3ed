"""Stamps: what orders all that is said of one user.

A stamp is always taken before what it dates is read. So of two readings the one with the higher stamp is the newer
one, whoever made it, and however many processes read at once.
"""

from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Greatest

from .clock import now_ms
from .models import accounts_of


def take_stamp(key: str, user_id: int) -> int | None:
    """A stamp (epoch ms) greater than all before of this user's account; None where there is no account.

    Written first, then read: the write locks the row, so that nobody else is given the same one. (A SELECT FOR UPDATE
    would lock nothing in SQLite.)
    """
    rows = accounts_of(key).filter(user_id=user_id)
    with transaction.atomic():
        if not rows.update(clock=Greatest(F("clock") + 1, Value(now_ms()))):
            return None
        return rows.values_list("clock", flat=True).get()
