"""What members read when they use a command: the same as on their page, at once where nobody must be asked."""

import json

import pytest

from chalicelib.commands.replies import EPHEMERAL
from chalicelib.messages import UpdateAll, encode
from chalicelib.store import attempts, users
from local.discord.faults import Fault
from local.simulated import STAGE, World
from tests.commands.support import Guild

MANAGE_ROLES = 1 << 28


def an_hour_later(world: World) -> None:
    """What is stored of the guild is too old."""
    world.clock.advance(world.settings.roles_cache_max_age + 60)


def officer(world: World, name: str = "vex") -> None:
    """Somebody who may manage roles joins."""
    world.guild.create_role("Officer", permissions=MANAGE_ROLES)
    world.guild.add_member(name, roles=["Officer"])


# --- whoami ------------------------------------------------------------------------------------------------------


def test_whoami_says_at_once_which_group_gives_each_role(world: World, guild: Guild) -> None:
    before = len(world.asked())
    shown = guild.use("kira", "whoami")
    assert (shown.state, shown.ephemeral, shown.may_mention) == ("answered", True, ())
    first, state, heading, *roles = shown.content.splitlines()
    assert first.startswith("**\\@kira** · linked since ")
    assert state == "Everything is in step. Checked just now."
    assert heading == "**Roles**"
    assert sorted(roles) == ["• Logistics – by your group Logistics", "• Member – by your group Member"]
    assert len(world.asked()) == before, "Discord sends the member along: it need not be asked"


def test_whoami_is_in_german_for_those_whose_discord_is(guild: Guild) -> None:
    said = guild.use("kira", "whoami", locale="de").content
    assert "Alles stimmt. Geprüft gerade eben." in said
    assert "• Member – durch deine Gruppe Member" in said


def test_what_differs_is_said_with_the_command_that_mends_it(world: World, guild: Guild) -> None:
    world.guild.change_member("kira", take=["Member"])
    said = guild.use("kira", "whoami").content
    assert "One thing differs. It is put right within the hour, or at once with `/refresh`." in said
    assert "• Member – by your group Member – on its way" in said


def test_what_could_not_be_done_is_said(world: World, guild: Guild) -> None:
    world.guild.create_role("Director", position=50)
    world.site.groups("101", ["Member", "Director"])
    world.run()
    an_hour_later(world)
    said = guild.seen(guild.use("kira", "whoami")).content
    assert "**What could not be done**" in said
    assert "• Director: its role ranks too high on Discord for the bot to give it. Tell an administrator." in said


def test_who_is_not_linked_is_told_where_to_link(world: World, guild: Guild) -> None:
    world.guild.add_member("dov")
    assert guild.use("dov", "whoami").content.startswith("No Discord account is linked to you.")


def test_a_link_of_another_server_counts_as_none(world: World, guild: Guild) -> None:
    user = users.get("101", now=world.clock.now())
    assert user
    assert user.link
    from chalicelib.store.rows import UserRow

    UserRow("101").update(actions=[UserRow.guild_id.set("7")])
    assert guild.use("kira", "whoami").content.startswith("No Discord account is linked to you.")


# --- the deferred answer -----------------------------------------------------------------------------------------


def test_an_answer_for_which_discord_must_be_asked_is_deferred_and_brought_by_the_queue(
    world: World, guild: Guild
) -> None:
    an_hour_later(world)
    before = len(world.asked())
    shown = guild.use("kira", "whoami")
    assert (shown.state, shown.ephemeral) == ("thinking", True)
    assert len(world.asked()) == before, "not within the three seconds"
    began = world.clock.now()
    later = guild.seen(shown)
    assert later.state == "answered"
    assert "Everything is in step." in later.content
    assert (later.ephemeral, later.may_mention) == (True, ())
    routes = [one.route for one in world.asked()[before:]]
    assert routes == ["GET guild", "GET member", "PATCH command answer"]
    assert world.clock.now() - began < 5


def test_the_secret_of_a_deferred_answer_is_in_no_message(world: World, guild: Guild) -> None:
    an_hour_later(world)
    shown = guild.use("kira", "whoami")
    token = world.guild.world.interactions._open[shown.id].token
    waiting = world.sqs.waiting(f"rolecall-{STAGE}-bulk")
    assert [json.loads(one.body) for one in waiting] == [{"kind": "answer_command", "interaction_id": shown.id}]
    assert all(token not in one.body + str(one.attributes) for one in waiting)
    world.run()
    from chalicelib.store import interactions

    assert interactions.find(shown.id, now=world.clock.now()) is None, "forgotten once it is used"


def test_a_deferred_answer_is_brought_although_discord_does_not_say_what_the_guild_is(
    world: World, guild: Guild
) -> None:
    an_hour_later(world)
    shown = guild.use("kira", "whoami")
    world.guild.inject(Fault(kind="answer", status=500, method="GET", times=50))
    later = guild.seen(shown)
    assert later.content.splitlines()[1].startswith("Rolecall cannot tell just now which roles the server has.")


def test_an_answer_is_tried_again_where_discord_fails(world: World, guild: Guild) -> None:
    an_hour_later(world)
    shown = guild.use("kira", "whoami")
    world.guild.inject(Fault(kind="answer", status=503, method="PATCH", path="/webhooks/", times=1))
    assert guild.seen(shown).state == "answered"
    assert list(world.dead_letters()) == []


def test_an_answer_that_comes_before_discord_has_the_first_one_is_brought_again(world: World, guild: Guild) -> None:
    an_hour_later(world)
    made = world.guild.begin_command("kira", "whoami")
    answer = guild.post(made.body.encode(), made.headers)
    world.run(seconds=2)  # Discord is still reading the first answer
    assert world.guild.command_shown(made.id).state == "sent"
    world.guild.command_answered(made.id, answer.status, answer.body)
    world.run()
    assert world.guild.command_shown(made.id).state == "answered"


def test_an_answer_is_given_up_once_discord_forgets_its_secret(world: World, guild: Guild) -> None:
    an_hour_later(world)
    shown = guild.use("kira", "whoami")
    world.guild.inject(Fault(kind="answer", status=503, method="PATCH", path="/webhooks/", times=100))
    assert guild.seen(shown).state == "thinking"
    assert list(world.dead_letters()) == []
    assert world.sqs.waiting(f"rolecall-{STAGE}-bulk") == []


# --- refresh -----------------------------------------------------------------------------------------------------


def test_refresh_brings_the_member_in_step_once_a_minute(world: World, guild: Guild) -> None:
    world.guild.change_member("kira", take=["Member"])
    assert guild.use("kira", "refresh").content == "Asked for. It usually takes a few seconds: look again then."
    assert guild.use("kira", "refresh").content == "You asked less than a minute ago. Wait a little."
    world.run()
    assert world.roles("kira") == {"Member", "Logistics"}
    world.clock.advance(61)
    assert guild.use("kira", "refresh").content.startswith("Asked for.")


def test_refresh_counts_the_button_of_the_page_too(world: World, guild: Guild) -> None:
    from chalicelib.members.refresh import ask_for_refresh

    assert ask_for_refresh(world.http.services, "101")
    assert guild.use("kira", "refresh").content.startswith("You asked less than a minute ago.")


def test_refresh_of_who_is_not_linked_asks_for_nothing(world: World, guild: Guild) -> None:
    world.guild.add_member("dov")
    assert guild.use("dov", "refresh").content.startswith("No Discord account is linked to you.")
    assert world.sqs.waiting(f"rolecall-{STAGE}-jobs") == []


# --- whois -------------------------------------------------------------------------------------------------------


def test_whois_explains_a_member_to_who_may_manage_roles(world: World, guild: Guild) -> None:
    officer(world)
    world.guild.change_member("kira", take=["Logistics"])
    said = guild.use("vex", "whois", member="kira").content
    assert said.startswith("**\\@kira** is user 101 of the auth site, linked since ")
    assert "• Logistics\\: role Logistics \\(by its name\\)" in said
    assert "• Member\\: kept\\: by group Member" in said
    assert "• Logistics\\: to be given\\: by group Logistics" in said
    assert "**What a refresh would do now**\n• give Logistics" in said


def test_whois_is_in_german_for_those_whose_discord_is(world: World, guild: Guild) -> None:
    officer(world)
    world.guild.change_member("kira", take=["Logistics"])
    said = guild.use("vex", "whois", member="kira", locale="de").content
    assert "• Member\\: bleibt\\: durch Gruppe Member" in said
    assert "**Was ein Auffrischen jetzt täte**\n• Logistics geben" in said


def test_whois_says_that_somebody_is_linked_to_nobody(world: World, guild: Guild) -> None:
    officer(world)
    world.guild.add_member("dov")
    assert guild.use("vex", "whois", member="dov").content == "**\\@dov** is not linked to anybody on the auth site."


def test_whois_says_that_a_linked_member_is_not_in_the_server(world: World, guild: Guild) -> None:
    officer(world)
    world.guild.leave("kira")
    said = guild.use("vex", "whois", member="kira").content
    assert "• the account is not in the server" in said


def test_whois_is_not_shown_to_other_members(guild: Guild) -> None:
    with pytest.raises(LookupError, match="does not show"):
        guild.use("kira", "whois", member="kira")


def test_whois_is_refused_to_other_members_whom_discord_lets_use_it(world: World, guild: Guild) -> None:
    world.guild.add_member("mal")
    said = guild.use("mal", "whois", member="kira", allowed=True)
    assert said.content == "Only those who may manage roles can ask for another member."


def test_whois_answers_the_owner(world: World, guild: Guild) -> None:
    owner = world.guild.switches()["owner"]
    assert "is user 101" in guild.use(owner, "whois", member="kira").content


# --- the calls ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "calls"), [("whoami", 3), ("refresh", 4)])
def test_a_command_takes_few_calls_of_the_store(world: World, guild: Guild, name: str, calls: int) -> None:
    guild.use("kira", "whoami")  # the first one reads what is known of the guild
    made: list[str] = []
    world.dynamodb.before = lambda *call: made.append(str(call[0]))
    guild.use("kira", name)
    assert len(made) == calls, made


def test_every_answer_is_seen_by_the_caller_alone(guild: Guild) -> None:
    guild.use("kira", "whoami")
    guild.use("kira", "refresh")
    answers = [json.loads(one.body) for one in guild.sent]
    assert all(one["data"]["flags"] & EPHEMERAL for one in answers)
    assert all(one["data"]["allowed_mentions"] == {"parse": []} for one in answers)


def test_a_refresh_does_what_a_message_does(world: World, guild: Guild) -> None:
    guild.use("kira", "refresh")
    [message] = world.sqs.waiting(f"rolecall-{STAGE}-jobs")
    assert message.body == encode(UpdateAll(user_id="101")).decode()
    assert attempts.is_used(f"interaction-once:{world.guild.world.interactions.commands and _last_id(world)}")


def _last_id(world: World) -> str:
    return list(world.guild.world.interactions._open)[-1]
