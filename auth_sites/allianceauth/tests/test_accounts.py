"""What Rolecall says of a link, notices that say when to look, and what people are told."""

from collections.abc import Callable
from typing import Any

import pytest
from aa_rolecall import accounts, notices, tasks
from aa_rolecall.app_settings import Server
from aa_rolecall.models import Account, Change
from aa_rolecall.rolecall import RolecallUnavailable
from allianceauth.authentication.models import UserProfile
from allianceauth.notifications.models import Notification
from django.contrib.auth.models import User

from .conftest import account, marked
from .fakes import World

Told = Callable[[User], list[str]]
DISABLED = "Discord Account Disabled"


def test_a_new_link_is_stored_with_all_that_rolecall_says_and_everything_is_said_again(
    make_user: Callable[..., User], world: World, server: Server
) -> None:
    dov = make_user("dov", uid=None)
    Account.objects.filter(user_id=dov.pk).update(stated="before", parting="tell")
    world.link(dov.pk, 4242, "@dov", last_error="may not be renamed")
    assert accounts.learn(server, dov.pk) is not None
    stored = account(dov)
    assert (stored.uid, stored.username, stored.problem) == (4242, "@dov", "may not be renamed")
    assert stored.activated is not None
    assert stored.activated.timestamp() == 1767225600
    assert (stored.stated, stored.parting) == ("", "")
    assert marked() == {dov.pk}
    assert accounts.server_name(server) == "The Guild"


def test_another_account_is_a_new_link(settled: User, world: World, server: Server) -> None:
    world.link(settled.pk, 777, "@kira2")
    accounts.learn(server, settled.pk)
    assert (account(settled).uid, account(settled).stated) == (777, "")
    assert marked() == {settled.pk}


@pytest.mark.behaviour(24)
@pytest.mark.behaviour(36)
def test_whose_link_is_gone_is_told_once(settled: User, world: World, server: Server, told: Told) -> None:
    world.unlink(settled.pk)
    for _ in range(3):
        accounts.learn(server, settled.pk)
    assert account(settled).uid is None
    assert told(settled) == [DISABLED]
    assert Notification.objects.get(user_id=settled.pk).level == "warning"


@pytest.mark.parametrize("how", ["quiet", "inactive", "no main"])
def test_who_wanted_it_or_is_out_anyway_is_not_told(
    settled: User, world: World, server: Server, told: Told, how: str
) -> None:
    if how == "quiet":
        Account.objects.filter(user_id=settled.pk).update(parting="quiet")
    elif how == "inactive":
        User.objects.filter(pk=settled.pk).update(is_active=False)
    else:
        UserProfile.objects.filter(user=settled.pk).update(main_character=None)
    world.unlink(settled.pk)
    accounts.learn(server, settled.pk)
    assert (account(settled).uid, account(settled).parting) == (None, "")
    assert told(settled) == []


def test_people_are_told_in_their_own_language(settled: User, world: World, server: Server) -> None:
    UserProfile.objects.filter(user=settled.pk).update(language="de")
    world.unlink(settled.pk)
    accounts.learn(server, settled.pk)
    assert Notification.objects.get(user_id=settled.pk).title == "Discord Konto deaktiviert"


def test_a_link_that_stays_changes_nothing_else(settled: User, world: World, server: Server, told: Told) -> None:
    Account.objects.filter(user_id=settled.pk).update(parting="tell")
    before = account(settled).stated
    world.links[str(settled.pk)]["username"] = "@renamed"
    accounts.learn(server, settled.pk)
    assert (account(settled).username, account(settled).stated, account(settled).parting) == (
        "@renamed",
        before,
        "tell",
    )
    assert (marked(), told(settled)) == (set(), [])


@pytest.mark.parametrize("status", [401, 404, 500, 503])
def test_an_answer_that_is_not_rolecalls_own_ends_no_link(
    settled: User, world: World, server: Server, status: int
) -> None:
    world.web_status = status
    with pytest.raises(RolecallUnavailable):
        accounts.learn(server, settled.pk)
    assert account(settled).uid is not None


def test_a_slow_reader_does_not_overwrite_a_later_one(settled: User, world: World, server: Server) -> None:
    """The slow one read the old link; before it stores that, another one reads and stores the new one."""

    def meanwhile(_user_id: str) -> None:
        world.on_read = lambda _user_id: None
        world.link(settled.pk, 777, "@new")
        accounts.learn(server, settled.pk)

    old = account(settled).uid
    stamp_of_slow = accounts.take_stamp("", settled.pk)
    slow = accounts.rolecall.read(server, str(settled.pk))
    meanwhile("")
    assert slow is not None
    assert slow.discord_id == old
    accounts.store(server, settled.pk, slow, stamp_of_slow)
    assert account(settled).uid == 777


# --- notices --------------------------------------------------------------------------------------------------


def test_notices_are_a_reason_to_look_and_then_gone(settled: User, world: World, told: Told) -> None:
    world.link(settled.pk, 1000 + settled.pk, "@renamed")
    world.tell("username_changed", settled.pk)
    tasks.read_notices()
    assert account(settled).username == "@renamed"
    world.unlink(settled.pk)
    for reason in ("left_server", "asked", "asked"):
        world.tell("unlinked", settled.pk, reason)
    tasks.read_notices()
    assert world.notices.bodies == []
    assert told(settled) == [DISABLED]


def test_a_late_notice_undoes_nothing(settled: User, world: World, told: Told) -> None:
    world.unlink(settled.pk)
    world.tell("unlinked", settled.pk, "asked")
    world.tell("linked", settled.pk)
    tasks.read_notices()
    assert account(settled).uid is None
    assert told(settled) == [DISABLED]


def test_a_problem_is_kept_and_the_newer_one_wins(settled: User, world: World, server: Server) -> None:
    at = account(settled).problem_at
    for reason, when in (("new", at + 20), ("old", at + 10)):
        world.tell("sync_failed", settled.pk, reason, when)
    notices.drain(server, until=2**60)
    assert account(settled).problem == "new"


def test_what_is_about_the_whole_server_is_told_to_superusers_once_a_day(
    settled: User, world: World, told: Told
) -> None:
    boss = User.objects.create_superuser("boss")
    for _ in range(3):
        world.tell("sync_failed", "", "role above the bot")
    world.tell("removals_held", "")
    tasks.read_notices()
    assert len(told(boss)) == 2
    texts = list(Notification.objects.filter(user_id=boss.pk).values_list("message", flat=True))
    assert any("role above the bot" in text for text in texts)
    assert any("removal limit" in text for text in texts)
    assert told(settled) == []


@pytest.mark.parametrize(
    "notice",
    [
        {"kind": "from the future", "user_id": "1", "at": 1},
        {"kind": "linked", "user_id": "999999", "at": 1},
        {"kind": "linked", "user_id": "²", "at": 1},
        {"kind": "linked", "user_id": "9" * 40, "at": 1},
        {"kind": "sync_failed", "user_id": "someone@example.org", "at": 1},
        {"kind": "linked"},
        ["nothing", "of", "ours"],
        "no JSON",
    ],
    ids=str,
)
def test_what_means_nothing_here_is_dropped(settled: User, world: World, notice: Any) -> None:
    world.notices.put(notice if isinstance(notice, str) else __import__("json").dumps(notice))
    tasks.read_notices()
    assert world.notices.bodies == []


def test_a_notice_that_could_not_be_applied_comes_again(settled: User, world: World, server: Server) -> None:
    world.web_status = 503
    world.tell("unlinked", settled.pk, "left_server")
    assert notices.drain(server, until=notices.now_ms() + 200) == 0
    assert len(world.notices.bodies) == 1
    world.web_status = 0
    world.unlink(settled.pk)
    tasks.read_notices()
    assert world.notices.bodies == []
    assert account(settled).uid is None


def test_the_order_of_a_removal_and_its_notice_does_not_matter(
    settled: User, member_state: Any, world: World, server: Server, told: Told
) -> None:
    """Rolecall is so fast that its notice is read before SQS has answered."""
    from aa_rolecall import outbox
    from allianceauth.authentication.models import State

    State.permissions.through.objects.filter(state=member_state).delete()
    outbox.mark([settled.pk])
    Change.objects.update(at=1)
    (statement,) = [outbox.state(server, one) for one in outbox.read_marks("", 0)[0]]
    assert statement is not None
    world.unlink(settled.pk)
    accounts.learn(server, settled.pk)
    outbox._record(server, statement)
    assert told(settled) == [DISABLED]
    assert account(settled).uid is None
