"""What is told and what is recorded, and in which order."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NoReturn

import pytest

from chalicelib.discord.models import Account
from chalicelib.members.guild import GuildView
from chalicelib.members.reporter import Reporter
from chalicelib.notices import Notices, Unlinked
from chalicelib.problems import Problem, ProblemKind
from chalicelib.store import audit
from chalicelib.store.rows import UserRow
from chalicelib.store.users import User
from local.simulated import World
from tests.members.support import stored

REFUSED = frozenset({Problem(ProblemKind.FAILED, "Discord refused")})
NICKNAME = Problem(ProblemKind.NICKNAME_NOT_PERMITTED)


@pytest.fixture
def kira(world: World) -> World:
    """A world with Kira linked, of whose link the auth site is still to hear."""
    world.link("101", "kira", groups=["Member"], nickname="Kira", changed_at=1)
    world.run()
    world.site.notices()
    UserRow("101").update([UserRow.untold_id.set(account_of(user_of(world)).id)])
    return world


class Unreachable(Notices):
    """The queue of notices cannot be reached."""

    def _send(self, *_: Any) -> NoReturn:
        raise ConnectionError


def reporter(world: World, *, reachable: bool = True) -> Reporter:
    services = world.http.services
    if not reachable:
        services = replace(services, notices=Unreachable(services.queues))
    return Reporter(services, GuildView(services))


def user_of(world: World) -> User:
    user = stored(world, "101")
    assert user is not None
    return user


def account_of(user: User) -> Account:
    assert user.link is not None
    return user.link.account


def unlinked(desk: Reporter, user: User) -> object:
    assert user.link is not None
    return desk.unlinked(user, user.link, Unlinked.LEFT_SERVER, notify=True)


Report = Callable[[Reporter, User], object]
REPORTS: list[Any] = [
    pytest.param(lambda desk, user: desk.linked("101", account_of(user)), "linked", id="linked"),
    pytest.param(unlinked, "unlinked", id="unlinked"),
    pytest.param(
        lambda desk, user: desk.username_seen(user, replace(account_of(user), username="vex")),
        "username_changed",
        id="username",
    ),
    pytest.param(lambda desk, user: desk.synced(user, REFUSED), "sync_failed", id="synced but for a problem"),
    pytest.param(lambda desk, user: desk.failed(user, REFUSED), "sync_failed", id="failed"),
]


@pytest.mark.parametrize(("report", "kind"), REPORTS)
def test_each_report_is_a_notice_and_a_record(kira: World, report: Report, kind: str) -> None:
    before = user_of(kira)
    report(reporter(kira), before)
    assert [notice["kind"] for notice in kira.site.notices()] == [kind]
    assert user_of(kira) != before


@pytest.mark.parametrize(("report", "kind"), [report for report in REPORTS if report.id != "unlinked"])
def test_nothing_is_recorded_before_it_was_notified(kira: World, report: Report, kind: str) -> None:  # noqa: ARG001
    before, trail = user_of(kira), audit.of_user("101", now=kira.clock.now())
    with pytest.raises(ConnectionError):
        report(reporter(kira, reachable=False), before)
    assert user_of(kira) == before
    assert audit.of_user("101", now=kira.clock.now()) == trail


def test_the_end_of_a_link_is_recorded_first_and_holds_its_notice_until_it_is_sent(kira: World) -> None:
    ended = kira.clock.now()
    with pytest.raises(ConnectionError):
        unlinked(reporter(kira, reachable=False), user_of(kira))
    assert user_of(kira).link is None
    kira.clock.advance(60)
    for _ in range(2):
        reporter(kira).notify_pending(user_of(kira))
    (notice,) = kira.site.notices()
    assert (notice["kind"], notice["reason"], notice["at"]) == ("unlinked", "left_server", int(ended * 1000))
    assert user_of(kira).pending_notice is None


def test_a_problem_on_record_is_not_notified_again(kira: World) -> None:
    reporter(kira).failed(user_of(kira), REFUSED)
    reporter(kira).failed(user_of(kira), REFUSED)
    reporter(kira).synced(user_of(kira), REFUSED | {NICKNAME})
    assert [notice["reason"] for notice in kira.site.notices()] == ["Discord refused", "nickname_not_permitted"]
    assert user_of(kira).problems == REFUSED | {NICKNAME}


def test_a_problem_of_another_matter_is_notified_though_it_is_on_record(kira: World) -> None:
    reporter(kira).failed(user_of(kira), REFUSED)
    reporter(kira).failed(user_of(kira), REFUSED, always=True)
    assert [notice["reason"] for notice in kira.site.notices()] == ["Discord refused"] * 2


def test_a_part_of_a_name_that_was_never_known_is_stored_and_not_notified(kira: World) -> None:
    user = user_of(kira)
    assert user.link is not None
    unknown = replace(user, link=replace(user.link, account=replace(user.link.account, username="")))
    reporter(kira).username_seen(unknown, replace(account_of(user), username="vex"))
    assert account_of(user_of(kira)).username == "vex"
    assert kira.site.notices() == []
