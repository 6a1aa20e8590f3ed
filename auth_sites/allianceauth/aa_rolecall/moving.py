"""Moving in from Alliance Auth's own Discord service, without anybody linking again, and out again."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from allianceauth.authentication.models import State
from django.contrib.auth.models import Group, Permission, User
from django.db import connection, transaction

from . import accounts, outbox, own_service, rolecall, upkeep
from .app_settings import Server
from .contract import Linked
from .desired import entitled, fresh
from .models import Account, open_account
from .rolecall import RolecallUnavailable
from .stamps import take_stamp

TABLE = "discord_discorduser"
COLUMNS = ("user_id", "uid", "username", "discriminator", "activated")
READERS = 8  # accounts that are read at Rolecall at the same time
TRIES = 3  # of each


class CannotMove(Exception):
    """Nothing was changed; says why."""


@dataclass
class MoveIn:
    """What moving in finds and does."""

    agree: dict[int, Linked] = field(default_factory=dict)
    """Users whose link is the same here and at Rolecall."""
    missing: list[int] = field(default_factory=list)
    """Users whom Rolecall knows no link of: `ops import-links` comes first."""
    differ: list[int] = field(default_factory=list)
    """Users whom Rolecall knows another Discord account of."""
    unread: list[int] = field(default_factory=list)
    not_entitled: list[int] = field(default_factory=list)
    """Users who agree, and will be removed for want of permission, activity or a main character."""
    holders: int = 0
    """States, groups and users that were given the permission."""


def links() -> Iterator[dict[str, str]]:
    """The rows of Alliance Auth's table of Discord accounts, as `ops import-links` reads them; times are UTC.

    By plain SQL, so that it also works where the app is no longer installed. Raises CannotMove.
    """
    if TABLE not in connection.introspection.table_names():
        raise CannotMove(f"This database has no table {TABLE}: Alliance Auth's Discord service was never set up here.")
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(COLUMNS)} FROM {TABLE} ORDER BY user_id")  # noqa: S608 - constants
        for row in cursor.fetchall():
            yield {name: "" if value is None else str(value)[:26] for name, value in zip(COLUMNS, row, strict=True)}


def move_in(server: Server, *, dry_run: bool, force: bool) -> MoveIn:
    """Take over all links that Rolecall confirms, and the permission; mark everybody.

    Raises CannotMove where more would be removed than ROLECALL_BRAKE_PERCENT allows, unless `force`; then nothing was
    changed.
    """
    known = {int(row["user_id"]): int(row["uid"]) for row in links()}
    stamps = {} if dry_run else {user_id: _stamp(server, user_id) for user_id in known}
    result = MoveIn()
    for user_id, found in _read_all(server, known):
        _sort(result, user_id, known[user_id], found)
    with transaction.atomic():
        result.holders = copy_permission(own_service.PERMISSION, server.permission)
        result.not_entitled = [pk for pk in result.agree if not _is_entitled(pk, server)]
        too_many = upkeep.brakes(server, removed=len(result.not_entitled), linked=len(result.agree))
        if dry_run or (too_many and not force):
            transaction.set_rollback(True)
        else:
            _take_over(server, result, stamps)
    if too_many and not (force or dry_run):
        raise CannotMove(
            f"{len(result.not_entitled)} of {len(result.agree)} would be removed from Discord, because they are not "
            "entitled to it. That is more than ROLECALL_BRAKE_PERCENT allows. If it is right, add --force."
        )
    return result


def _stamp(server: Server, user_id: int) -> int:
    open_account(server.key, user_id)
    return take_stamp(server.key, user_id) or 0


def _read_all(server: Server, user_ids: Iterable[int]) -> Iterator[tuple[int, Linked | RolecallUnavailable | None]]:
    ids = list(user_ids)
    with ThreadPoolExecutor(READERS) as pool:
        yield from zip(ids, pool.map(partial(_read, server), ids), strict=True)


def _read(server: Server, user_id: int, tries: int = TRIES) -> Linked | RolecallUnavailable | None:
    """Tried again at once: many readers at a time make Rolecall start new processes, which takes seconds."""
    try:
        return rolecall.read(server, str(user_id))
    except RolecallUnavailable as error:
        return _read(server, user_id, tries - 1) if tries > 1 else error


def _sort(result: MoveIn, user_id: int, uid: int, found: Linked | RolecallUnavailable | None) -> None:
    if isinstance(found, RolecallUnavailable):
        result.unread.append(user_id)
    elif found is None:
        result.missing.append(user_id)
    elif found.discord_id != uid:
        result.differ.append(user_id)
    else:
        result.agree[user_id] = found


def _is_entitled(user_id: int, server: Server) -> bool:
    user = fresh(user_id)
    return user is not None and entitled(user, server)


def _take_over(server: Server, result: MoveIn, stamps: dict[int, int]) -> None:
    for user_id, found in result.agree.items():
        accounts.store(server, user_id, found, stamps[user_id])
    outbox.mark(result.agree, server=server)


def move_out(server: Server) -> int:
    """Let Alliance Auth's table say what is so, and give its permission to who holds ours; how many links.

    Raises CannotMove.
    """
    if not own_service.installed():
        raise CannotMove(f"Add {own_service.APP} to INSTALLED_APPS and run `migrate` first.")
    with transaction.atomic():
        copy_permission(server.permission, own_service.PERMISSION)
        found = list(Account.objects.all())
        for account in found:
            own_service.mirror(account)
    return sum(account.uid is not None for account in found)


def copy_permission(source: str, target: str) -> int:
    """Give `target` to each state, group and user that holds `source`; how many had it not yet."""
    old, new = _permission(source), _permission(target)
    if old is None or new is None:
        return 0
    count = 0
    for model, name in ((State, "permissions"), (Group, "permissions"), (User, "user_permissions")):
        holders = model.objects.filter(**{name: old.pk}).exclude(**{name: new.pk})
        for holder in holders:
            getattr(holder, name).add(new.pk)  # by number: State takes Alliance Auth's own class of permissions
            count += 1
    return count


def _permission(name: str) -> Permission | None:
    app, _, codename = name.partition(".")
    return Permission.objects.filter(content_type__app_label=app, codename=codename).first()
