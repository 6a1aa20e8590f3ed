"""The outbox: at an event users are marked; what that means is read, and sent, later and elsewhere.

A row of `Change` is visible no earlier than the change that it stands for. Whoever delivers it takes a stamp after
that, and reads after the stamp: so a user's highest stamp always carries the newest state, however many deliver at
once.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from allianceauth.services.hooks import get_extension_logger
from django.db import transaction

from . import app_settings, contract, queues
from .app_settings import Server
from .clock import now_ms
from .desired import entitled, fresh, in_good_standing, wanted
from .models import PARTED, QUIET, TELL, AccountBase, Change, accounts_of
from .stamps import take_stamp

logger = get_extension_logger(__name__)

PAGE = 5000  # rows that are read at a time
RUN = 50_000  # milliseconds of one run; it begins anew every minute
ASKED = 20 * 60_000  # milliseconds after a click in which a link may come about: 5 of the token, 15 of the attempt
AT_REST = (
    3000  # milliseconds without a mark before anybody is removed: Alliance Auth writes one event in several commits
)
CHUNK = 900  # ids in one query; SQLite takes 999 parameters

FORCE, REMOVE = Change.Kind.FORCE, Change.Kind.REMOVE


# --- marking --------------------------------------------------------------------------------------------------


def mark(user_ids: Iterable[int], kind: str = "", *, server: Server | None = None) -> int:
    """Something about these users changed; how many rows that made. On every server, unless one is named.

    Costs a SELECT and an INSERT a server, in the transaction of the change.
    """
    ids = list(user_ids)
    keys = [server.key] if server else [one.key for one in app_settings.servers()]
    made = sum(_mark(key, ids[start : start + CHUNK], kind) for key in keys for start in range(0, len(ids), CHUNK))
    if made:
        transaction.on_commit(wake, robust=True)
    return made


def _mark(key: str, ids: list[int], kind: str) -> int:
    known = accounts_of(key).filter(user_id__in=ids).values_list("user_id", flat=True)
    at = now_ms()
    return len(Change.objects.bulk_create(Change(server=key, user_id=one, kind=kind, at=at) for one in known))


def mark_gone(key: str, user_id: int) -> None:
    """The account's row is about to be deleted, its user with it."""
    at = take_stamp(key, user_id) or now_ms()
    Change.objects.create(server=key, user_id=user_id, at=at)
    transaction.on_commit(wake, robust=True)


def wake() -> None:
    """Let a worker deliver now. Without a broker the next run on schedule does."""
    from . import tasks

    try:
        tasks.deliver_changes.delay()
    except Exception as error:  # noqa: BLE001 - the mark is stored; nothing may break the request
        logger.warning("No worker could be woken (%s): changes go out with the next run", type(error).__name__)


# --- delivering -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Marks:
    """What the outbox holds of one user."""

    user_id: int
    pks: list[int] = field(default_factory=list)
    kinds: set[str] = field(default_factory=set)
    ats: list[int] = field(default_factory=list)

    @property
    def at_rest(self) -> bool:
        """Has nothing been marked for a while?"""
        return max(self.ats) <= now_ms() - AT_REST

    def done(self) -> None:
        """Delete exactly what was read: a row with a lower id may be committed later."""
        for start in range(0, len(self.pks), CHUNK):
            Change.objects.filter(pk__in=self.pks[start : start + CHUNK]).delete()


@dataclass(frozen=True)
class Statement:
    """A message to be sent, and what is on record once SQS took it."""

    marks: Marks
    body: str
    stamp: int
    stated: str


@dataclass
class Report:
    """What a run did."""

    sent: int = 0
    nothing: int = 0
    waiting: int = 0


class NotYet(Exception):
    """A removal is left alone until its user is at rest."""


def deliver(server: Server, *, until: int | None = None) -> Report:
    """Send what the outbox holds for this server; until `until` (epoch ms) at most. Raises QueueUnavailable."""
    until = now_ms() + RUN if until is None else until
    report, after = Report(), 0
    while now_ms() < until:
        page, after = read_marks(server.key, after)
        if not page:
            break
        _send(server, _statements(server, page, report, until), report)
    return report


def read_marks(key: str, after: int) -> tuple[list[Marks], int]:
    """A page of rows above `after`, by user; and the highest of them."""
    rows = Change.objects.filter(server=key, pk__gt=after).order_by("pk")[:PAGE]
    found: dict[int, Marks] = {}
    for pk, user_id, kind, at in rows.values_list("pk", "user_id", "kind", "at"):
        marks = found.setdefault(user_id, Marks(user_id))
        marks.pks.append(pk)
        marks.kinds.add(kind)
        marks.ats.append(at)
        after = pk
    return list(found.values()), after


def _statements(server: Server, page: list[Marks], report: Report, until: int) -> Iterator[Statement]:
    """What must be said of each; each is tried by itself."""
    for marks in page:
        if now_ms() >= until:
            return
        try:
            statement = state(server, marks)
        except NotYet:
            report.waiting += 1
        except Exception:
            logger.exception("What user %s should have on Discord cannot be told; tried again later", marks.user_id)
        else:
            if statement:
                yield statement
            else:
                marks.done()
                report.nothing += 1


def state(server: Server, marks: Marks) -> Statement | None:
    """What must be said of one user; None where that is nothing. Raises NotYet.

    The stamp comes first, then all is read fresh: user, state, groups, main character, permissions.
    """
    stamp = take_stamp(server.key, marks.user_id)
    if stamp is None:
        stamp = max(now_ms(), *marks.ats)
        return Statement(marks, contract.delete_user(str(marks.user_id), changed_at=stamp), stamp, PARTED)
    account = accounts_of(server.key).get(user_id=marks.user_id)
    if account.uid is None and account.link_asked_at < now_ms() - ASKED:
        return None
    user = fresh(marks.user_id)
    if user is None:  # deleted this moment: its row is the next one
        return None
    if REMOVE in marks.kinds or not entitled(user, server):
        return _removal(server, marks, account, stamp, quiet=REMOVE in marks.kinds or not in_good_standing(user))
    want = wanted(user, server)
    if want.digest == account.stated and FORCE not in marks.kinds:
        return None
    body = contract.update_all(str(user.pk), groups=want.groups, nickname=want.nickname, changed_at=stamp)
    return Statement(marks, body, stamp, want.digest)


def _removal(server: Server, marks: Marks, account: AccountBase, stamp: int, *, quiet: bool) -> Statement | None:
    """Whether the user will be told is stored first: the notice may be read before SQS has answered us.

    An admin who deletes an account means it: no days of grace.
    """
    if account.stated == PARTED and FORCE not in marks.kinds:
        return None
    if not marks.at_rest:
        raise NotYet
    rows = accounts_of(server.key).filter(user_id=marks.user_id, parting="")
    rows.update(parting=QUIET if quiet else TELL, parting_at=stamp)
    options = {"grace_days": 0} if REMOVE in marks.kinds else {}
    return Statement(marks, contract.delete_user(str(marks.user_id), changed_at=stamp, **options), stamp, PARTED)


def _send(server: Server, statements: Iterator[Statement], report: Report) -> None:
    """Batch by batch, as they are made: what is read is soon sent."""
    for batch in _gathered(statements):
        for indexes in queues.batches([one.body for one in batch]):
            part = [batch[index] for index in indexes]
            taken = queues.send(server, [one.body for one in part])
            for index in sorted(taken):
                _record(server, part[index])
            report.sent += len(taken)
            if len(taken) < len(part):
                logger.warning(
                    "SQS did not take %d of %d messages; tried again later", len(part) - len(taken), len(part)
                )


def _gathered(statements: Iterator[Statement]) -> Iterator[list[Statement]]:
    batch: list[Statement] = []
    for statement in statements:
        batch.append(statement)
        if len(batch) == contract.MAX_BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _record(server: Server, sent: Statement) -> None:
    """SQS took it. Somebody who is entitled again is no longer on the way out."""
    rows = accounts_of(server.key).filter(user_id=sent.marks.user_id, stated_at__lt=sent.stamp)
    if sent.stated != PARTED:
        rows.filter(stated=PARTED, parting_at__lt=sent.stamp).update(parting="")
    rows.update(stated=sent.stated, stated_at=sent.stamp)
    sent.marks.done()
