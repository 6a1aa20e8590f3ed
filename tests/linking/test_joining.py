"""Joining, where Discord refuses a part of it, or does not answer: who gets in, what is on record, what follows."""

import json
from typing import Any

import pytest

from chalicelib.discord.rate_limit import Lane
from chalicelib.errors import DiscordUnavailable, LinkRefused, Reason, Refused
from chalicelib.linking.context import JOIN_OPTIONS
from chalicelib.linking.follow_ups import VERIFY_AFTER
from chalicelib.members.context import JobContext
from chalicelib.members.reporter import PERHAPS_JOINED
from chalicelib.messages import UpdateAll
from chalicelib.queues import Progress
from chalicelib.store import audit, users
from chalicelib.store.removals import RemovalStore
from local.discord.faults import Fault
from local.simulated import WorkerDied, World

MEMBER = "/members/[0-9]+$"


def trail(world: World, user_id: str) -> list[tuple[str, list[str]]]:
    """What is on record of the user, oldest first: what happened, and the roles that were given."""
    entries = audit.of_user(user_id, now=world.clock.now())
    return [(entry["what"], entry.get("given", [])) for entry in reversed(entries)]


def refused(world: World, user_id: str, who: str, **claims: Any) -> Reason:
    with pytest.raises(LinkRefused) as error:
        world.link(user_id, who, **claims)
    return error.value.reason


def stored_error(world: World, user_id: str) -> str | None:
    user = users.get(user_id, now=world.clock.now())
    assert user is not None
    return user.last_error


def test_a_role_deleted_on_discord_while_it_is_cached_keeps_nobody_out(world: World) -> None:
    world.link("1", "first", groups=["Member"])
    world.guild.delete_role("Member")
    world.link("2", "second", groups=["Member"], nickname="Second")
    assert world.roles("second") == {"Member"}
    assert world.nick("second") == "Second"


def test_a_bot_that_may_not_set_nicknames_keeps_nobody_out(world: World) -> None:
    world.guild.turn(bot_permissions=(1 << 28) | (1 << 1) | 1)
    world.link("1", "first", groups=["Member"], nickname="First")
    assert world.roles("first") == {"Member"}
    assert world.nick("first") is None
    assert stored_error(world, "1") == "nickname_not_permitted"


def test_the_auth_site_is_told_why_a_newcomer_lacks_a_role(world: World) -> None:
    world.guild.create_role("Boosters", managed=True)
    world.link("1", "first", groups=["Boosters"])
    assert stored_error(world, "1") == "role_out_of_reach"
    told = [(n["kind"], n["user_id"], n["reason"]) for n in world.site.notices()]
    assert told == [("sync_failed", "1", "role_out_of_reach"), ("linked", "1", None)]


def test_the_auth_site_is_told_that_a_newcomers_roles_cannot_be_made(world: World) -> None:
    world.guild.inject(Fault(kind="answer", method="POST", path="/roles$", status=400, code=30005))
    world.link("1", "first", groups=["Member"])
    assert stored_error(world, "1") == "role_limit"
    assert [n["reason"] for n in world.site.notices() if n["kind"] == "sync_failed"] == ["role_limit"]


def test_what_keeps_a_role_from_a_newcomer_is_told_even_if_the_callback_dies_then(world: World) -> None:
    world.guild.create_role("Boosters", managed=True)

    def dies(operation: str, arguments: Any) -> None:
        if operation == "TransactWriteItems" and "synced_at" in json.dumps(arguments):
            raise WorkerDied

    world.dynamodb.before = dies
    with pytest.raises(WorkerDied):
        world.link("1", "first", groups=["Boosters"])
    assert [n["reason"] for n in world.site.notices()] == ["role_out_of_reach"]


# --- on record ---------------------------------------------------------------------------------------------------


def test_what_a_join_gave_is_on_record_where_other_roles_follow_later(world: World) -> None:
    world.guild.create_role("Member")
    world.guild.inject(Fault(kind="answer", method="POST", path="/roles$", status=503))
    world.link("1", "first", groups=["Member", "Blue"])
    world.run()
    assert world.roles("first") == {"Member", "Blue"}
    assert trail(world, "1") == [("joined", ["Member"]), ("changed", ["Blue"])]


def test_a_bare_join_is_on_record_with_what_it_gave_and_what_followed(world: World) -> None:
    world.guild.create_role("Member")
    world.guild.inject(Fault(kind="answer", method="PUT", path=MEMBER, status=403, code=50013))
    world.link("1", "first", groups=["Member"])
    assert world.roles("first") == {"Member"}
    assert trail(world, "1") == [("joined", []), ("changed", ["Member"])]


def test_a_member_who_was_in_already_did_not_join(world: World) -> None:
    world.guild.create_role("Member")
    world.guild.add_member("first")
    world.link("1", "first", groups=["Member"])
    world.run(seconds=1)
    assert trail(world, "1") == [("changed", ["Member"])]
    assert [entry["cause"] for entry in audit.of_user("1", now=world.clock.now())] == ["link"]


def test_a_join_whose_answer_was_lost_is_on_record_with_what_it_may_have_given(world: World) -> None:
    world.guild.create_role("Member")
    world.guild.inject(Fault(kind="cut_after", method="PUT", path=MEMBER, times=2))
    assert refused(world, "1", "first", groups=["Member"]) == Reason.DISCORD_UNAVAILABLE
    world.run(seconds=VERIFY_AFTER + 60)
    assert world.roles("first") == {"Member"}
    assert trail(world, "1") == [(PERHAPS_JOINED, ["Member"])]


def test_a_join_whose_answer_was_lost_once_is_found_out_at_once(world: World) -> None:
    world.guild.create_role("Member")
    world.guild.inject(Fault(kind="cut_after", method="PUT", path=MEMBER))
    world.link("1", "first", groups=["Member"])
    assert world.roles("first") == {"Member"}
    assert trail(world, "1") == [(PERHAPS_JOINED, ["Member"])]


def test_a_bare_join_whose_answer_was_lost_is_on_record_too(world: World) -> None:
    world.guild.create_role("Member")
    world.guild.inject(Fault(kind="answer", method="PUT", path=MEMBER, status=403, code=50013))
    world.guild.inject(Fault(kind="cut_after", method="PUT", path=MEMBER, times=2))
    assert refused(world, "1", "first", groups=["Member"]) == Reason.DISCORD_UNAVAILABLE
    world.run(seconds=VERIFY_AFTER + 60)
    assert world.roles("first") == {"Member"}
    assert trail(world, "1") == [(PERHAPS_JOINED, []), ("changed", ["Member"])]


def test_a_join_that_was_refused_for_sure_is_no_perhaps(world: World) -> None:
    world.link("1", "first", groups=["Member"])
    world.guild.inject(Fault(kind="answer", method="PUT", path=MEMBER, status=403, code=50013))
    world.guild.inject(Fault(kind="answer", method="GET", path="/guilds/[0-9]+$", status=503))
    assert refused(world, "2", "second", groups=["Member"]) == Reason.DISCORD_UNAVAILABLE
    user = users.get("2", now=world.clock.now())
    assert user is None or user.link is None
    assert (world.roles("second"), trail(world, "2")) == (None, [])


# --- what follows -------------------------------------------------------------------------------------------------


def settled(world: World, user_id: str) -> bool:
    user = users.get(user_id, now=world.clock.now())
    return user is not None and user.link is not None and user.settled


def a_member_with_a_stale_role(world: World, who: str) -> None:
    for role in ("Member", "Stale"):
        world.guild.create_role(role)
    world.guild.add_member(who, roles=["Stale"])


def test_a_member_is_compared_right_after_the_answer_by_the_same_requests(world: World) -> None:
    a_member_with_a_stale_role(world, "first")
    world.http.view.facts(JOIN_OPTIONS)
    world.counts.requests.clear()
    world.link("1", "first", groups=["Member"], nickname="First")
    assert [one.route for one in world.asked()] == ["PUT member"]
    assert [one["kind"] for one in world.site.notices()] == ["linked"]
    began = world.clock.now()
    world.run(until=lambda: settled(world, "1"))
    assert world.clock.now() - began < 1
    assert (world.roles("first"), world.nick("first")) == ({"Member"}, "First")
    world.run()
    assert [one.route for one in world.asked()] == ["PUT member", "GET member", "PATCH member"]


def test_what_a_link_takes_from_a_member_does_not_count_in_the_removal_limit(world: World) -> None:
    a_member_with_a_stale_role(world, "first")
    RemovalStore(world.settings.guild_id).open_hold(now=world.clock.now())
    world.link("1", "first", groups=["Member"])
    world.run(seconds=1)
    assert world.roles("first") == {"Member"}


def test_in_a_storm_a_member_who_links_does_not_wait_for_the_list(world: World) -> None:
    a_member_with_a_stale_role(world, "first")
    for number in range(20):
        world.guild.add_member(f"other {number}")
        world.link(f"other {number}", f"other {number}", groups=["Member"])
    world.run()
    world.link("1", "first", groups=["Member"])
    for number in range(20):
        world.site.groups(f"other {number}", ["Member", "Stale"])
    world.run(seconds=1)
    assert world.roles("first") == {"Member"}


def test_a_callback_that_dies_before_it_has_a_member_compared_is_finished_by_its_check(world: World) -> None:
    a_member_with_a_stale_role(world, "first")

    def dies(message: bytes, progress: Progress | None = None, *, delay: float = 0) -> None:
        if not delay:
            raise WorkerDied
        queue(message, progress, delay=delay)

    queues = world.http.services.queues
    queue, queues.bulk = queues.bulk, dies  # type: ignore[method-assign,assignment]  # one moment, made certain
    with pytest.raises(WorkerDied):
        world.link("1", "first", groups=["Member"])
    began = world.clock.now()
    world.run(until=lambda: settled(world, "1"))
    assert world.clock.now() - began == pytest.approx(VERIFY_AFTER, abs=2)
    assert world.roles("first") == {"Member"}
    assert [one["kind"] for one in world.site.notices()] == ["linked"]


def test_an_account_that_replaces_another_is_seen_by_its_comparison_and_that_one_goes(world: World) -> None:
    a_member_with_a_stale_role(world, "second")
    world.link("1", "first", groups=["Member"])
    world.run()
    world.link("1", "second", groups=["Member"])
    assert world.roles("first") == {"Member"}
    world.run(until=lambda: world.roles("first") is None)
    assert world.roles("second") == {"Member"}  # first what the person waits for


def test_a_member_whom_discord_lets_nobody_change_stays_linked_and_the_auth_site_is_told(world: World) -> None:
    a_member_with_a_stale_role(world, "first")
    world.guild.inject(Fault(kind="answer", method="PATCH", path=MEMBER, status=403, code=50013, times=None))
    world.link("1", "first", groups=["Member"])
    world.run()
    assert world.roles("first") == {"Stale"}
    assert (stored_error(world, "1") or "").startswith("Discord refused: 403/50013")
    assert [one["kind"] for one in world.site.notices()] == ["linked", "sync_failed"]


def test_a_member_who_was_unlinked_while_their_callback_ran_is_told_so(world: World) -> None:
    a_member_with_a_stale_role(world, "first")
    discord = world.http.services.discord
    join = discord.join

    def unlinked_meanwhile(*arguments: Any) -> bool:
        joined = join(*arguments)
        user = users.get("1", now=world.clock.now())
        assert user
        assert user.link
        users.unlink("1", user.link.account.id, now=world.clock.now())
        return joined

    discord.join = unlinked_meanwhile  # type: ignore[method-assign,assignment]  # one moment, made certain
    assert refused(world, "1", "first", groups=["Member"]) is Reason.EXPIRED
    world.run()
    assert (world.roles("first"), world.site.notices()) == ({"Stale"}, [])


def completing(world: World) -> tuple[int, float]:
    """The job that is to complete a link: its delay in seconds, and when an earlier try may last have written."""
    (sent,) = [one for one in world.sqs.sent if json.loads(one.body).get("kind") == "update_all"]
    return sent.delay, float(sent.attributes["touched"])


@pytest.mark.parametrize(
    ("trouble", "delay"),
    [
        pytest.param({"kind": "cut", "times": 2}, 60, id="no answer, so the write may still arrive"),
        pytest.param({"kind": "rate_limit", "retry_after": 20.0}, 0, id="refused for the moment"),
    ],
)
def test_what_a_callback_leaves_to_do_is_done_when_nothing_of_it_can_arrive_any_more(
    world: World, trouble: dict[str, Any], delay: int
) -> None:
    world.guild.create_role("Member")
    world.guild.create_role("Stale")
    world.guild.add_member("first", roles=["Stale"])
    world.guild.inject(Fault(method="PATCH", path=MEMBER, **trouble))
    with_a_fault_of_discords_after_joining(world, "1", "first")
    began = world.clock.now()
    delayed, touched = completing(world)
    assert delayed == delay
    assert touched == pytest.approx(began, abs=1)
    world.run(until=lambda: world.roles("first") == {"Member"})
    assert world.clock.now() - began == pytest.approx(delay or 20, abs=6)


@pytest.mark.parametrize("status", [500, 503])
def test_a_join_that_discord_said_it_could_not_do_leaves_nothing(world: World, status: int) -> None:
    world.guild.inject(Fault(kind="answer", method="PUT", path=MEMBER, status=status))
    assert refused(world, "1", "kira", groups=["Member"]) is Reason.DISCORD_UNAVAILABLE
    user = users.get("1", now=world.clock.now())
    assert user
    assert user.link is None
    assert world.site.notices() == []
    world.link("2", "kira", groups=["Member"])
    assert world.roles("kira") == {"Member"}


@pytest.mark.parametrize("body", ["<html>Bad Request</html>", ""], ids=["a page", "nothing"])
@pytest.mark.parametrize("status", [302, 400, 403, 404, 413])
def test_a_join_that_was_refused_on_its_way_to_discord_leaves_nothing(world: World, status: int, body: str) -> None:
    world.guild.inject(Fault(kind="answer", method="PUT", path=MEMBER, status=status, body=body))
    assert refused(world, "1", "kira", groups=["Member"]) is Reason.DISCORD_UNAVAILABLE
    user = users.get("1", now=world.clock.now())
    assert user
    assert user.link is None
    assert (world.site.notices(), trail(world, "1")) == ([], [])


@pytest.mark.parametrize("status", [408, 502, 504])
def test_a_join_that_a_gateway_gave_up_on_may_still_be_carried_out(world: World, status: int) -> None:
    world.guild.inject(Fault(kind="answer", method="PUT", path=MEMBER, status=status, body="<html>"))
    assert refused(world, "1", "kira", groups=["Member"]) is Reason.DISCORD_UNAVAILABLE
    user = users.get("1", now=world.clock.now())
    assert user
    assert user.link
    assert [what for what, _ in trail(world, "1")] == [PERHAPS_JOINED]


def with_a_fault_of_discords_after_joining(world: World, user_id: str, who: str) -> None:
    """Link, where Discord lets the person in and then says that it could not."""
    discord = world.http.services.discord
    join = discord.join

    def joins_and_fails(*arguments: Any) -> bool:
        join(*arguments)
        raise DiscordUnavailable("Discord answered 500/0", answered=True)

    discord.join = joins_and_fails  # type: ignore[method-assign,assignment]  # one moment, made certain
    try:
        world.link(user_id, who, groups=["Member"])
    finally:
        discord.join = join  # type: ignore[method-assign]


@pytest.mark.parametrize("was_in", [True, False])
def test_who_is_in_though_discord_said_that_it_failed_is_linked_and_made_right(world: World, *, was_in: bool) -> None:
    world.guild.create_role("Member")
    world.guild.create_role("Stale")
    if was_in:
        world.guild.add_member("first", roles=["Stale"])
    with_a_fault_of_discords_after_joining(world, "1", "first")
    assert world.roles("first") == {"Member"}
    assert [n["kind"] for n in world.site.notices()] == ["linked"]
    assert trail(world, "1")[0] == (PERHAPS_JOINED, ["Member"])


def test_who_may_have_been_brought_in_stays_linked_whatever_is_refused_after_that(world: World) -> None:
    world.guild.inject(Fault(kind="answer", method="GET", path=MEMBER, status=400, code=50035, skip=2))
    with_a_fault_of_discords_after_joining(world, "1", "first")  # seen: the bot, they; then not a second time
    world.run()
    assert world.roles("first") == {"Member"}


def test_who_was_brought_in_stays_linked_whatever_is_refused_after_that(world: World) -> None:
    world.link("1", "first", groups=["Member"])
    role = next(role for role in world.guild.state().roles if role.name == "Member")
    world.guild.delete_role(role.id)  # known to be there still: they join bare
    world.guild.inject(
        Fault(kind="answer", method="GET", path=MEMBER, status=400, code=50035, times=2)
    )  # the bot, they
    world.link("2", "second", groups=["Member"])
    world.run()
    assert world.roles("second") == {"Member"}


def test_an_account_that_could_not_be_replaced_is_linked_since_when_it_was(world: World) -> None:
    world.link("1", "old", groups=["Member"])
    before = users.get("1", now=world.clock.now())
    world.clock.advance(100)
    world.guild.add_person("banned")
    world.guild.ban("banned")
    assert refused(world, "1", "banned", groups=["Member"]) is Reason.BANNED
    after = users.get("1", now=world.clock.now())
    assert before
    assert after
    assert after.link
    assert before.link
    assert (after.link.account, after.link.activated_at) == (before.link.account, before.link.activated_at)


def a_callback_that_gives_up(world: World, meanwhile: Any) -> Reason:
    """Liam is in the guild already; Discord refuses the request of his callback, while something else happens."""
    world.guild.add_person("liam")
    world.guild.add_member("liam")
    admission = world.http.linking.callback.admission
    bring_in = admission.bring_in

    def failing(*arguments: Any) -> None:
        meanwhile()
        world.guild.inject(Fault(kind="answer", method="PUT", path=MEMBER, status=400, code=30001, times=None))
        bring_in(*arguments)

    admission.bring_in = failing  # type: ignore[method-assign,assignment]  # one moment, made certain
    try:
        return refused(world, "2", "liam", groups=["Member"])
    finally:
        admission.bring_in = bring_in  # type: ignore[method-assign]
        world.guild.clear_faults()


def test_a_job_waits_until_the_callback_at_work_has_ended(world: World) -> None:
    """Else the callback, when it gives up, could not tell what the job gave."""

    def sync() -> None:
        world.site.post({"kind": "update_all", "user_id": "2"})
        world.run(seconds=5)

    a_callback_that_gives_up(world, sync)
    world.run()
    assert world.roles("liam") == set()
    user = users.get("2", now=world.clock.now())
    assert user
    assert user.link is None
    assert world.site.notices() == []
    world.link("2", "liam", groups=["Member"])
    world.run(seconds=1)
    assert world.roles("liam") == {"Member"}


def test_a_member_whom_the_callback_gave_a_role_stays_linked_whatever_is_refused_after_that(world: World) -> None:
    world.guild.create_role("Member")
    world.guild.add_person("liam")
    world.guild.add_member("liam")
    reconciler = world.http.delivery.reconciler
    reconcile = reconciler.reconcile

    def refused_after_that(*arguments: Any) -> None:
        reconcile(*arguments)
        raise Refused(status=400, code=50035)

    reconciler.reconcile = refused_after_that  # type: ignore[method-assign,assignment]  # one moment, made certain
    world.link("2", "liam", groups=["Member"])
    reconciler.reconcile = reconcile  # type: ignore[method-assign]
    user = users.get("2", now=world.clock.now())
    assert user
    assert user.link
    world.run()
    assert world.roles("liam") == {"Member"}


def test_roles_that_a_job_gave_while_a_callback_gave_up_are_taken_back(world: World) -> None:
    world.link("1", "first", groups=["Member"])
    container = world.container()
    discord = container.services.discord
    give = discord.give_role

    def unlinked_meanwhile(*arguments: Any) -> None:
        give(*arguments)
        user = users.get("1", now=world.clock.now())
        assert user
        assert user.link
        users.unlink("1", user.link.account.id, now=world.clock.now())

    discord.give_role = unlinked_meanwhile  # type: ignore[method-assign,assignment]
    world.guild.change_member("first", take=["Member"])
    container.delivery.reconciler.change(UpdateAll(user_id="1"), JobContext(Lane.NORMAL, "test"))
    assert world.roles("first") == set()
