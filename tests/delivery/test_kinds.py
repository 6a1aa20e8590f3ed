"""The table of message kinds: every kind has its row, and each row does what it says."""

import json
from typing import Any, get_args

import pytest
from msgspec import Struct

from chalicelib import messages
from chalicelib.delivery.failures import FailureRecorder
from chalicelib.delivery.kinds import KINDS, Delivered, Kind, kind_of
from chalicelib.discord.rate_limit import Lane
from chalicelib.members.context import JobContext, Outcome
from chalicelib.members.reporter import Reporter
from chalicelib.messages import (
    AnswerCommand,
    ComparePage,
    DeleteUser,
    Job,
    PostToOfficers,
    ReleaseRemoval,
    RemoveReplacedAccount,
    RepairMember,
    RepairPage,
    StartSweep,
    StripUnlinked,
    UnlinkUser,
    UpdateAll,
    UpdateGroups,
    UpdateNickname,
    UpdateUsername,
    UserJob,
    VerifyLink,
    VerifyRemoval,
    encode,
)
from chalicelib.store import users
from local.simulated import STAGE, World
from tests.members.support import last_error

ROWS = pytest.mark.parametrize("row", KINDS.values(), ids=lambda row: row.name)


def samples(world: World) -> dict[type[Job], Job]:
    """One job of each kind, about Kira (101) and the sweep that runs."""
    sweeps = world.http.delivery.sweeper.sweeps.latest(1)
    sweep_id = sweeps[0].sweep_id if sweeps else "none"
    jobs: list[Job] = [
        UpdateGroups(user_id="101"),
        UpdateNickname(user_id="101"),
        UpdateUsername(user_id="101"),
        UpdateAll(user_id="101"),
        DeleteUser(user_id="101"),
        RemoveReplacedAccount(user_id="101", discord_id=7),
        UnlinkUser(user_id="101", issued_at=0.0, asked_at=0.0),
        VerifyLink(user_id="101"),
        VerifyRemoval(user_id="101", discord_id=7),
        StripUnlinked(discord_id=7, sweep_id=sweep_id),
        ReleaseRemoval(user_id="101", cause="released by kira"),
        AnswerCommand(interaction_id="7"),
        PostToOfficers(event="e", content="c", every=60.0),
        StartSweep(parts=7),
        ComparePage(sweep_id=sweep_id),
        RepairPage(sweep_id=sweep_id, step=0),
        RepairMember(user_id="101", sweep_id=sweep_id, parts=7, version=1),
    ]
    return {type(job): job for job in jobs}


@pytest.fixture
def kira(world: World) -> World:
    world.link("101", "kira", groups=["Member"])
    world.run()
    world.site.notices()
    return world


def structs() -> set[type[Struct]]:
    """Every message struct that messages.py defines; what begins with an underscore is a base of others."""
    found = {one for one in vars(messages).values() if isinstance(one, type) and issubclass(one, Struct)}
    return {one for one in found if one is not Struct and not one.__name__.startswith("_")}


def test_every_kind_can_be_read_and_has_a_row_in_the_table(world: World) -> None:
    assert structs() == {*get_args(Job)}, "messages.Job lacks a kind, or has one too many"
    assert structs() == {*KINDS}, "kinds.KINDS lacks a row, or has one too many"
    assert structs() == {*samples(world)}, "these tests lack a sample, or have one too many"


@ROWS
def test_a_row_is_found_by_its_job_and_named_as_on_the_wire(world: World, row: Kind[Any]) -> None:
    job = samples(world)[row.struct]
    assert kind_of(job) is row
    assert json.loads(encode(job))["kind"] == row.name


@ROWS
def test_the_auth_sites_kinds_belong_on_its_queue_and_rolecalls_own_on_the_other(row: Kind[Any]) -> None:
    assert row.queue == ("jobs" if row.struct in get_args(UserJob) else "bulk")


@ROWS
def test_each_kind_is_handled_when_it_is_delivered(kira: World, row: Kind[Any]) -> None:
    kira.sweep()
    queues = kira.http.services.queues
    (queues.jobs if row.queue == "jobs" else queues.bulk)(encode(samples(kira)[row.struct]))
    kira.run()
    assert list(kira.dead_letters()) == []
    assert [kira.sqs.waiting(f"rolecall-{STAGE}-{name}") for name in ("jobs", "bulk")] == [[], []]


class Recording:
    """In place of the reconciler and other parts: which method was called, with which job."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Job]] = []

    def __getattr__(self, name: str) -> Any:
        def method(job: Job, *_: Any, **__: Any) -> Outcome:
            self.calls.append((name, job))
            return Outcome.DONE

        return method


HANDLERS: dict[type[Job], str] = {
    UpdateGroups: "change",
    UpdateNickname: "change",
    UpdateUsername: "change",
    UpdateAll: "change",
    DeleteUser: "change",
    RemoveReplacedAccount: "remove_replaced_account",
    UnlinkUser: "unlink",
    VerifyLink: "verify_link",
    VerifyRemoval: "verify_removal",
    StripUnlinked: "strip_unlinked",
    ReleaseRemoval: "release",
    AnswerCommand: "finish",
    PostToOfficers: "post",
    StartSweep: "start_later",
    ComparePage: "compare",
    RepairPage: "repair",
    RepairMember: "repair",
}


@ROWS
def test_each_kind_goes_to_its_own_handler(world: World, row: Kind[Any]) -> None:
    job = samples(world)[row.struct]
    reconciler, sweeper, commands, officers = parts = (Recording(), Recording(), Recording(), Recording())
    to: Any = Delivered(*parts, JobContext(row.lane, "test"), redelivered=False)  # type: ignore[arg-type]
    assert row.handle(job, to) is Outcome.DONE
    own: dict[type[Job], Recording] = {
        StartSweep: sweeper,
        ComparePage: sweeper,
        RepairPage: sweeper,
        AnswerCommand: commands,
        PostToOfficers: officers,
    }
    mine = own.get(row.struct, reconciler)
    assert mine.calls == [(HANDLERS[row.struct], job)]
    assert [part.calls for part in parts if part is not mine] == [[], [], []]


REMOVALS: set[type[Job]] = {DeleteUser, RemoveReplacedAccount, UnlinkUser}
AWAITED: set[type[Job]] = {VerifyLink}  # by a person who has just linked
BULK: set[type[Job]] = {PostToOfficers, StartSweep, ComparePage, RepairPage, RepairMember, StripUnlinked}


@ROWS
def test_removals_and_what_a_person_waits_for_go_first_and_sweeps_last(row: Kind[Any]) -> None:
    urgent = row.struct in REMOVALS | AWAITED
    expected = Lane.URGENT if urgent else Lane.BULK if row.struct in BULK else Lane.NORMAL
    assert row.lane is expected


@ROWS
def test_a_refused_removal_is_kept_for_the_operator(row: Kind[Any]) -> None:
    assert row.dead_letter_refusals == (row.struct in {*REMOVALS, ReleaseRemoval})


@ROWS
def test_the_audit_trail_says_why_a_member_was_changed(kira: World, row: Kind[Any]) -> None:
    job = samples(kira)[row.struct]
    causes: dict[type[Job], str] = {
        RemoveReplacedAccount: "linked another account",
        ReleaseRemoval: "released by kira",
        UnlinkUser: "unlink",
    }
    expected = f"sweep {job.sweep_id}" if isinstance(job, RepairMember | StripUnlinked) else causes.get(row.struct)
    assert row.cause(job) == (expected or "message from the auth site")


def recorder_of(world: World) -> FailureRecorder:
    container = world.http
    return FailureRecorder(
        container.services, container.delivery.sweeper, Reporter(container.services, container.delivery.view)
    )


@ROWS
def test_what_was_given_up_is_recorded_where_people_look_for_it(kira: World, row: Kind[Any]) -> None:
    kira.sweep()
    job = samples(kira)[row.struct]
    recorder = recorder_of(kira)
    row.record(recorder, job, "Discord refused")
    on_sweep = row.struct in (ComparePage, RepairPage)
    on_user = hasattr(job, "user_id") and row.struct is not RemoveReplacedAccount
    assert last_error(kira, "101") == ("Discord refused" if on_user else None)
    assert (kira.http.delivery.sweeper.sweeps.latest(1)[0].state == "failed") is on_sweep
    user = users.get("101", now=kira.clock.now())
    assert user
    assert user.link
    told = [(notice["user_id"], notice["discord_id"], notice["reason"]) for notice in kira.site.notices()]
    if on_sweep:
        assert told == [("", None, "sweep failed: Discord refused")]
    elif row.struct in (StartSweep, StripUnlinked, AnswerCommand, PostToOfficers):
        assert told == []
    else:
        about = "7" if row.struct is RemoveReplacedAccount else str(user.link.account.id)
        assert told == [("101", about, "Discord refused")]


@ROWS
def test_an_internal_error_is_recorded_only_where_a_sweep_would_stand_still(row: Kind[Any]) -> None:
    assert row.record_bugs == (row.struct in (ComparePage, RepairPage))


@ROWS
def test_a_summary_completes_the_message_asks_to(row: Kind[Any]) -> None:
    assert row.summary[0].islower()
    assert not row.summary.endswith(".")
