"""The tables as PynamoDB sees them. Rows never leave `chalicelib.store`; plain dataclasses do.

Keys and indexes are those of `.chalice/data-stack.yaml`. Times are epoch seconds, `*_at` of the auth site epoch
milliseconds. DynamoDB deletes expired rows up to two days late, so every reader of `expires_at` checks it too.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from pynamodb.attributes import (
    BooleanAttribute,
    JSONAttribute,
    ListAttribute,
    NumberAttribute,
    UnicodeAttribute,
)
from pynamodb.connection import Connection
from pynamodb.exceptions import DeleteError, PutError, PynamoDBException, UpdateError
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex
from pynamodb.models import Model

from chalicelib import log

MAX_ATTEMPTS = 8  # of a write that meets a transaction; each takes a few milliseconds, and a transaction not many more
WRITE_ERRORS = (DeleteError, PutError, UpdateError)
Plain = TypeVar("Plain")


class LinkIndex(GlobalSecondaryIndex[Any]):  # type: ignore[no-untyped-call]  # PynamoDB leaves it untyped
    """Linked users in ascending Discord id: the order in which Discord lists members."""

    class Meta:
        index_name = "by-discord-id"
        projection = AllProjection()

    guild_id = UnicodeAttribute(hash_key=True)
    discord_id = NumberAttribute(range_key=True)


class UserRow(Model):
    """What one auth user should have, and the Discord account that is linked to them."""

    class Meta:
        table_name = "users"

    user_id = UnicodeAttribute(hash_key=True)
    version = NumberAttribute(default=0)  # raised by every change of what should be
    groups: ListAttribute[Any] = ListAttribute(of=UnicodeAttribute, null=True)  # absent: never told
    groups_at = NumberAttribute(null=True)
    nickname = UnicodeAttribute(null=True)
    nickname_at = NumberAttribute(null=True)
    guild_id = UnicodeAttribute(null=True)  # present on linked users only, so that the index holds only them
    discord_id = NumberAttribute(null=True)
    username = UnicodeAttribute(null=True)
    discriminator = UnicodeAttribute(null=True)
    activated_at = NumberAttribute(null=True)
    joining_until = NumberAttribute(null=True)  # while a callback brings them into the guild
    untold_id = NumberAttribute(null=True)  # the account of whose link the auth site is still to hear
    synced_at = NumberAttribute(null=True)
    synced_version = NumberAttribute(null=True)
    last_error = UnicodeAttribute(null=True)  # the contract's text of
    problems = JSONAttribute(null=True)  # these; absent where there are none, and on rows of older versions
    failed_at = NumberAttribute(null=True)
    looked_at = NumberAttribute(null=True)  # when the member was read by whoever synced last, and
    looked_for = NumberAttribute(null=True)  # which parts of them were looked at
    deleted_at = NumberAttribute(null=True)
    expires_at = NumberAttribute(null=True)  # on users without a link
    links = LinkIndex()


class AccountRow(Model):
    """Makes a Discord account belong to one auth user at most."""

    class Meta:
        table_name = "accounts"

    discord_id = NumberAttribute(hash_key=True)
    user_id = UnicodeAttribute()


class AttemptRow(Model):
    """Something that may happen once: an attempt to link, the use of a token."""

    class Meta:
        table_name = "attempts"

    key = UnicodeAttribute(hash_key=True)
    expires_at = NumberAttribute()
    data = JSONAttribute(null=True)


class GuildRow(Model):
    """What is remembered of the guild."""

    class Meta:
        table_name = "guild"

    key = UnicodeAttribute(hash_key=True)
    data = JSONAttribute(null=True)
    read_at = NumberAttribute(null=True)
    owner = UnicodeAttribute(null=True)
    expires_at = NumberAttribute(null=True)


class RateLimitRow(Model):
    """A rate-limit bucket, the noticeboard, or a count of invalid requests."""

    class Meta:
        table_name = "budgets"

    key = UnicodeAttribute(hash_key=True)
    limit = NumberAttribute(null=True)
    window = NumberAttribute(null=True)
    kind = UnicodeAttribute(null=True)
    last = JSONAttribute(null=True)
    number = NumberAttribute(null=True)
    first_slot = NumberAttribute(null=True)
    next_slot = NumberAttribute(null=True)
    opened_at = NumberAttribute(null=True)
    closes_at = NumberAttribute(null=True)
    reopens_at = NumberAttribute(null=True)
    used = NumberAttribute(null=True)
    used_0 = NumberAttribute(null=True)
    used_1 = NumberAttribute(null=True)
    used_2 = NumberAttribute(null=True)
    ticket_0 = NumberAttribute(null=True)
    ticket_1 = NumberAttribute(null=True)
    ticket_2 = NumberAttribute(null=True)
    buckets = JSONAttribute(null=True)
    halted_token = UnicodeAttribute(null=True)
    blocked_until = NumberAttribute(null=True)
    blocked_why = UnicodeAttribute(null=True)
    counted = NumberAttribute(null=True)
    expires_at = NumberAttribute(null=True)


class SweepRow(Model):
    """A sweep (`<id>`), what one page of it found (`<id>#<page>`), or the running one (`running`).

    `<id>#losing` counts the members it took roles from, where it could not know their number beforehand.
    """

    class Meta:
        table_name = "sweeps"

    guild_id = UnicodeAttribute(hash_key=True)
    sweep_id = UnicodeAttribute(range_key=True)
    data = JSONAttribute(null=True)
    step = NumberAttribute(null=True)
    updated_at = NumberAttribute(null=True)
    expires_at = NumberAttribute(null=True)
    losing = NumberAttribute(null=True)
    braked = BooleanAttribute(null=True)


class AuditRow(Model):
    """One change made to a member."""

    class Meta:
        table_name = "audit"

    user_id = UnicodeAttribute(hash_key=True)
    at = UnicodeAttribute(range_key=True)  # ISO time and a suffix that makes it unique
    data = JSONAttribute()
    expires_at = NumberAttribute()


ALL: tuple[type[Model], ...] = (UserRow, AccountRow, AttemptRow, GuildRow, RateLimitRow, SweepRow, AuditRow)
RENEWED = {model: model.Meta.table_name for model in ALL}


def connect(stage: str, *, region: str | None = None, client: object = None) -> Connection:
    """Point every table at `rolecall-<stage>-…`, all of them over one connection (and so one botocore client).

    PynamoDB would make a connection, and a client that takes a tenth of a second to build, for each table. `client`
    replaces botocore's (for a DynamoDB in memory).
    """
    shared = Connection(region=region)
    if client is not None:
        shared._client = client  # type: ignore[assignment]  # the seam for tests: PynamoDB offers none
    for model, name in RENEWED.items():
        model.Meta.table_name = f"rolecall-{stage}-{name}"
        model._connection = None
        table = model._get_connection()
        meta = table.get_meta_table()
        if meta is not None:
            shared.add_meta_table(meta)
        table.connection = shared
    return shared


def read_as(kind: type[Plain], data: object) -> Plain | None:
    """What a row keeps, as that dataclass; None where it cannot be read.

    Another version of Rolecall may have written it, before an upgrade or a rollback. What only that one knows is left
    out, and what it meant otherwise counts as not there: it must not break every job that comes by.
    """
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        log.warning("unreadable_row", what=kind.__name__, why=str(error))
        return None


def written(write: Callable[[], object]) -> bool:
    """Do a conditional write: False where its condition did not hold. Raises where it failed otherwise.

    While a transaction is at the same row DynamoDB refuses it, whatever its condition, and botocore does not try again.
    """
    for _ in range(MAX_ATTEMPTS - 1):
        try:
            return _written_now(write)
        except WRITE_ERRORS as error:
            if _code(error) != "TransactionConflictException":
                raise
    return _written_now(write)


def _written_now(write: Callable[[], object]) -> bool:
    try:
        write()
    except WRITE_ERRORS as error:
        if _code(error) != "ConditionalCheckFailedException":
            raise
        return False
    return True


def _code(error: PynamoDBException) -> str | None:
    """What DynamoDB calls it; None where no answer came. PynamoDB's own look at that trips over a call without one."""
    answer = getattr(error.cause, "response", None) or {}
    code: str | None = answer.get("Error", {}).get("Code")
    return code
