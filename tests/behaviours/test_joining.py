"""Section G: joining by the OAuth callback."""

import pytest

from chalicelib.discord.client import RequestOptions
from chalicelib.discord.rate_limit import Lane
from chalicelib.errors import LinkRefused, Reason, UnknownMember
from local.simulated import World
from tests.members.support import Meter, fault, linked, stored

MEMBER = r"/members/[0-9]+$"
NORMAL = RequestOptions(Lane.NORMAL)


@pytest.mark.behaviour(45)
def test_a_new_member_joins_with_roles_and_nickname_in_one_request(world: World) -> None:
    world.link("101", "kira", groups=["Member"], nickname="Kira")
    meter = Meter(world)
    world.link("102", "liam", groups=["Member"], nickname="Liam")
    assert meter.routes == ["PUT member"]
    assert (world.roles("liam"), world.nick("liam")) == ({"Member"}, "Liam")
    user = stored(world, "102")
    assert user
    assert user.link
    assert (user.link.account.username, user.link.account.discriminator) == ("liam", "0")
    assert user.link.activated_at == int(world.clock.now())
    assert [(n["kind"], n["user_id"]) for n in world.site.notices()] == [("linked", "101"), ("linked", "102")]


@pytest.mark.behaviour(45)
def test_without_the_setting_a_new_member_gets_no_nickname() -> None:
    world = World()
    world.link("101", "kira", groups=["Member"], nickname="Kira")
    assert world.nick("kira") is None


@pytest.mark.behaviour(46)
def test_an_existing_member_is_made_right_and_keeps_managed_and_reserved_roles() -> None:
    world = World({"DISCORD_SYNC_NAMES": "True", "DISCORD_RESERVED_ROLES": "moderator"})
    world.guild.create_role("Nitro", managed=True)
    world.guild.create_role("Moderator")
    world.guild.create_role("Odd")
    world.guild.add_member("kira", roles=["Nitro", "Moderator", "Odd"], nick="By hand")
    world.link("101", "kira", groups=["Member"], nickname="Kira")
    world.run(seconds=1)
    assert world.roles("kira") == {"Nitro", "Moderator", "Member"}
    assert world.nick("kira") == "Kira"
    assert linked(world, "101")


@pytest.mark.behaviour(47)
@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        pytest.param({"status": 403, "code": 40007}, Reason.BANNED, id="banned"),
        pytest.param({"status": 400, "code": 30001}, Reason.GUILD_LIMIT, id="too many guilds"),
        pytest.param({"status": 403, "code": 50013, "times": None}, Reason.MISCONFIGURED, id="not permitted"),
        pytest.param({"kind": "rate_limit", "retry_after": 60.0}, Reason.DISCORD_UNAVAILABLE, id="429"),
    ],
)
def test_a_failed_join_leaves_no_link_and_says_why(world: World, trouble: dict[str, object], reason: Reason) -> None:
    world.guild.inject(fault(method="PUT", path=MEMBER, **trouble))
    with pytest.raises(LinkRefused) as refused:
        world.link("101", "kira", groups=["Member"])
    assert refused.value.reason == reason
    assert not linked(world, "101")
    assert world.site.notices() == []


@pytest.mark.behaviour(47)
@pytest.mark.parametrize("trouble", [{"status": 500}, {"kind": "cut", "times": 2}], ids=["5xx", "cut connection"])
def test_a_join_of_which_nobody_knows_leaves_no_link_in_the_end(world: World, trouble: dict[str, object]) -> None:
    world.guild.inject(fault(method="PUT", path=MEMBER, **trouble))
    with pytest.raises(LinkRefused) as refused:
        world.link("101", "kira", groups=["Member"])
    assert refused.value.reason == Reason.DISCORD_UNAVAILABLE
    world.run()
    assert not linked(world, "101")


@pytest.mark.behaviour(48)
def test_a_callback_without_a_code_is_refused_without_a_call(world: World) -> None:
    started = world.http.linking.start(world.site.token("101", "link", groups=[]))
    with pytest.raises(LinkRefused) as refused:
        world.http.linking.finish(code=None, state=started.state, error=None, cookie=started.cookie)
    assert refused.value.reason == Reason.BAD_STATE
    assert world.guild.received() == []


@pytest.mark.behaviour(48)
def test_a_callback_does_not_queue_behind_a_sweep(world: World) -> None:
    world.guild.create_role("Member")
    world.guild.create_role("Blue")
    for number in range(40):
        world.link(str(number), f"member{number}", groups=["Member"])
    for number in range(40):
        world.guild.change_member(f"member{number}", roles=["Blue"])
    world.http.services.memory.sweeps.allow_taking(by="test", now=world.clock.now())
    world.sweep(force=True)
    world.run(seconds=8)
    began = world.clock.now()
    world.link("101", "kira", groups=["Member"])
    assert world.clock.now() - began < 5
    assert world.roles("kira") == {"Member"}


@pytest.mark.behaviour(49)
def test_unlinking_removes_and_linking_again_brings_back(world: World) -> None:
    world.link("101", "kira", groups=["Member"])
    world.http.linking.unlink(world.site.token("101", "unlink"))
    assert world.roles("kira") is None
    assert not linked(world, "101")
    world.clock.advance(2)
    world.link("101", "kira", groups=["Blue"])
    assert world.roles("kira") == {"Blue"}
    assert linked(world, "101")


@pytest.mark.behaviour(49)
def test_unlinking_that_discord_refuses_takes_what_it_can_and_reports_the_rest(world: World) -> None:
    world.link("101", "kira", groups=["Member"])
    world.guild.create_role("Director", position=50)
    world.guild.change_member("kira", give=["Director"])
    world.site.notices()
    world.http.linking.unlink(world.site.token("101", "unlink"))
    assert world.roles("kira") == {"Director"}
    assert [n["kind"] for n in world.site.notices()] == ["unlinked", "sync_failed"]


@pytest.mark.behaviour(50)
def test_a_change_of_nothing_is_an_error(world: World) -> None:
    with pytest.raises(ValueError, match="nothing to change"):
        world.http.services.discord.change(1, NORMAL)


@pytest.mark.behaviour(50)
def test_a_single_role_of_somebody_unknown_is_told_apart(world: World) -> None:
    person = world.guild.add_person("kira")
    role = world.guild.create_role("Member")
    discord = world.http.services.discord
    with pytest.raises(UnknownMember):
        discord.give_role(int(person.id), int(role.id), NORMAL)
    with pytest.raises(UnknownMember):
        discord.take_role(int(person.id), int(role.id), NORMAL)
    world.guild.add_member("kira")
    discord.give_role(int(person.id), int(role.id), NORMAL)
    assert world.roles("kira") == {"Member"}
    discord.take_role(int(person.id), int(role.id), NORMAL)
    assert world.roles("kira") == set()


@pytest.mark.behaviour(50)
def test_joining_says_whether_they_were_in_already(world: World) -> None:
    world.link("101", "kira", groups=["Member"])
    world.link("101", "kira", groups=["Blue"])
    joins = [request.status for request in world.asked("PUT member")]
    assert joins == [201, 204]
    world.run(seconds=1)
    assert world.roles("kira") == {"Blue"}
