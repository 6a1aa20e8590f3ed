"""One user's job: the least that makes them right, whoever else is at work on them."""

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.discord.client import RequestOptions
from chalicelib.discord.models import Account
from chalicelib.discord.rate_limit import Lane
from chalicelib.members.context import JobContext, Outcome
from chalicelib.messages import (
    Parts,
    RemoveReplacedAccount,
    RepairMember,
    UpdateAll,
    UpdateNickname,
    VerifyLink,
    encode,
)
from chalicelib.queues import Progress, message_of
from chalicelib.store import audit, users
from local.simulated import GUILD, STAGE, World
from tests.members.support import (
    Meter,
    crowd,
    deliver,
    fault,
    import_link,
    last_error,
    linked,
    role_names,
    stored,
    swept,
)

MEMBER = r"/members/[0-9]+$"


@pytest.fixture
def kira(world: World) -> World:
    """A world with the roles Member, Blue and Old, Kira linked as Member, and nothing waiting."""
    for name in ("Member", "Blue", "Old"):
        world.guild.create_role(name)
    world.link("101", "kira", groups=["Member"], nickname="Kira", changed_at=1)
    world.run()
    world.site.notices()
    return world


def meanwhile(world: World, operation: str, act: Any, *, skip: int = 0) -> None:
    """Do something right before such a call of the store, once."""
    left = skip

    def before(called: str, _arguments: dict[str, Any]) -> None:
        nonlocal left
        if called == operation:
            left -= 1
            if left == -1:
                world.dynamodb.before = None
                act()

    world.dynamodb.before = before


# --- how many requests --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("groups", "nickname", "routes"),
    [
        pytest.param(["Member"], "Kira", ["GET member"], id="unchanged"),
        pytest.param(["Member", "Blue"], "Kira", ["GET member", "PUT member role"], id="one more"),
        pytest.param([], "Kira", ["GET member", "DELETE member role", "GET member"], id="one less, looked at again"),
        pytest.param(["Blue"], "Kira", ["GET member", "PATCH member"], id="swapped"),
        pytest.param(["Member"], "Vex", ["GET member", "PATCH member"], id="renamed"),
        pytest.param(["Blue"], "Vex", ["GET member", "PATCH member"], id="swapped and renamed"),
    ],
)
def test_an_unchanged_user_is_one_request_a_changed_one_two(
    kira: World, groups: list[str], nickname: str, routes: list[str]
) -> None:
    meter = Meter(kira)
    kira.site.post(
        {
            "kind": "update_all",
            "user_id": "101",
            "groups": groups,
            "nickname": nickname,
            "changed_at": kira.site.stamp(),
        }
    )
    kira.run()
    assert meter.routes == routes
    assert (kira.roles("kira"), kira.nick("kira")) == (set(groups), nickname)
    meter = Meter(kira)
    kira.site.post({"kind": "update_all", "user_id": "101"})
    kira.run()
    assert meter.routes == ["GET member"], "the second time there is nothing to do"


def test_a_burst_of_messages_about_one_user_costs_as_much_as_one(kira: World) -> None:
    for number in range(10):
        kira.site.groups("101", ["Member", "Blue" if number % 2 else "Old"])
        kira.clock.advance(0.001)
    meter = Meter(kira)
    kira.run()
    assert kira.roles("kira") == {"Member", "Blue"}
    assert meter.routes == ["GET member", "PUT member role"]


def test_a_message_sent_after_the_last_look_looks_again(kira: World) -> None:
    kira.site.groups("101", ["Member", "Blue"])
    kira.run()
    kira.guild.change_member("kira", give=["Old"], take=["Blue"])
    kira.clock.advance(1)
    kira.site.post({"kind": "update_groups", "user_id": "101"})
    kira.run()
    assert kira.roles("kira") == {"Member", "Blue"}


def test_a_look_at_the_groups_does_not_pass_for_one_at_the_nickname(kira: World) -> None:
    kira.guild.change_member("kira", nick="Somebody")
    kira.site.post({"kind": "update_nickname", "user_id": "101"})
    kira.clock.advance(0.001)
    kira.site.post({"kind": "update_groups", "user_id": "101"})  # the newest, so worked on first
    kira.run()
    assert kira.nick("kira") == "Kira"


def test_what_a_try_that_got_no_answer_wrote_is_looked_for_again(kira: World) -> None:
    """Its write may arrive after somebody else's look."""
    kira.site.groups("101", ["Member", "Old"])
    kira.run()
    kira.guild.inject(fault(method="DELETE", path=r"/roles/[0-9]+$", kind="hang", seconds=60.0))
    kira.site.groups("101", ["Member"])
    kira.run(seconds=40)  # timed out, and waits to be tried again
    kira.site.groups("101", ["Member"])
    kira.run(seconds=5)
    assert kira.roles("kira") == {"Member"}
    kira.guild.change_member("kira", give=["Old"])  # as if an older write had arrived only now
    kira.run()
    assert kira.roles("kira") == {"Member"}


@pytest.mark.parametrize(("ago", "looks"), [(119.0, 5), (121.0, 1)], ids=["may arrive yet", "has arrived"])
def test_one_look_answers_for_all_copies_of_a_message_once_what_it_wrote_has_arrived(
    kira: World, ago: float, looks: int
) -> None:
    """SQS may deliver a message twice; where each is put off, there are two of them for good."""
    kira.clock.advance(ago)
    now = kira.clock.now()
    for _ in range(5):
        progress = Progress("copy", now - ago, touched=now - ago)
        kira.http.services.queues.jobs(encode(UpdateAll(user_id="101")), progress)
    meter = Meter(kira)
    kira.run()
    assert meter.routes == ["GET member"] * looks


@pytest.mark.parametrize(("received", "looks"), [("1", []), ("2", ["GET member"])], ids=["first", "second"])
def test_a_delivery_that_is_not_the_first_looks_for_itself(kira: World, received: str, looks: list[str]) -> None:
    """Whoever had it before may still be at it."""
    kira.site.post({"kind": "update_all", "user_id": "101"})
    (record,) = kira.sqs.receive(f"rolecall-{STAGE}-jobs")
    kira.clock.advance(1)
    container = kira.container()
    container.delivery.reconciler.change(UpdateAll(user_id="101"), JobContext(Lane.NORMAL, "another message"))
    meter = Meter(kira)
    record["attributes"]["ApproximateReceiveCount"] = received
    container.delivery.batch([message_of(record)], bulk=False, seconds_left=lambda: 60.0)
    assert meter.routes == looks


def test_who_wrote_by_an_older_version_looks_again_though_others_looked_since(kira: World) -> None:
    """A gives Blue while B has seen already that nobody is to have it; then A's second look is put off."""
    first, second = kira.container(), kira.container()
    give = first.services.discord.give_role

    def meanwhile_taken_back(discord_id: int, role_id: int, options: RequestOptions) -> None:
        kira.site.groups("101", ["Member"])
        deliver(kira, second)
        kira.clock.advance(0.1)
        give(discord_id, role_id, options)
        kira.guild.inject(fault(method="GET", path=MEMBER, kind="rate_limit", scope="shared", retry_after=3.0))

    first.services.discord.give_role = meanwhile_taken_back  # type: ignore[method-assign]  # one moment, made certain
    kira.site.groups("101", ["Member", "Blue"])
    kira.clock.advance(0.1)
    deliver(kira, first)
    assert kira.roles("kira") == {"Member", "Blue"}
    kira.run()
    assert kira.roles("kira") == {"Member"}


def test_a_blind_repair_of_one_role_does_not_pass_for_a_look(kira: World) -> None:
    """An update_nickname waits; somebody looks; it is stored, and put off; a sweep gives one role without a look."""
    sent = kira.clock.now()
    kira.clock.advance(0.1)
    reconciler = kira.container().delivery.reconciler
    reconciler.change(UpdateAll(user_id="101"), JobContext(Lane.NORMAL, "another message"))
    told = users.record_nickname("101", "Vex", int(sent * 1000), now=kira.clock.now())
    kira.guild.change_member("kira", take=["Member"])
    member = next(int(role.id) for role in kira.guild.state().roles if role.name == "Member")
    found = RepairMember(
        user_id="101", sweep_id="s", parts=Parts.GROUPS.value, version=told.version, role=member, give=True
    )
    assert reconciler.repair(found, JobContext(Lane.BULK, "sweep")) is Outcome.DONE
    waiting = UpdateNickname(user_id="101", nickname="Vex", changed_at=int(sent * 1000))
    reconciler.change(waiting, JobContext(Lane.NORMAL, "message", already_recorded=True, since=sent))
    assert (kira.roles("kira"), kira.nick("kira")) == ({"Member"}, "Vex")


def test_an_older_message_does_not_say_of_a_newer_one_that_it_is_done(kira: World) -> None:
    """The newer one, about the nickname, is stored and waits to be tried again; it may never succeed."""
    now = kira.clock.now()
    users.record_groups("101", ("Member",), int(now * 1000) - 5, now=now)
    user = stored(kira, "101")
    assert user
    users.mark_synced(user, now=now)
    users.record_nickname("101", "Vex", int(now * 1000), now=now)
    kira.site.groups("101", ["Blue"], int(now * 1000) - 9)
    kira.run()
    assert (kira.roles("kira"), kira.nick("kira")) == ({"Member"}, "Vex")


def test_what_is_taken_goes_before_what_must_first_be_created(kira: World) -> None:
    kira.guild.inject(fault(method="POST", path="/roles$", kind="rate_limit", retry_after=40.0))
    kira.site.groups("101", ["Fresh"])
    kira.run(seconds=20)
    assert kira.roles("kira") == set()
    kira.run()
    assert kira.roles("kira") == {"Fresh"}


# --- what moves meanwhile -----------------------------------------------------------------------------------


def test_a_change_that_lands_while_the_member_is_written_wins(kira: World) -> None:
    def later() -> None:
        users.record_groups("101", ("Old",), kira.site.stamp(), now=kira.clock.now())

    meanwhile(kira, "TransactWriteItems", later)
    kira.site.groups("101", ["Blue"])
    kira.run()
    assert kira.roles("kira") == {"Old"}
    user = stored(kira, "101")
    assert user
    assert user.settled


@pytest.mark.parametrize("seed", range(6))
def test_many_workers_on_one_user_end_with_the_newest(seed: int) -> None:
    world = World({"DISCORD_SYNC_NAMES": "True"}, seed=seed, workers=8, latency=0.2, store_latency=0.003)
    world.link("101", "kira", groups=["Member"], nickname="Kira", changed_at=0)
    stamps = list(range(1, 16))
    world.random.shuffle(stamps)
    for stamp in stamps:
        world.site.groups("101", [f"Group {stamp % 4}", f"Group {stamp % 3}"], changed_at=stamp)
        world.site.nickname("101", f"Kira {stamp}", changed_at=stamp)
    world.run()
    assert (world.roles("kira"), world.nick("kira")) == ({"Group 3", "Group 0"}, "Kira 15")
    assert list(world.dead_letters()) == []


def test_a_user_deleted_while_their_job_runs_is_not_written_back(kira: World) -> None:
    user = stored(kira, "101")
    assert user
    assert user.link
    account = user.link.account.id
    meanwhile(kira, "TransactWriteItems", lambda: users.unlink("101", account, now=kira.clock.now()))
    kira.site.groups("101", ["Blue"])
    kira.run()
    assert not linked(kira, "101")
    assert list(kira.dead_letters()) == []


def test_a_role_taken_by_hand_between_look_and_write_is_no_error(kira: World) -> None:
    kira.guild.delete_role("Old")
    kira.site.groups("101", ["Member", "Old"])
    kira.run()
    assert kira.roles("kira") == {"Member", "Old"}
    assert role_names(kira) == ["Blue", "Member", "Old"]


def test_the_bot_lowered_below_a_role_while_its_rank_was_cached(kira: World) -> None:
    kira.guild.change_role("Blue", position=50)
    kira.site.groups("101", ["Blue", "Old"])
    kira.run()
    assert kira.roles("kira") == {"Old"}
    assert last_error(kira, "101") == "role_out_of_reach"
    assert [n["reason"] for n in kira.site.notices()] == ["role_out_of_reach"]
    kira.guild.change_role("Blue", position=1)
    kira.clock.advance(4000)
    kira.site.post({"kind": "update_all", "user_id": "101"})
    kira.run()
    assert kira.roles("kira") == {"Old", "Blue"}
    assert last_error(kira, "101") is None


def test_a_nickname_refused_for_want_of_two_factor_authentication_is_called_so() -> None:
    world = World({"DISCORD_SYNC_NAMES": "True"})
    world.link("101", "kira", groups=["Member"], nickname="Kira")
    world.run()
    world.guild.inject(fault(method="PATCH", path=MEMBER, status=403, code=60003, message="2FA", times=None))
    world.site.nickname("101", "Vex")
    world.run()
    assert last_error(world, "101") == "Discord refused: 403/60003 2FA"


def test_no_more_roles_can_be_created_and_the_rest_is_applied(kira: World) -> None:
    kira.guild.inject(fault(method="POST", path="/roles$", status=400, code=30005, times=None))
    meter = Meter(kira)
    kira.site.groups("101", ["Blue", "Fresh"])
    kira.run()
    assert kira.roles("kira") == {"Blue"}
    assert last_error(kira, "101") == "role_limit"
    kira.site.post({"kind": "update_all", "user_id": "101"})
    kira.run()
    assert meter.statuses("POST role") == [400], "not asked again for an hour"
    assert [n["reason"] for n in kira.site.notices()] == ["role_limit"]


@pytest.mark.parametrize(
    ("answer", "asked"),
    [
        pytest.param({"status": 400, "code": 50035}, 1, id="refused"),
        pytest.param({"status": 500}, 4, id="failed"),
        pytest.param({"kind": "rate_limit", "retry_after": 800.0}, 1, id="limited"),
    ],
)
def test_a_role_that_cannot_be_created_holds_up_none_that_is_there(
    kira: World, answer: dict[str, Any], asked: int
) -> None:
    kira.guild.inject(fault(method="POST", path="/roles$", **({"times": None} | answer)))
    meter = Meter(kira)
    kira.site.groups("101", ["Member", "Blue", "Old", "Fresh"])
    kira.run(seconds=10)
    assert kira.roles("kira") == {"Member", "Blue", "Old"}
    kira.run(seconds=600)
    assert len(meter.statuses("POST role")) == asked


def test_a_role_that_discord_refuses_is_asked_for_once_an_hour(kira: World) -> None:
    crowd(kira, 5, roles=["Member"], groups=["Member", "Fresh"])
    kira.guild.inject(fault(method="POST", path="/roles$", status=400, code=50035, times=1))
    meter = Meter(kira)
    told = swept(kira)
    assert meter.statuses("POST role") == [400]
    assert len(told) == 5
    assert all("the role 'Fresh' cannot be created: Discord refused: 400/50035" in n["reason"] for n in told)
    kira.clock.advance(3600)
    swept(kira)
    assert meter.statuses("POST role") == [400, 200]
    assert all("Fresh" in member.roles for member in kira.guild.state().members if member.username.startswith("pilot"))


def test_a_refused_role_with_a_comma_in_its_name_is_one_problem(kira: World) -> None:
    kira.guild.inject(fault(method="POST", path="/roles$", status=400, code=50035, times=None))
    kira.site.groups("101", ["Member", "Corp, Inc"])
    kira.run()
    (reason,) = [notice["reason"] for notice in kira.site.notices()]
    assert reason.startswith("the role 'Corp, Inc' cannot be created: Discord refused: 400/50035")
    assert last_error(kira, "101") == reason


def renamed(world: World) -> str:
    world.guild.change_person("kira", username="vex")
    world.site.post({"kind": "update_username", "user_id": "101"})
    return "username_changed"


def out_of_reach(world: World) -> str:
    world.guild.create_role("Nitro", managed=True)
    world.clock.advance(2 * 3600)  # what was known of the guild is to be read again
    world.site.groups("101", ["Nitro"])
    return "role_out_of_reach"


def given_up(world: World) -> str:
    world.guild.inject(fault(method="GET", path=MEMBER, status=400, code=50035, message="No", times=None))
    world.site.groups("101", ["Blue"])
    return "Discord refused: 400/50035 No"


@pytest.mark.parametrize("happens", [renamed, out_of_reach, given_up], ids=lambda happens: happens.__name__)
def test_a_notice_that_could_not_be_sent_is_sent_when_the_message_comes_again(
    kira: World, happens: Callable[[World], str]
) -> None:
    failures = iter([ConnectionError("no answer")])

    def before(operation: str, given: dict[str, Any]) -> None:
        if operation == "SendMessage" and '"at":' in given["MessageBody"] and (failure := next(failures, None)):
            raise failure

    what = happens(kira)
    kira.sqs.before = before
    kira.run()
    assert [what in (n["kind"], n["reason"]) for n in kira.site.notices()] == [True]


def test_a_problem_with_the_name_is_not_forgotten_over_a_role_that_had_to_be_created(kira: World) -> None:
    permissions = kira.guild.switches()["bot_permissions"]
    kira.guild.turn(bot_permissions=permissions & ~(1 << 27))
    message = {"kind": "update_all", "user_id": "101", "groups": ["Blue", "Fresh"], "nickname": "Vex"}
    kira.site.post(message | {"changed_at": kira.site.stamp()})
    kira.run()
    assert kira.roles("kira") == {"Blue", "Fresh"}
    assert last_error(kira, "101") == "nickname_not_permitted"
    assert [n["reason"] for n in kira.site.notices()] == ["nickname_not_permitted"]


def test_to_learn_the_rest_of_an_imported_name_is_no_change_of_it(kira: World) -> None:
    kira.guild.add_person("liam")
    kira.guild.add_member("liam")
    liam = next(person for person in kira.guild.people() if person.username == "liam")
    now = kira.clock.now()
    users.link(
        "102", int(GUILD), Account(int(liam.id), "liam", ""), users.Claim(issued_at=now), now=now - users.JOIN_TIMEOUT
    )
    kira.site.post({"kind": "update_username", "user_id": "102"})
    kira.run()
    user = stored(kira, "102")
    assert user
    assert user.link
    assert user.link.account.shown == "@liam"
    assert kira.site.notices() == []


def test_a_look_at_the_username_alone_says_nothing_of_the_rest(kira: World) -> None:
    kira.guild.inject(fault(method="GET", path=MEMBER, times=4))
    kira.site.groups("101", ["Blue"])
    kira.run(seconds=400)
    assert "given up" in (last_error(kira, "101") or "")
    kira.site.post({"kind": "update_username", "user_id": "101"})
    kira.run()
    assert "given up" in (last_error(kira, "101") or "")
    user = stored(kira, "101")
    assert user
    assert not user.settled


def test_a_look_at_the_username_alone_does_not_pass_for_a_sync(kira: World) -> None:
    users.record_groups("101", ("Blue",), kira.site.stamp(), now=kira.clock.now())
    kira.site.post({"kind": "update_username", "user_id": "101"})
    kira.run()
    user = stored(kira, "101")
    assert user
    assert not user.settled
    assert kira.roles("kira") == {"Member"}


# --- a member whom a sweep found -----------------------------------------------------------------------------


def repair(world: World, *, version: int, role: str, give: bool) -> None:
    found = world.guild.state().role(role)
    assert found
    job = RepairMember(user_id="101", sweep_id="s", parts=7, version=version, role=int(found.id), give=give)
    world.http.services.queues.bulk(encode(job))
    world.run()


def test_one_role_found_by_a_sweep_is_mended_blindly_only_while_it_is_still_wanted(kira: World) -> None:
    user = stored(kira, "101")
    assert user
    kira.guild.change_member("kira", roles=[])
    meter = Meter(kira)
    repair(kira, version=user.version, role="Member", give=True)
    assert meter.routes == ["PUT member role"]
    repair(kira, version=user.version, role="Blue", give=True)
    assert kira.roles("kira") == {"Member"}, "nobody wants Blue"
    repair(kira, version=user.version, role="Member", give=False)
    assert kira.roles("kira") == {"Member"}, "nor that Member be taken"


def test_what_changed_after_the_survey_is_looked_at_again(kira: World) -> None:
    user = stored(kira, "101")
    assert user
    users.record_groups("101", ("Blue",), kira.site.stamp(), now=kira.clock.now())
    repair(kira, version=user.version, role="Member", give=True)
    assert kira.roles("kira") == {"Blue"}


def test_what_changes_while_a_role_is_mended_is_never_undone_for_a_moment(kira: World) -> None:
    user = stored(kira, "101")
    assert user
    kira.guild.change_member("kira", roles=[])

    def later() -> None:
        users.record_groups("101", (), kira.site.stamp(), now=kira.clock.now())

    meanwhile(kira, "TransactWriteItems", later)
    meter = Meter(kira)
    repair(kira, version=user.version, role="Member", give=True)
    assert kira.roles("kira") == set()
    assert meter.routes == ["PUT member role", "GET member", "DELETE member role"]


def test_who_left_before_their_repair_is_unlinked(kira: World) -> None:
    user = stored(kira, "101")
    assert user
    kira.guild.leave("kira")
    repair(kira, version=user.version, role="Member", give=True)
    assert not linked(kira, "101")


# --- Rolecall's own errands -----------------------------------------------------------------------------------


def test_an_account_that_was_replaced_is_removed_unless_it_is_linked_again(kira: World) -> None:
    old = kira.guild.member("kira")
    assert old
    kira.link("101", "kira.two", groups=["Member"])
    kira.run()
    assert kira.roles("kira") is None
    assert kira.roles("kira.two") == {"Member"}
    kira.link("102", "kira", groups=["Blue"])
    kira.http.services.queues.bulk(encode(RemoveReplacedAccount(user_id="101", discord_id=int(old.id))))
    kira.run()
    assert kira.roles("kira") == {"Blue"}


def test_a_callback_that_died_half_way_is_finished(kira: World) -> None:
    kira.guild.add_member("liam", roles=["Old"])
    import_link(kira, "102", "liam", groups=["Blue"])
    kira.http.services.queues.bulk(encode(VerifyLink(user_id="102")))
    kira.run()
    assert kira.roles("liam") == {"Blue"}


def test_a_callback_that_finished_is_not_looked_at_again(kira: World) -> None:
    meter = Meter(kira)
    kira.http.services.queues.bulk(encode(VerifyLink(user_id="101")))
    kira.run()
    assert meter.routes == []


# --- the audit trail ------------------------------------------------------------------------------------------


def test_every_change_is_on_record_with_who_asked_for_it(kira: World) -> None:
    kira.dynamodb.before = lambda *_: kira.clock.sleep(0.002)  # two entries of one moment would be one
    kira.site.groups("101", ["Blue", "Old"])
    kira.run()
    kira.guild.change_member("kira", nick="By hand")
    swept(kira)
    kira.site.delete("101")
    kira.run()
    trail = audit.of_user("101", now=kira.clock.now())
    said = [(entry["what"], entry.get("given"), entry.get("taken"), entry.get("nickname_to")) for entry in trail]
    assert said[::-1][:3] == [
        ("joined", ["Member"], None, "Kira"),
        ("changed", ["Blue", "Old"], ["Member"], None),
        ("changed", None, None, "Kira"),
    ]
    assert {entry["what"] for entry in trail[:2]} == {"removed", "unlinked: asked"}
    assert trail[2]["cause"].startswith("sweep ")
    assert all(entry["trace"] for entry in trail)


@pytest.mark.parametrize(
    ("trouble", "seconds"),
    [
        pytest.param({"method": "POST", "path": r"/roles$", "status": 503}, 30.0, id="the role cannot be created"),
        pytest.param({"method": "PUT", "path": r"/roles/[0-9]+$", "status": 503}, 30.0, id="the new role not given"),
    ],
)
def test_what_was_done_before_something_failed_is_on_record(
    kira: World, trouble: dict[str, Any], seconds: float
) -> None:
    kira.guild.inject(fault(times=1, **trouble))
    kira.site.groups("101", ["Brand New"])
    kira.run(seconds=seconds)
    assert kira.roles("kira") == set()
    assert audit.of_user("101", now=kira.clock.now())[0]["taken"] == ["Member"]
    kira.run()
    assert kira.roles("kira") == {"Brand New"}
    assert audit.of_user("101", now=kira.clock.now())[0]["given"] == ["Brand New"]


def test_discords_audit_log_says_why(kira: World) -> None:
    kira.site.groups("101", ["Blue", "Old"])
    kira.run()
    assert kira.guild.audit_log()[-1]["reason"] == "Rolecall: message from the auth site"


def test_of_two_problems_each_is_told_once_and_settled_by_its_own_look() -> None:
    world = World({"DISCORD_SYNC_NAMES": "True"})
    world.guild.create_role("Nitro", managed=True)
    world.guild.create_role("Admiral")
    world.link("101", "kira", groups=[], nickname=None)
    world.guild.change_role("Admiral", position=len(world.guild.state().roles) - 1)  # above the bot
    world.guild.change_member("kira", give=["Admiral"])
    world.run()
    world.site.notices()
    world.clock.advance(2 * 3600)
    world.site.nickname("101", "Kira")
    world.run()
    world.site.groups("101", ["Nitro"])
    world.run()
    assert last_error(world, "101") == "nickname_not_permitted, role_out_of_reach"
    assert [n["reason"] for n in world.site.notices()] == ["nickname_not_permitted", "role_out_of_reach"]
    world.site.groups("101", [])
    world.run()
    assert last_error(world, "101") == "nickname_not_permitted"
