"""docs/explanation/link-lifecycle.md, held against the code: what ends a link, what does not, and what overlaps."""

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.errors import LinkRefused
from chalicelib.messages import RemoveReplacedAccount, encode
from chalicelib.store import accounts
from local.discord.messages import Answer, DiscordError, Request
from local.simulated import GUILD, WorkerDied, World
from tests.faults.support import before, joins, outcome
from tests.members.support import Meter, fault, linked, stored

DAY = 86_400.0


def account(world: World, user_id: str) -> str | None:
    """The username of the account that is linked to the user."""
    user = stored(world, user_id)
    return user.link.account.username if user and user.link else None


def told(world: World) -> list[tuple[str, str | None]]:
    return [(one["kind"], one["reason"] or one["username"]) for one in world.site.notices()]


@pytest.fixture
def anna() -> World:
    world = World()
    world.guild.add_person("ben")
    world.link("1", "anna", groups=["Member"])
    world.run(seconds=600)
    world.clock.advance(600)
    world.site.notices()
    return world


# --- what a deletion ends -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dated", [False, True])
def test_a_deletion_that_is_delivered_again_spares_the_link_made_meanwhile(anna: World, dated: bool) -> None:
    message: dict[str, Any] = {"kind": "delete_user", "user_id": "1"}
    message |= {"changed_at": anna.site.stamp()} if dated else {}
    since = {"since": {"DataType": "String", "StringValue": f"{anna.clock.now():.3f}"}}
    anna.site.post(message)
    anna.run()
    assert not linked(anna, "1")
    anna.clock.advance(100)
    anna.link("1", "anna", groups=["Member"])
    anna.sqs.send_message(
        QueueUrl=anna.queue_url("jobs"), MessageBody=str(message).replace("'", '"'), MessageAttributes=since
    )
    anna.run()
    assert anna.roles("anna") == {"Member"}
    assert account(anna, "1") == "anna"


def test_a_deletion_that_is_older_than_a_statement_does_nothing(anna: World) -> None:
    deleted_at = anna.site.stamp()
    anna.site.groups("1", ["Member", "Scout"])
    anna.run()
    meter = Meter(anna)
    anna.site.delete("1", changed_at=deleted_at, notify=True)
    anna.run()
    assert meter.writes == []
    assert anna.roles("anna") == {"Member", "Scout"}
    assert told(anna) == []


def test_a_deletion_that_is_older_than_a_link_does_nothing(anna: World) -> None:
    deleted_at = anna.site.stamp()
    anna.clock.advance(2)
    anna.link("1", "anna", groups=["Member"], changed_at=1)
    anna.site.delete("1", changed_at=deleted_at)
    anna.run()
    assert anna.roles("anna") == {"Member"}


def test_a_deletion_without_a_date_is_not_stopped_by_statements(anna: World) -> None:
    anna.guild.inject(fault(method="DELETE", path=r"/members/[0-9]+$", kind="rate_limit", retry_after=300.0))
    anna.site.delete("1")
    anna.run(seconds=120)
    anna.site.groups("1", [])
    anna.run()
    assert (anna.roles("anna"), linked(anna, "1")) == (None, False)


def test_while_a_deletion_waits_for_discord_jobs_give_nothing(anna: World) -> None:
    anna.guild.inject(fault(method="DELETE", path=r"/members/[0-9]+$", status=503, times=2))
    anna.site.delete("1", changed_at=anna.site.stamp())
    anna.run(seconds=30)
    anna.guild.change_member("anna", roles=[])
    anna.site.post({"kind": "update_all", "user_id": "1"})
    anna.run(seconds=20)
    assert anna.roles("anna") == set()
    anna.run()
    assert (anna.roles("anna"), linked(anna, "1")) == (None, False)


def test_a_join_that_takes_effect_after_the_deletion_leaves_nobody_behind() -> None:
    world = World()
    world.guild.create_role("Director")

    def die(request: Request) -> None:
        if joins(request):
            raise WorkerDied

    before(world, die)
    with suppress(WorkerDied):
        world.link("1", "anna", groups=["Director"])
    world.clock.advance(2)
    world.site.delete("1", changed_at=world.site.stamp())
    world.run(seconds=30)
    assert not linked(world, "1")
    world.guild.add_member("anna", roles=["Director"])  # by the request, at last
    world.run(seconds=600)
    assert world.roles("anna") is None


# --- another account ------------------------------------------------------------------------------------------------


def test_the_old_account_goes_once_the_new_one_was_seen(anna: World) -> None:
    anna.link("1", "ben", groups=["Member"])
    anna.run()
    assert (anna.roles("anna"), anna.roles("ben"), account(anna, "1")) == (None, {"Member"}, "ben")
    assert told(anna) == [("linked", "@ben")]


def test_a_new_account_that_discord_refuses_changes_nothing(anna: World) -> None:
    anna.guild.inject(fault(method="PUT", path="/members/", status=400, code=30001))
    assert outcome(anna, "1", "ben", groups=["Member"]) == "guild_limit"
    anna.run()
    assert (anna.roles("anna"), anna.roles("ben"), account(anna, "1")) == ({"Member"}, None, "anna")
    assert told(anna) == []


def test_an_account_that_is_put_back_is_told_of(anna: World) -> None:
    anna.guild.inject(fault(kind="cut", method="PUT", path="/members/", times=2))
    assert outcome(anna, "1", "ben", groups=["Member"]) == "discord_unavailable"
    anna.run()
    assert (anna.roles("anna"), anna.roles("ben"), account(anna, "1")) == ({"Member"}, None, "anna")
    assert told(anna) == [("linked", "@ben"), ("linked", "@anna")]


def test_an_account_that_somebody_else_has_by_now_is_not_put_back(anna: World) -> None:
    anna.guild.inject(fault(kind="cut", method="PUT", path="/members/", times=2))
    outcome(anna, "1", "ben", groups=["Member"])
    anna.link("2", "anna", groups=["Scout"])
    anna.run()
    assert (account(anna, "1"), account(anna, "2")) == (None, "anna")
    assert (anna.roles("anna"), anna.roles("ben")) == ({"Scout"}, None)
    assert ("unlinked", "left_server") in told(anna)


def test_a_join_that_takes_effect_after_the_old_account_was_put_back_leaves_nobody_behind(anna: World) -> None:
    anna.guild.inject(fault(kind="cut", method="PUT", path="/members/", times=2))
    outcome(anna, "1", "ben", groups=["Member"])
    anna.run(seconds=100)
    assert account(anna, "1") == "anna"
    anna.guild.add_member("ben", roles=["Member"])  # by the request, at last
    anna.run()
    assert (anna.roles("anna"), anna.roles("ben")) == ({"Member"}, None)


def test_a_join_that_takes_effect_after_the_link_was_ended_leaves_nobody_behind() -> None:
    world = World()
    world.guild.create_role("Member")
    world.guild.inject(fault(kind="cut", method="PUT", path="/members/", times=2))
    outcome(world, "1", "ben", groups=["Member"])
    world.run(seconds=100)
    assert not linked(world, "1")
    world.guild.add_member("ben", roles=["Member"])  # by the request, at last
    world.run()
    assert world.roles("ben") is None


@pytest.mark.parametrize(("user_id", "had"), [("2", None), ("1", "anna")])
def test_somebody_who_joins_by_an_invite_after_their_callback_failed_may_stay(
    anna: World, user_id: str, had: str | None
) -> None:
    anna.guild.inject(fault(kind="cut", method="PUT", path="/members/", times=2))
    outcome(anna, user_id, "ben", groups=["Member"])
    anna.run(seconds=100)
    assert account(anna, user_id) == had
    anna.guild.add_member("ben")
    anna.run()
    assert anna.roles("ben") == set()


def test_a_deletion_during_a_change_of_account_leaves_neither(anna: World) -> None:
    anna.guild.inject(fault(kind="cut", method="PUT", path="/members/", times=2))
    outcome(anna, "1", "ben", groups=["Member"])
    anna.clock.advance(1)
    anna.site.delete("1", changed_at=anna.site.stamp())
    anna.run()
    assert (anna.roles("anna"), anna.roles("ben"), linked(anna, "1")) == (None, None, False)


def test_a_removal_that_an_older_version_queued_is_carried_out(anna: World) -> None:
    (anna_id,) = [int(one.id) for one in anna.guild.people() if one.username == "anna"]
    anna.link("1", "ben", groups=["Member"])
    anna.run(seconds=1)
    anna.http.services.queues.bulk(encode(RemoveReplacedAccount(user_id="1", discord_id=anna_id)))
    anna.run(seconds=10)
    assert anna.roles("anna") is None


# --- undoing --------------------------------------------------------------------------------------------------------


def test_a_refused_callback_is_undone_though_the_auth_site_stated_something_meanwhile(anna: World) -> None:
    def refuse(request: Request) -> Answer | None:
        if not joins(request):
            return None
        anna.site.groups("1", ["Member", "Scout"])
        anna.run(seconds=1)
        return DiscordError(400, 30001, "Maximum number of guilds reached").answer()

    before(anna, refuse)
    assert outcome(anna, "1", "ben", groups=["Member"]) == "guild_limit"
    assert account(anna, "1") == "anna"
    anna.run()
    assert (anna.roles("anna"), anna.roles("ben")) == ({"Member", "Scout"}, None)


def test_a_refused_callback_leaves_a_newer_claim_alone(anna: World) -> None:
    refused = list[str]()

    def refuse(request: Request) -> Answer | None:
        if not joins(request) or refused:
            return None
        refused.append(request.path)
        anna.link("1", "cleo", groups=["Member"])
        return DiscordError(400, 30001, "Maximum number of guilds reached").answer()

    before(anna, refuse)
    assert outcome(anna, "1", "ben", groups=["Member"]) == "guild_limit"
    anna.run()
    assert account(anna, "1") == "cleo"
    assert (anna.roles("anna"), anna.roles("ben"), anna.roles("cleo")) == (None, None, {"Member"})


def test_a_callback_that_is_refused_removes_nobody_whose_own_callback_fails_meanwhile(anna: World) -> None:
    anna.guild.add_member("ben")
    anna.clock.advance(60)

    def refuse(request: Request) -> Answer | None:
        if not joins(request) or "anna" in outcomes:
            return None
        outcomes["anna"] = outcome(anna, "2", "anna", groups=["Member"])  # the account of user 1
        return DiscordError(400, 30001, "Maximum number of guilds reached").answer()

    outcomes = dict[str, str]()
    before(anna, refuse)
    outcomes["ben"] = outcome(anna, "2", "ben", groups=["Member"])
    assert outcomes == {"anna": "already_linked", "ben": "guild_limit"}
    anna.run()
    assert not linked(anna, "2")
    assert anna.roles("ben") == set()


def test_an_account_whose_kick_was_not_answered_is_linked_to_nobody_while_it_may_take_effect(anna: World) -> None:
    anna.link("1", "ben", groups=["Member"])
    anna.guild.inject(fault(kind="cut", method="DELETE", path="/members/", times=None))
    anna.run(seconds=40)
    anna.guild.clear_faults()
    (anna_id,) = [int(person.id) for person in anna.guild.people() if person.username == "anna"]
    assert accounts.parting_until(anna_id) > anna.clock.now()
    assert outcome(anna, "2", "anna", groups=["Member"]) == "discord_unavailable"
    anna.run(seconds=600)
    assert outcome(anna, "2", "anna", groups=["Member"]) == "linked"
    anna.run(seconds=600)
    assert (anna.roles("anna"), anna.roles("ben")) == ({"Member"}, {"Member"})


@pytest.mark.parametrize("refusal", [None, {"kind": "rate_limit", "retry_after": 30.0}, {"status": 503}])
def test_an_account_that_was_replaced_is_removed_though_it_holds_no_roles(
    anna: World, refusal: dict[str, Any] | None
) -> None:
    anna.guild.change_member("anna", roles=[])
    if refusal:
        anna.guild.inject(fault(method="DELETE", path=r"/members/[0-9]+$", times=1, **refusal))
    anna.link("1", "ben", groups=["Member"])
    anna.run()
    assert (anna.roles("anna"), anna.roles("ben")) == (None, {"Member"})


def test_a_replaced_account_is_removed_though_another_users_callback_for_it_failed_meanwhile(anna: World) -> None:
    anna.guild.change_member("anna", roles=[])
    anna.link("1", "ben", groups=["Member"])
    anna.guild.inject(fault(method="PUT", path="/members/", status=400, code=30001))
    assert outcome(anna, "2", "anna", groups=[]) == "guild_limit"
    anna.run()
    assert (anna.roles("anna"), anna.roles("ben")) == (None, {"Member"})


def test_a_link_of_which_nobody_was_told_is_told_of_after_a_refused_change_of_account(anna: World) -> None:
    anna.guild.add_person("cleo")

    def die(*_: object) -> None:
        if anna.roles("ben") is not None:
            raise WorkerDied

    anna.dynamodb.before = die
    with suppress(WorkerDied):
        anna.link("1", "ben", groups=["Member"])
    anna.dynamodb.before = None
    anna.guild.inject(fault(method="PUT", path="/members/", status=400, code=30001))
    assert outcome(anna, "1", "cleo", groups=["Member"]) == "guild_limit"
    anna.run()
    assert account(anna, "1") == "ben"
    assert ("linked", "@ben") in told(anna)


# --- another server -------------------------------------------------------------------------------------------------


@pytest.fixture
def moved(anna: World) -> World:
    """The link was made when DISCORD_GUILD_ID named another server."""
    chosen = replace(anna.settings, guild_id=int(GUILD) + 1)
    anna.settings = chosen
    anna._idle = {"jobs": [], "bulk": []}
    anna.http = anna.container()
    return anna


def test_a_link_of_another_server_counts_as_none(moved: World) -> None:
    meter = Meter(moved)
    moved.site.groups("1", ["Scout"])
    moved.run()
    user = stored(moved, "1")
    assert user is not None
    assert user.groups == ("Scout",)
    assert meter.routes == []
    token = moved.site.token("1", "read")
    assert moved.http.linking.account(token, "1") is None


def test_the_user_of_a_link_of_another_server_can_be_deleted(moved: World) -> None:
    meter = Meter(moved)
    moved.site.delete("1", notify=True)
    moved.run()
    assert (linked(moved, "1"), meter.routes) == (False, [])
    assert told(moved) == [("unlinked", "asked")]


def bare_token(world: World, **stated: Any) -> str:
    """A link token that states only this."""
    now = int(world.clock.now())
    return world.site.sign({"sub": "1", "purpose": "link", "iat": now, "exp": now + 600, "jti": "j"} | stated)


# --- tokens that state nothing -------------------------------------------------------------------------------------


def test_a_token_that_states_nothing_links_with_what_was_stated_before() -> None:
    world = World()
    world.site.groups("1", ["Member"])
    world.run()
    world.guild.add_person("anna")
    started = world.http.linking.start(bare_token(world))
    world.http.linking.finish(cookie=started.cookie, **world.consent(started.url, "anna"))
    world.run()
    assert world.roles("anna") == {"Member"}


def test_a_token_that_states_nothing_leaves_somebody_never_told_of_as_they_are() -> None:
    world = World()
    world.guild.create_role("Given by hand")
    world.guild.add_member("anna", roles=["Given by hand"])
    started = world.http.linking.start(bare_token(world))
    world.http.linking.finish(cookie=started.cookie, **world.consent(started.url, "anna"))
    world.run()
    assert (world.roles("anna"), account(world, "1")) == ({"Given by hand"}, "anna")


@pytest.mark.parametrize("missing", ["groups", "nickname", "changed_at"])
def test_a_token_that_states_a_part_is_refused(missing: str) -> None:
    world = World()
    stated: dict[str, Any] = {"groups": [], "nickname": None, "changed_at": 1}
    del stated[missing]
    with pytest.raises(LinkRefused, match="bad_token"):
        world.http.linking.start(bare_token(world, **stated))
