"""The tables as PynamoDB models. Rows never leave `chalicelib.store`; plain dataclasses do.

Keys and indexes are those of `.chalice/data-stack.yaml`. Times are epoch seconds, `*_at` of the auth site epoch
milliseconds. DynamoDB deletes expired rows up to two days late, so every reader of `expires_at` checks it too.
"""

import json
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from pynamodb.attributes import (
    JSONAttribute,
    ListAttribute,
    MapAttribute,
    NumberAttribute,
    UnicodeAttribute,
)
from pynamodb.connection import Connection
from pynamodb.exceptions import DeleteError, DoesNotExist, PutError, PynamoDBException, UpdateError
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex
from pynamodb.models import Model

from chalicelib import log
from chalicelib.store.pynamo import connection_with, share_connection

MAX_ATTEMPTS = (
    8  # of a write that meets a transaction; each takes a few milliseconds, and a transaction not much longer
)
MAX_JSON = 350_000  # bytes of one column of JSON; an item holds 409,600, all its columns together
WRITE_ERRORS = (DeleteError, PutError, UpdateError)
Plain = TypeVar("Plain")
Row = TypeVar("Row", bound=Model)


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
    groups: ListAttribute[Any] = ListAttribute(of=UnicodeAttribute, null=True)  # absent: never stated
    groups_at = NumberAttribute(null=True)
    groups_sent = NumberAttribute(null=True)  # when the message that stated them was sent; absent: a token did
    nickname = UnicodeAttribute(null=True)
    nickname_at = NumberAttribute(null=True)
    nickname_sent = NumberAttribute(null=True)
    guild_id = UnicodeAttribute(null=True)  # on linked users only, so that the index holds no others
    discord_id = NumberAttribute(null=True)
    username = UnicodeAttribute(null=True)
    discriminator = UnicodeAttribute(null=True)
    activated_at = NumberAttribute(null=True)
    joining_until = NumberAttribute(null=True)  # while a callback brings them into the guild
    untold_id = NumberAttribute(null=True)  # the account of whose link the auth site is still to be notified
    synced_at = NumberAttribute(null=True)
    synced_version = NumberAttribute(null=True)
    last_error = UnicodeAttribute(null=True)  # the contract's text of
    problems = JSONAttribute(null=True)  # these; absent if there are none, and on rows of older versions
    failed_at = NumberAttribute(null=True)
    looked_at = NumberAttribute(null=True)  # when the last sync read the member, and
    looked_for = NumberAttribute(null=True)  # which parts of the member it compared
    answers = JSONAttribute(null=True)  # how Discord's answers differed from what was asked; absent if they did not
    deleted_at = NumberAttribute(null=True)  # what was stated up to then is older than the removal, or,
    deleted_sent = NumberAttribute(null=True)  # if the auth site did not date it, what was sent up to then
    barred_tokens = NumberAttribute(null=True)  # attempts to link whose token was issued up to then are barred, and
    barred_clicks = NumberAttribute(null=True)  # those that were opened before then; only time removes the two
    claim = UnicodeAttribute(null=True)  # the attempt that stored the link, and
    issued_at = NumberAttribute(null=True)  # when its token was issued (by the auth site's clock), and
    opened_at = NumberAttribute(null=True)  # when it was opened
    leaving = JSONAttribute(null=True)  # how a removed user goes once their grace days are over
    absent = JSONAttribute(null=True)  # since when the member is gone, and until when their link is kept
    previous = JSONAttribute(null=True)  # the account that is replaced, until the new one was seen in the guild
    imported_at = NumberAttribute(null=True)  # until the member was as they should be; 0: not imported, or no longer
    lost_at = NumberAttribute(null=True)  # when the member last counted in the removal limit
    held_version = NumberAttribute(null=True)  # the version at which the user's deletion is held
    kept_version = NumberAttribute(null=True)  # the version at which nothing is to be taken: an operator dropped it
    pending_notice = JSONAttribute(null=True)  # that a link ended, until the auth site was notified of it
    waiting_version = NumberAttribute(null=True)  # the version whose comparison with listed members was promised
    expires_at = NumberAttribute(null=True)  # on users without a link
    links = LinkIndex()


class AccountRow(Model):
    """Makes a Discord account belong to one auth user at most.

    Without a user (an empty `user_id`) the account is to be removed from the guild, and until `parting_until` a worker
    is at it.
    """

    class Meta:
        table_name = "accounts"

    discord_id = NumberAttribute(hash_key=True)
    user_id = UnicodeAttribute()
    parting_until = NumberAttribute(null=True)


class AttemptRow(Model):
    """Something that may happen once: an attempt to link, the use of a token."""

    class Meta:
        table_name = "attempts"

    key = UnicodeAttribute(hash_key=True)
    expires_at = NumberAttribute()
    data = JSONAttribute(null=True)
    progress = UnicodeAttribute(null=True)  # of an attempt whose callback came; it is kept to answer a repeated one
    cookie = UnicodeAttribute(
        null=True
    )  # that of the attempt's data, for a condition; absent on rows of older versions


class GuildRow(Model):
    """One thing that is remembered of the guild, by its key.

    `role_map` and `ever_known` are on the row `roles` only, beside its data: see `guild.StoredRoles`.
    """

    class Meta:
        table_name = "guild"

    key = UnicodeAttribute(hash_key=True)
    data = JSONAttribute(null=True)
    read_at = NumberAttribute(null=True)
    owner = UnicodeAttribute(null=True)
    expires_at = NumberAttribute(null=True)
    role_map = JSONAttribute(null=True)
    ever_known = JSONAttribute(null=True)


class RateLimitRow(Model):
    """A rate-limit bucket, the names of the buckets, the halts, or a count of invalid requests."""

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
    halted_at = NumberAttribute(null=True)
    refused_since = NumberAttribute(null=True)
    blocked_since = NumberAttribute(null=True)
    away_since = NumberAttribute(null=True)
    away_at = NumberAttribute(null=True)
    away_why = UnicodeAttribute(null=True)
    probing_until = NumberAttribute(null=True)
    reports = JSONAttribute(null=True)
    counted = NumberAttribute(null=True)
    expires_at = NumberAttribute(null=True)


class SweepRow(Model):
    """A sweep (`<id>`), the differences of one page of it (`<id>#<page>`), or the running marker (`running`).

    `removals#…` is about the removal limit: `#window` counts who lost something lately, `#held#<user>` and
    `#locked#<user>` say what is not taken from a user. `waiting…` is about users who wait to be compared with listed
    members: see `waiting`.
    """

    class Meta:
        table_name = "sweeps"

    guild_id = UnicodeAttribute(hash_key=True)
    sweep_id = UnicodeAttribute(range_key=True)
    data = JSONAttribute(null=True)
    step = NumberAttribute(null=True)
    updated_at = NumberAttribute(null=True)
    expires_at = NumberAttribute(null=True)
    counts: MapAttribute[str, Any] = MapAttribute(null=True)  # type: ignore[no-untyped-call]  # members by five minutes
    held_since = NumberAttribute(null=True)
    linked = NumberAttribute(null=True)


class AuditIndex(GlobalSecondaryIndex[Any]):  # type: ignore[no-untyped-call]  # PynamoDB leaves it untyped
    """Every entry of a calendar month, in the order of time."""

    class Meta:
        index_name = "by-month"
        projection = AllProjection()

    month = UnicodeAttribute(hash_key=True)
    at = UnicodeAttribute(range_key=True)


class AuditRow(Model):
    """One change made to a member."""

    class Meta:
        table_name = "audit"

    user_id = UnicodeAttribute(hash_key=True)
    at = UnicodeAttribute(range_key=True)  # ISO time and a suffix that makes it unique
    month = UnicodeAttribute(null=True)  # `2026-11`; absent in entries of older versions, which the index then lacks
    data = JSONAttribute()
    expires_at = NumberAttribute()
    by_month = AuditIndex()


ALL: tuple[type[Model], ...] = (UserRow, AccountRow, AttemptRow, GuildRow, RateLimitRow, SweepRow, AuditRow)
TABLE_NAMES = {model: model.Meta.table_name for model in ALL}


def connect(stage: str, *, region: str | None = None, client: object = None) -> Connection:
    """Point every table at `rolecall-<stage>-…`, all of them over one connection, and so one botocore client.

    `client` replaces botocore's, for a DynamoDB in memory.
    """
    shared = connection_with(client, region=region)
    for model, name in TABLE_NAMES.items():
        model.Meta.table_name = f"rolecall-{stage}-{name}"
    share_connection(shared, ALL)
    return shared


def stored(kind: type[Row], hash_key: str | int, range_key: str | None = None) -> Row | None:
    """The row of that key as stored now (a consistent read), expired or not; None if there is none."""
    try:
        return kind.get(hash_key, range_key, consistent_read=True)
    except DoesNotExist:
        return None


def read_as(kind: type[Plain], data: object) -> Plain | None:
    """What a row holds, as that dataclass; None if it cannot be read.

    Another version of Rolecall may have written it, before an upgrade or a rollback. Fields that only that version
    knows are ignored, and a row with fields of another type counts as absent: it must not break every job
    that reads it.
    """
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        log.warning("unreadable_row", what=kind.__name__, why=str(error))
        return None


def fits(data: object) -> bool:
    """Whether a column of JSON can hold it. PynamoDB escapes what is not ASCII: a sign may take twelve bytes."""
    return len(json.dumps(data)) <= MAX_JSON


def written(write: Callable[[], object]) -> bool:
    """Do a conditional write; return False if its condition did not hold. Raises PynamoDB's error if it failed for
    any other reason.

    While a transaction is at work on the row, DynamoDB refuses any write to it, and botocore does not retry.
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
    """DynamoDB's code for the error; None if there was no answer, for which PynamoDB's own property raises."""
    answer = getattr(error.cause, "response", None) or {}
    code: str | None = answer.get("Error", {}).get("Code")
    return code
