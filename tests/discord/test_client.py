"""The client itself: what it waits out for a person, and what it reads of answers that say less than most."""

from typing import Any

import pytest

from chalicelib.discord.client import SETTLING, RequestOptions
from chalicelib.discord.models import Role
from chalicelib.discord.rate_limit import Lane
from chalicelib.errors import DiscordUnavailable, LinkRefused, RateLimited, Reason, TryAgain, Wait
from chalicelib.linking.context import JOIN_OPTIONS
from chalicelib.members.context import PERSON_PATIENCE
from local.discord.faults import Fault
from local.simulated import World

MEMBER = "/members/[0-9]+$"
WORKER = RequestOptions(Lane.URGENT)


def joins(world: World) -> list[int]:
    """What Discord answered to those whom the bot would let in."""
    return [one.status for one in world.asked() if one.route == "PUT member"]


# --- a 429 while a person waits -----------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", ["user", "shared", "global"])
def test_a_short_429_keeps_a_person_waiting_and_no_more(world: World, scope: str) -> None:
    world.link("100", "first", groups=["Member"])
    world.guild.inject(Fault(kind="rate_limit", method="PUT", path=MEMBER, scope=scope, retry_after=1.0))  # type: ignore[arg-type]
    began = world.clock.now()
    world.link("101", "kira", groups=["Member"])
    assert world.roles("kira") == {"Member"}
    assert joins(world) == [201, 429, 201]
    assert 1.0 <= world.clock.now() - began < 4.0  # three, where others may hold places in the bucket


@pytest.mark.parametrize("scope", ["user", "shared", "global"])
def test_a_long_429_is_said_to_a_person_at_once(world: World, scope: str) -> None:
    world.guild.inject(Fault(kind="rate_limit", method="PUT", path=MEMBER, scope=scope, retry_after=60.0))  # type: ignore[arg-type]
    began = world.clock.now()
    with pytest.raises(LinkRefused) as refused:
        world.link("101", "kira", groups=["Member"])
    assert (refused.value.reason, joins(world)) == (Reason.DISCORD_UNAVAILABLE, [429])
    assert world.clock.now() - began < 3.0


def test_429s_without_end_cost_a_person_no_more_than_their_patience_and_discord_few_requests(world: World) -> None:
    world.guild.inject(Fault(kind="rate_limit", method="GET", path=MEMBER, retry_after=0.01, times=None))
    began = world.clock.now()
    with pytest.raises(RateLimited):
        world.http.services.discord.member(1, JOIN_OPTIONS)
    assert PERSON_PATIENCE - 1.0 <= world.clock.now() - began <= PERSON_PATIENCE + 1.0
    assert 2 < len(world.guild.received()) <= PERSON_PATIENCE * 2 + 1


def test_a_worker_does_not_wait_out_a_429(world: World) -> None:
    world.guild.inject(Fault(kind="rate_limit", method="GET", path=MEMBER, retry_after=1.0))
    began = world.clock.now()
    with pytest.raises(RateLimited):
        world.http.services.discord.member(1, WORKER)
    assert (len(world.guild.received()), world.clock.now() - began < 0.5) == (1, True)


# --- answers that say less than most ------------------------------------------------------------------------------

GUILD = "/guilds/[0-9]+$"
WHOLE: dict[str, Any] = {"id": "1", "name": "Guild", "owner_id": "2", "roles": [{"id": "1", "name": "@everyone"}]}


def answering(world: World, method: str, path: str, body: object) -> None:
    """Discord answers the next such request with that."""
    world.guild.inject(Fault(kind="answer", method=method, path=path, status=200, body=body))


def test_a_created_role_needs_no_more_than_its_id_and_its_name(world: World) -> None:
    answering(world, "POST", "/roles$", {"id": "7", "name": "Member"})
    assert world.http.services.discord.create_role("Member", WORKER) == Role(7, "Member", 0)


@pytest.mark.parametrize("owner", [{}, {"owner_id": None}], ids=["not a word", "null"])
def test_roles_without_a_position_and_a_guild_without_an_owner_can_be_read(
    world: World, owner: dict[str, None]
) -> None:
    answering(world, "GET", GUILD, {name: value for name, value in WHOLE.items() if name != "owner_id"} | owner)
    guild = world.http.services.discord.guild(WORKER)
    assert (guild.owner_id, guild.roles) == (0, (Role(1, "@everyone", 0),))


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param({"id": None}, id="no id"),
        pytest.param({"id": "x"}, id="an id that is none"),
        pytest.param({"owner_id": 2}, id="an owner's id of another type"),
        pytest.param({"roles": [{"name": "@everyone"}]}, id="a role without an id"),
        pytest.param({"roles": [{"id": "1"}]}, id="a role without a name"),
        pytest.param({"roles": [{"id": "1", "name": "x", "position": "1"}]}, id="a position of another type"),
        pytest.param({"roles": [{"id": "1", "name": "x", "position": None}]}, id="a position that is null"),
    ],
)
def test_answers_without_ids_or_of_another_type_are_none(world: World, odd: dict[str, object]) -> None:
    answering(world, "GET", GUILD, WHOLE | odd)
    with pytest.raises(DiscordUnavailable):
        world.http.services.discord.guild(WORKER)


def test_a_link_whose_role_is_created_by_a_bare_answer_is_made_right(world: World) -> None:
    role = world.guild.create_role("Member")
    world.guild.inject(Fault(kind="answer", method="GET", path=GUILD, status=200, body=WHOLE))
    answering(world, "POST", "/roles$", {"id": str(role.id), "name": "Member"})
    world.link("101", "kira", groups=["Member"])
    assert world.roles("kira") == {"Member"}


# --- what a change stores ------------------------------------------------------------------------------------------


def test_a_change_returns_the_member_as_discord_stored_it(world: World) -> None:
    world.guild.create_role("Member")
    world.guild.create_role("Stays")
    kira = world.guild.add_member("kira", roles=["Stays"])
    discord = world.http.services.discord
    role = {role.name: role.id for role in discord.guild(WORKER).roles}
    changed = discord.change(int(kira.id), WORKER, roles=frozenset({role["Member"]}), nick="Kira")
    assert changed
    assert (changed.id, changed.nick, changed.roles) == (int(kira.id), "Kira", frozenset({role["Member"]}))
    stored = {"user": {"id": str(kira.id), "username": "kira"}, "roles": [str(role["Stays"])], "nick": None}
    answering(world, "PATCH", MEMBER, stored)
    changed = discord.change(int(kira.id), WORKER, roles=frozenset({role["Member"], 7}), nick="kira")
    assert changed
    assert (changed.nick, changed.roles) == (None, frozenset({role["Stays"]}))


def test_a_change_that_is_answered_without_a_member_is_made_all_the_same(world: World) -> None:
    kira = world.guild.add_member("kira")
    answering(world, "PATCH", MEMBER, {"roles": "?"})
    assert world.http.services.discord.change(int(kira.id), WORKER, nick="Kira") is None


# --- as long as there is time -------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [0.6, 1.0, 3.0, 10.0])
@pytest.mark.parametrize("trouble", [{"kind": "hang", "seconds": 60.0}, {"kind": "rate_limit", "retry_after": 0.3}])
def test_no_request_outlasts_the_time_that_is_left(world: World, trouble: dict[str, Any], seconds: float) -> None:
    discord, began = world.http.services.discord, world.clock.now()
    world.guild.inject(Fault(path="/guilds/", times=None, **trouble))
    with discord.until(began + SETTLING + seconds), pytest.raises(TryAgain):
        discord.guild(JOIN_OPTIONS)
    assert world.clock.now() - began <= seconds


def test_where_no_time_is_left_nothing_is_asked(world: World) -> None:
    discord = world.http.services.discord
    with discord.until(world.clock.now() + SETTLING), pytest.raises(Wait):
        discord.guild(JOIN_OPTIONS)
    assert world.asked() == []
    assert discord.guild(JOIN_OPTIONS)


def test_a_shorter_time_within_a_longer_one_ends_by_itself(world: World) -> None:
    discord, now = world.http.services.discord, world.clock.now()
    with discord.until(now + SETTLING + 20):
        with discord.until(now + SETTLING + 5):
            assert discord.seconds_left == pytest.approx(5)
        with discord.until(now + SETTLING + 30):
            assert discord.seconds_left == pytest.approx(20)
        assert discord.seconds_left == pytest.approx(20)
