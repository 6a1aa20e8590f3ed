"""The endpoint of commands: what Discord tries on saving it, and what is answered where a command is not for us."""

import json

import pytest

from chalicelib.commands.signature import is_signed
from chalicelib.store import interactions
from local.discord.keys import public_key, signature
from local.simulated import APP, AT, ENVIRONMENT, World
from tests.commands.support import Guild, payload
from tests.linking.doors import Doors, logged


def test_discord_accepts_the_endpoint_on_saving_it(world: World) -> None:
    Guild(world)
    headers = {"Authorization": f"Bot {ENVIRONMENT['DISCORD_BOT_TOKEN']}", "User-Agent": "DiscordBot (test, 1)"}
    application = world.session.get(f"{AT}/api/v10/applications/@me", headers=headers).json()
    assert application["interactions_endpoint_url"] == "https://api.test/discord/interactions"
    assert application["verify_key"] == world.settings.public_key


def test_a_ping_is_answered_and_touches_nothing(world: World, guild: Guild) -> None:
    calls: list[object] = []
    world.dynamodb.before = lambda *call: calls.append(call)
    answer = guild.posted({"id": "7", "application_id": APP, "type": 1, "token": "t"})
    assert (answer.status, json.loads(answer.body)) == (200, {"type": 1})
    assert calls == []


def test_without_a_public_key_there_is_no_endpoint(world: World, guild: Guild) -> None:
    from chalicelib import settings

    chosen = settings.load(lambda _: {}, {**ENVIRONMENT, "DISCORD_PUBLIC_KEY": ""})
    guild.doors = Doors(world, chosen)
    answer = guild.posted(payload(world))
    assert (answer.status, answer.reason) == (404, "misconfigured")


@pytest.mark.parametrize("changes", [{"guild_id": "7"}, {"guild_id": None}, {"application_id": "7"}])
def test_a_command_of_another_server_is_told_nothing(world: World, guild: Guild, changes: dict[str, str]) -> None:
    answer = guild.posted(payload(world, **changes))
    assert answer.status == 200
    assert json.loads(answer.body)["data"]["content"] == "This command belongs to another server."


def test_a_command_that_is_not_known_is_said_to_be_gone(world: World, guild: Guild) -> None:
    answer = guild.posted(payload(world, data={"id": "1", "name": "whowas", "type": 1}))
    assert json.loads(answer.body)["data"]["content"].startswith("There is no such command any more.")


def test_whois_without_a_member_asks_for_one(world: World, guild: Guild) -> None:
    member = payload(world)["member"] | {"permissions": "268435456"}
    answer = guild.posted(payload(world, member=member, data={"id": "1", "name": "whois", "type": 1}))
    assert json.loads(answer.body)["data"]["content"] == "Say which member you mean."


def test_nothing_is_read_before_the_signature_was_checked(guild: Guild) -> None:
    assert guild.posted(b"no JSON").reason == "bad_interaction"
    assert guild.posted(b"no JSON", **{"X-Signature-Ed25519": "0" * 128}).reason == "bad_signature"


def test_the_secret_of_an_interaction_is_never_written(world: World, guild: Guild) -> None:
    world.clock.advance(world.settings.roles_cache_max_age + 60)
    with logged() as output:
        guild.posted(payload(world))
        pending = interactions.find("990000000000000001", now=world.clock.now())
        world.guild.leave("kira")
        world.run()
    assert pending
    assert pending.token == "token-of-the-interaction"
    assert "token-of-the-interaction" not in output.getvalue() + repr(pending)
    assert all("token-of-the-interaction" not in sent.body for sent in world.sqs.sent)


def test_a_signature_holds_for_its_body_time_and_key_alone() -> None:
    key, body = public_key(APP), b'{"type":1}'
    right = signature(APP, "1767225600", body)
    assert is_signed(key, right, "1767225600", body)
    assert is_signed(key, right.upper(), "1767225600", body)
    assert not is_signed(key, right, "1767225601", body)
    assert not is_signed(key, right, "1767225600", body + b" ")
    assert not is_signed(public_key("7"), right, "1767225600", body)
    assert not is_signed("ff" * 32, right, "1767225600", body), "a key that is no point of the curve"


def test_a_signature_cannot_be_changed_into_another_one_of_the_same_body() -> None:
    """RFC 8032, section 5.1.7: S is below the group's order, or whoever has one signature could make a second."""
    order = 2**252 + 27742317777372353535851937790883648493
    right = bytes.fromhex(signature(APP, "1", b"{}"))
    other = right[:32] + (int.from_bytes(right[32:], "little") + order).to_bytes(32, "little")
    assert not is_signed(public_key(APP), other.hex(), "1", b"{}")


@pytest.mark.parametrize(
    ("sign", "shown"),
    [
        ("@everyone", "\\@everyone"),
        ("<@&123> <#1>", "\\<\\@\\&123\\> \\<\\#1\\>"),
        ("**bold** _x_ ~~y~~ ||z||", "\\*\\*bold\\*\\* \\_x\\_ \\~\\~y\\~\\~ \\|\\|z\\|\\|"),
        ("[here](https://evil.test)", "\\[here\\]\\(https\\:\\/\\/evil\\.test\\)"),
        ("`code`\n> quote", "\\`code\\` \\> quote"),
        ("\u202egnp.exe\u200b", "gnp\\.exe"),
        ("\\*not escaped*", "\\\\\\*not escaped\\*"),
    ],
)
def test_names_are_shown_as_they_are(sign: str, shown: str) -> None:
    from chalicelib.discord.markdown import escaped

    assert escaped(sign) == shown


def test_names_from_outside_format_and_mention_nothing(world: World, guild: Guild) -> None:
    nasty = "@everyone **x** [y](http://e.test)"
    world.site.groups("101", [nasty])
    world.run()
    world.clock.advance(world.settings.roles_cache_max_age + 60)
    said = guild.seen(guild.use("kira", "whoami"))
    assert "\\@everyone \\*\\*x\\*\\* \\[y\\]\\(http\\:\\/\\/e\\.test\\)" in said.content
    assert nasty not in said.content
    assert said.may_mention == ()


def test_however_much_there_is_to_say_discord_takes_it(world: World, guild: Guild) -> None:
    world.site.groups("101", [f"Group *{number}* with a rather long name" for number in range(60)])
    world.run()
    world.clock.advance(world.settings.roles_cache_max_age + 60)
    said = guild.seen(guild.use("kira", "whoami")).content
    assert 1000 < len(said) <= 2000
    assert said.splitlines()[-1].startswith("… and ")
    assert said.splitlines()[-1].endswith(" more lines, which find no room here.")
