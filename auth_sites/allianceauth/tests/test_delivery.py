"""What is sent, of whom, when."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from aa_rolecall import outbox, queues, stamps, tasks
from aa_rolecall.app_settings import Server
from aa_rolecall.models import Account, Change
from allianceauth.authentication.models import State, UserProfile
from allianceauth.services.models import NameFormatConfig
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Group, User
from django.db import connection

from .conftest import account, marked
from .fakes import World

Deliver = Callable[[], list[dict[str, Any]]]


def lose_permission(state: State) -> None:
    """As a queryset does it: no signal tells."""
    State.permissions.through.objects.filter(state=state).delete()


def kinds(sent: list[dict[str, Any]]) -> list[str]:
    return [one["kind"] for one in sent]


# --- statements -----------------------------------------------------------------------------------------------


@pytest.mark.behaviour(1)
@pytest.mark.behaviour(4)
def test_a_linked_member_is_stated_with_groups_state_and_name(kira: User, deliver: Deliver) -> None:
    outbox.mark([kira.pk])
    (sent,) = deliver()
    assert (sent["kind"], sent["user_id"]) == ("update_all", str(kira.pk))
    assert (sent["groups"], sent["nickname"]) == (["Logistics", "Member"], "Kira Vantari")
    assert sent["changed_at"] == account(kira).clock == account(kira).stated_at
    assert marked() == set()


@pytest.mark.behaviour(2)
def test_somebody_without_groups_has_the_state_alone(make_user: Callable[..., User], deliver: Deliver) -> None:
    outbox.mark([make_user("dov").pk])
    assert deliver()[0]["groups"] == ["Member"]


def test_what_is_stated_already_is_sent_again_only_when_forced(settled: User, deliver: Deliver) -> None:
    outbox.mark([settled.pk])
    assert deliver() == []
    assert marked() == set()
    outbox.mark([settled.pk], outbox.FORCE)
    assert kinds(deliver()) == ["update_all"]


def test_many_marks_of_one_user_are_one_message(settled: User, deliver: Deliver) -> None:
    for number in range(10):
        settled.groups.add(Group.objects.create(name=f"G{number}"))
    assert Change.objects.count() == 10
    (sent,) = deliver()
    assert len(sent["groups"]) == 12


def test_nothing_is_said_of_somebody_who_never_linked(make_user: Callable[..., User], deliver: Deliver) -> None:
    outbox.mark([make_user("dov", uid=None).pk])
    assert deliver() == []
    assert marked() == set()


def test_who_clicked_just_now_is_stated_since_a_link_may_come(make_user: Callable[..., User], deliver: Deliver) -> None:
    dov = make_user("dov", uid=None)
    Account.objects.filter(user_id=dov.pk).update(link_asked_at=outbox.now_ms() - outbox.ASKED + 60_000)
    outbox.mark([dov.pk])
    assert kinds(deliver()) == ["update_all"]


def test_users_without_a_row_are_not_marked(db: None) -> None:
    assert outbox.mark([User.objects.create_user("nobody").pk]) == 0


@pytest.mark.behaviour(29)
def test_the_name_format_of_the_service_is_applied(kira: User, member_state: State, deliver: Deliver) -> None:
    config = NameFormatConfig.objects.create(service_name="discord", format="[{corp_ticker}] {character_name}")
    config.states.add(member_state)
    outbox.mark([kira.pk])
    assert deliver()[0]["nickname"] == "[CORP] Kira Vantari"


@pytest.mark.behaviour(57)
def test_a_name_format_that_cannot_be_applied_holds_back_no_roles(
    kira: User, member_state: State, deliver: Deliver
) -> None:
    NameFormatConfig.objects.create(service_name="discord", format="{no_such_thing}").states.add(member_state)
    outbox.mark([kira.pk])
    (sent,) = deliver()
    assert (sent["groups"], sent["nickname"]) == (["Logistics", "Member"], "Kira Vantari")


# --- removals -------------------------------------------------------------------------------------------------


@pytest.mark.behaviour(53)
@pytest.mark.behaviour(56)
def test_who_lost_the_permission_is_removed_and_will_be_told(
    settled: User, member_state: State, deliver: Deliver
) -> None:
    lose_permission(member_state)
    outbox.mark([settled.pk])
    (sent,) = deliver()
    assert (sent["kind"], sent["notify"], sent["changed_at"]) == ("delete_user", True, account(settled).clock)
    assert "grace_days" not in sent
    assert (account(settled).parting, account(settled).stated) == ("tell", "-")
    outbox.mark([settled.pk])
    assert deliver() == []
    outbox.mark([settled.pk], outbox.FORCE)
    assert kinds(deliver()) == ["delete_user"]


@pytest.mark.parametrize("how", ["inactive", "no main"])
@pytest.mark.behaviour(55)
def test_who_is_out_anyway_is_removed_without_being_told(settled: User, deliver: Deliver, how: str) -> None:
    if how == "inactive":
        User.objects.filter(pk=settled.pk).update(is_active=False)
    else:
        UserProfile.objects.filter(user=settled.pk).update(main_character=None)
    outbox.mark([settled.pk])
    assert kinds(deliver()) == ["delete_user"]
    assert account(settled).parting == "quiet"


def test_a_removal_waits_until_its_user_is_at_rest(
    settled: User, member_state: State, world: World, server: Server
) -> None:
    lose_permission(member_state)
    outbox.mark([settled.pk])
    assert outbox.deliver(server).waiting == 1
    assert world.jobs.bodies == []
    assert marked() == {settled.pk}
    assert account(settled).parting == ""
    Change.objects.update(at=outbox.now_ms() - outbox.AT_REST)
    assert outbox.deliver(server).sent == 1


def test_a_permission_lost_and_regained_at_once_removes_nobody(
    settled: User, member_state: State, access: Any, world: World, server: Server, deliver: Deliver
) -> None:
    lose_permission(member_state)
    outbox.mark([settled.pk])
    outbox.deliver(server)
    member_state.permissions.add(access.pk)
    assert deliver() == []
    assert account(settled).parting == ""


def test_a_regained_permission_after_the_removal_was_sent_is_stated_and_ends_it(
    settled: User, member_state: State, access: Any, deliver: Deliver
) -> None:
    lose_permission(member_state)
    outbox.mark([settled.pk])
    (removal,) = deliver()
    member_state.permissions.add(access.pk)
    (statement,) = deliver()
    assert statement["kind"] == "update_all"
    assert statement["changed_at"] > removal["changed_at"]
    assert account(settled).parting == ""


def test_a_statement_does_not_undo_what_a_user_asked_for_meanwhile(settled: User, deliver: Deliver) -> None:
    Account.objects.filter(user_id=settled.pk).update(parting="quiet", parting_at=outbox.now_ms())
    settled.groups.add(Group.objects.create(name="New"))
    assert kinds(deliver()) == ["update_all"]
    assert account(settled).parting == "quiet"


@pytest.mark.behaviour(43)
def test_an_admin_who_removes_an_account_means_it_at_once(settled: User, deliver: Deliver) -> None:
    outbox.mark([settled.pk], outbox.REMOVE)
    (sent,) = deliver()
    assert (sent["kind"], sent["grace_days"]) == ("delete_user", 0)
    assert account(settled).parting == "quiet"


@pytest.mark.behaviour(44)
def test_a_deleted_user_is_removed_with_a_later_stamp_than_any_before(settled: User, deliver: Deliver) -> None:
    pk, clock = settled.pk, account(settled).clock
    settled.delete()
    (sent,) = deliver()
    assert (sent["kind"], sent["user_id"]) == ("delete_user", str(pk))
    assert sent["changed_at"] > clock
    assert marked() == set()


# --- when something fails -------------------------------------------------------------------------------------


def test_nothing_is_lost_while_sqs_is_down(settled: User, world: World, deliver: Deliver) -> None:
    settled.groups.add(Group.objects.create(name="New"))
    world.sqs_down = True
    assert deliver() == []
    assert marked() == {settled.pk}
    before = account(settled).stated
    world.sqs_down = False
    assert kinds(deliver()) == ["update_all"]
    assert account(settled).stated != before


def test_what_sqs_does_not_take_stays_and_the_rest_is_done(
    make_user: Callable[..., User], world: World, deliver: Deliver
) -> None:
    people = [make_user(name) for name in ("anna", "boris", "cleo")]
    world.refuse = lambda body: body["user_id"] == str(people[1].pk)
    outbox.mark([one.pk for one in people])
    assert len(deliver()) == 2
    assert marked() == {people[1].pk}
    assert account(people[1]).stated == ""
    world.refuse = lambda _body: False
    assert [one["user_id"] for one in deliver()] == [str(people[1].pk)]


class BreaksForAnna(ModelBackend):
    """An app's backend with a bug."""

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        """Raises for one user."""
        if user_obj.username == "anna":
            raise RuntimeError
        return super().has_perm(user_obj, perm, obj)


def test_one_user_who_cannot_be_read_keeps_nobody_waiting(
    make_user: Callable[..., User], deliver: Deliver, settings: Any
) -> None:
    broken, sound = make_user("anna"), make_user("boris")
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.BreaksForAnna", *settings.AUTHENTICATION_BACKENDS]
    outbox.mark([broken.pk, sound.pk])
    assert [one["user_id"] for one in deliver()] == [str(sound.pk)]
    assert marked() == {broken.pk}


def test_batches_are_of_ten_and_under_256_kilobytes() -> None:
    assert [len(one) for one in queues.batches(["x"] * 25)] == [10, 10, 5]
    assert [len(one) for one in queues.batches(["x" * 100_000] * 5)] == [2, 2, 1]
    assert [len(one) for one in queues.batches(["x" * 300_000, "x"])] == [1, 1]
    assert list(queues.batches([])) == []


def test_more_than_ten_go_out_in_one_run(make_user: Callable[..., User], deliver: Deliver) -> None:
    people = [make_user(f"pilot{number}") for number in range(23)]
    outbox.mark([one.pk for one in people])
    assert {one["user_id"] for one in deliver()} == {str(one.pk) for one in people}
    assert marked() == set()


def test_a_run_ends_when_its_time_is_over(kira: User, world: World, server: Server) -> None:
    outbox.mark([kira.pk])
    assert outbox.deliver(server, until=0).sent == 0
    assert marked() == {kira.pk}


# --- many at once ---------------------------------------------------------------------------------------------


def test_stamps_only_rise(kira: User) -> None:
    taken = [stamps.take_stamp("", kira.pk) for _ in range(50)]
    assert taken == sorted(set(taken))
    assert stamps.take_stamp("", 999_999) is None


@pytest.mark.django_db(transaction=True)
def test_no_two_are_given_the_same_stamp(kira: User) -> None:
    def take(_number: int) -> int | None:
        try:
            return stamps.take_stamp("", kira.pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(take, range(60)))
    assert None not in taken
    assert len(set(taken)) == 60


def test_a_change_while_a_message_is_under_way_is_not_forgotten(
    settled: User, server: Server, deliver: Deliver
) -> None:
    """The change comes after it was read and before SQS answered: its row must outlive the delivery."""
    settled.groups.add(Group.objects.create(name="First"))
    second = Group.objects.create(name="Second")
    statement = read_and_state(server)
    settled.groups.add(second)
    outbox._record(server, statement)
    assert marked() == {settled.pk}
    assert deliver()[0]["groups"] == ["First", "Logistics", "Member", "Second"]


def read_and_state(server: Server) -> outbox.Statement:
    """The first half of a delivery, of the one user who is marked."""
    (marks,), _ = outbox.read_marks(server.key, 0)
    statement = outbox.state(server, marks)
    assert statement is not None
    return statement


def test_of_two_who_deliver_at_once_the_higher_stamp_carries_the_newer_state(settled: User, server: Server) -> None:
    """One read before the change and one after it; the first one sends last."""
    settled.groups.add(Group.objects.create(name="First"))
    early = read_and_state(server)
    settled.groups.add(Group.objects.create(name="Second"))
    late = read_and_state(server)
    assert late.stamp > early.stamp
    assert '"Second"' in late.body
    assert '"Second"' not in early.body
    outbox._record(server, late)
    outbox._record(server, early)
    assert (account(settled).stated, account(settled).stated_at) == (late.stated, late.stamp)


def test_rows_are_deleted_by_their_number_not_by_a_bound(kira: User, make_user: Callable[..., User]) -> None:
    """A row with a lower number may be committed later than it was numbered."""
    outbox.mark([kira.pk])
    (marks,), _ = outbox.read_marks("", 0)
    late = Change.objects.create(user_id=kira.pk, at=1)
    Change.objects.filter(pk=late.pk).update(id=0)
    marks.done()
    assert list(Change.objects.values_list("pk", flat=True)) == [0]


# --- waking ---------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_commit_wakes_a_worker_and_a_rollback_takes_its_marks_along(settled: User, world: World) -> None:
    from django.db import transaction

    with transaction.atomic():
        settled.groups.add(Group.objects.create(name="Never"))
        assert marked() == {settled.pk}
        transaction.set_rollback(True)
    assert (marked(), world.jobs.bodies) == (set(), [])
    settled.groups.add(Group.objects.create(name="New"))
    assert [one["groups"] for one in world.jobs.take()] == [["Logistics", "Member", "New"]]


@pytest.mark.django_db(transaction=True)
def test_without_a_broker_the_change_is_kept_and_the_request_goes_on(
    settled: User, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_said: object, **_more: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(tasks.deliver_changes, "delay", broken)
    Account.objects.filter(user_id=settled.pk).update(stated="")
    outbox.mark([settled.pk])
    assert marked() == {settled.pk}
    monkeypatch.undo()
    tasks.deliver_changes()
    assert kinds(world.jobs.take()) == ["update_all"]
