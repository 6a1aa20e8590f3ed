"""Members over the API: list, join, change, kick, single roles."""

from typing import TYPE_CHECKING

import pytest

from local.discord.config import CREATE_INSTANT_INVITE, LEAST_PERMISSIONS, MANAGE_NICKNAMES, MANAGE_ROLES
from local.discord.core import Discord
from tests.local.discord.support import CONFIG, GUILD, Bot, access_token

if TYPE_CHECKING:
    from local.discord.admin import Admin
    from local.discord.views import Member, Role


@pytest.fixture
def member_role(admin: "Admin") -> "Role":
    return admin.create_role("Member")


@pytest.fixture
def alice(admin: "Admin") -> "Member":
    return admin.add_member("alice", nick="Al")


def test_members_are_listed_ascending_by_id_one_at_a_time_unless_asked(admin: "Admin", bot: Bot) -> None:
    ids = [int(person) for person in admin.add_members(20)]
    assert len(bot.get(f"{GUILD}/members").json) == 1
    seen: list[int] = []
    while page := bot.get(f"{GUILD}/members?limit=7&after={seen[-1] if seen else 0}").json:
        seen += [int(member["user"]["id"]) for member in page]
    assert seen == sorted(seen)
    assert set(ids) < set(seen)
    assert len(seen) == 22  # with the owner and the bot


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "after=-1"])
def test_a_page_out_of_bounds_is_an_invalid_form(bot: Bot, query: str) -> None:
    said = bot.get(f"{GUILD}/members?{query}")
    assert (said.status, said.code) == (400, 50035)


def test_listing_without_the_member_intent_is_refused(admin: "Admin", bot: Bot) -> None:
    admin.turn(member_intent=False)
    said = bot.get(f"{GUILD}/members?limit=1000")
    assert (said.status, said.code) == (403, 50001)


def test_a_member_and_three_ways_of_not_being_one(admin: "Admin", bot: Bot, alice: "Member") -> None:
    assert bot.get(f"{GUILD}/members/{alice.id}").json["nick"] == "Al"
    stranger = admin.add_person("bob")
    assert bot.get(f"{GUILD}/members/{stranger.id}").code == 10007
    assert bot.get(f"{GUILD}/members/42").code == 10013
    admin.delete_account("alice")
    assert bot.get(f"{GUILD}/members/{alice.id}").code == 10013


def test_a_bot_outside_the_guild_has_no_access_and_another_guild_is_unknown(
    admin: "Admin", bot: Bot, alice: "Member"
) -> None:
    assert bot.get(f"/guilds/77/members/{alice.id}").code == 10004
    admin.turn(bot_in_guild=False)
    said = bot.get(f"{GUILD}/members/{alice.id}")
    assert (said.status, said.code) == (403, 50001)


# Joining.


def test_a_person_joins_with_roles_and_nickname_in_one_request(
    discord: Discord, admin: "Admin", bot: Bot, member_role: "Role"
) -> None:
    bob = admin.add_person("bob", global_name="Bob")
    body = {"access_token": access_token(discord, bob.id), "roles": [member_role.id], "nick": "  Bob   the  Pilot "}
    said = bot.call("PUT", f"{GUILD}/members/{bob.id}", body)
    assert said.status == 201
    assert said.json["user"]["username"] == "bob"
    joined = admin.member("bob")
    assert joined is not None
    assert (joined.roles, joined.nick) == (("Member",), "Bob the Pilot")


def test_who_is_there_already_is_left_as_they_are(
    discord: Discord, admin: "Admin", bot: Bot, alice: "Member", member_role: "Role"
) -> None:
    body = {"access_token": access_token(discord, alice.id), "roles": [member_role.id], "nick": "New"}
    assert bot.call("PUT", f"{GUILD}/members/{alice.id}", body).status == 204
    assert admin.member("alice") == alice


def test_joining_is_refused_for_the_reasons_discord_has(discord: Discord, admin: "Admin", bot: Bot) -> None:
    def join(name: str, token: str | None = None, scope: str = "identify guilds.join", **more: object) -> int:
        person = next(person for person in admin.people() if person.username == name)
        body = {"access_token": token or access_token(discord, person.id, scope), **more}
        return bot.call("PUT", f"{GUILD}/members/{person.id}", body).code

    admin.turn(rate_limits=False)
    top = admin.create_role("Admiral", position=9)
    for name in ("bob", "carol", "dave"):
        admin.add_person(name)
    carols_token = access_token(discord, admin.people()[2].id)
    assert join("bob", token="nonsense") == 50025
    assert join("bob", token=carols_token) == 50025
    assert join("bob", scope="identify") == 50025
    assert join("bob", roles=[top.id]) == 50013
    assert join("bob", roles=["77"]) == 50028
    assert join("bob", nick="x" * 33) == 50035
    admin.ban("carol")
    assert join("carol") == 40007
    admin.change_person("dave", guild_count=200)
    assert join("dave") == 30001
    admin.turn(bot_permissions=LEAST_PERMISSIONS & ~CREATE_INSTANT_INVITE)
    assert join("bob") == 50013
    assert admin.member("bob") is None


# Changing.


def test_a_patch_replaces_the_whole_list_of_roles_and_the_nickname(
    admin: "Admin", bot: Bot, alice: "Member", member_role: "Role"
) -> None:
    other = admin.create_role("Other")
    admin.change_member("alice", give=["Other"])
    said = bot.call("PATCH", f"{GUILD}/members/{alice.id}", {"roles": [member_role.id], "nick": "Ally"})
    assert said.status == 200
    assert said.json["roles"] == [member_role.id]
    assert other.id not in said.json["roles"]
    assert said.json["nick"] == "Ally"


@pytest.mark.parametrize(
    ("sent", "stored"),
    [("  Al  ice ", "Al ice"), ("", None), (None, None), ("   ", None), ("é" * 32, "é" * 32)],
)
def test_nicknames_are_stored_sanitised(
    admin: "Admin", bot: Bot, alice: "Member", sent: str | None, stored: str | None
) -> None:
    assert bot.call("PATCH", f"{GUILD}/members/{alice.id}", {"nick": sent}).json["nick"] == stored
    changed = admin.member("alice")
    assert changed is not None
    assert changed.nick == stored


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"nick": "x" * 33}, "nick"),
        ({"nick": 7}, "nick"),
        ({"roles": "all"}, "roles"),
        ({"roles": ["no id"]}, "roles"),
        ({"roles": ["1", "1"]}, "roles"),
    ],
)
def test_a_wrong_field_is_named(bot: Bot, alice: "Member", body: object, field: str) -> None:
    said = bot.call("PATCH", f"{GUILD}/members/{alice.id}", body)
    assert (said.status, said.code) == (400, 50035)
    assert list(said.json["errors"]) == [field]


def test_a_patch_whose_nickname_is_refused_changes_no_role_either(
    admin: "Admin", bot: Bot, alice: "Member", member_role: "Role"
) -> None:
    admin.create_role("Officer", position=9)
    admin.change_member("alice", give=["Officer"])
    officer = admin.state().role("Officer")
    assert officer is not None
    body = {"roles": [officer.id, member_role.id], "nick": "Al"}
    assert bot.call("PATCH", f"{GUILD}/members/{alice.id}", body).code == 50013
    unchanged = admin.member("alice")
    assert unchanged is not None
    assert unchanged.roles == ("Officer",)


def test_the_owner_cannot_be_renamed_or_kicked_but_given_roles(admin: "Admin", bot: Bot, member_role: "Role") -> None:
    owner = admin.state().owner_id
    assert bot.call("PATCH", f"{GUILD}/members/{owner}", {"nick": "Boss"}).code == 50013
    assert bot.call("DELETE", f"{GUILD}/members/{owner}").code == 50013
    assert bot.call("PATCH", f"{GUILD}/members/{owner}", {"roles": [member_role.id]}).status == 200
    assert bot.call("DELETE", f"{GUILD}/members/{owner}/roles/{member_role.id}").status == 204


def test_managed_roles_and_roles_above_the_bot_can_be_neither_given_nor_taken(
    admin: "Admin", bot: Bot, alice: "Member", member_role: "Role"
) -> None:
    boost = admin.create_role("Booster", managed=True, tags={"premium_subscriber": None})
    high = admin.create_role("Officer", position=9)
    for fixed in (boost, high):
        one = f"{GUILD}/members/{alice.id}/roles/{fixed.id}"
        assert bot.call("PUT", one).code == 50013
        admin.change_member("alice", roles=[fixed.id])
        assert bot.call("DELETE", one).code == 50013
        assert bot.call("PATCH", f"{GUILD}/members/{alice.id}", {"roles": []}).code == 50013
        kept = {"roles": [fixed.id, member_role.id]}
        assert bot.call("PATCH", f"{GUILD}/members/{alice.id}", kept).status == 200


def test_a_role_that_is_not_there_is_unknown_alone_and_invalid_in_a_list(bot: Bot, alice: "Member") -> None:
    assert bot.call("PUT", f"{GUILD}/members/{alice.id}/roles/77").code == 10011
    assert bot.call("PUT", f"{GUILD}/members/{alice.id}/roles/{CONFIG.guild_id}").code == 10011
    assert bot.call("PATCH", f"{GUILD}/members/{alice.id}", {"roles": ["77"]}).code == 50028


def test_a_single_role_is_given_and_taken_and_twice_is_no_error(
    admin: "Admin", bot: Bot, alice: "Member", member_role: "Role"
) -> None:
    path = f"{GUILD}/members/{alice.id}/roles/{member_role.id}"
    assert [bot.call("PUT", path).status for _ in range(2)] == [204, 204]
    given = admin.member("alice")
    assert given is not None
    assert given.roles == ("Member",)
    assert [bot.call("DELETE", path).status for _ in range(2)] == [204, 204]
    assert admin.member("alice") == alice


def test_each_change_needs_its_permission(admin: "Admin", bot: Bot, alice: "Member", member_role: "Role") -> None:
    member = f"{GUILD}/members/{alice.id}"
    admin.turn(bot_permissions=MANAGE_ROLES)
    assert bot.call("PATCH", member, {"nick": "Ally"}).code == 50013
    assert bot.call("DELETE", member).code == 50013
    assert bot.call("PUT", f"{member}/roles/{member_role.id}").status == 204
    admin.turn(bot_permissions=MANAGE_NICKNAMES)
    assert bot.call("PATCH", member, {"nick": "Ally"}).status == 200
    assert bot.call("PATCH", member, {"roles": []}).code == 50013


def test_two_factor_guards_roles_and_kicks_but_not_nicknames(
    admin: "Admin", bot: Bot, alice: "Member", member_role: "Role"
) -> None:
    admin.turn(requires_2fa=True)
    member = f"{GUILD}/members/{alice.id}"
    assert bot.call("PUT", f"{member}/roles/{member_role.id}").code == 60003
    assert bot.call("DELETE", member).code == 60003
    assert bot.call("PATCH", member, {"nick": "Ally"}).status == 200
    assert bot.get(GUILD).json["mfa_level"] == 1


def test_a_kicked_member_is_gone(admin: "Admin", bot: Bot, alice: "Member") -> None:
    assert bot.call("DELETE", f"{GUILD}/members/{alice.id}").status == 204
    assert admin.member("alice") is None
    assert bot.call("DELETE", f"{GUILD}/members/{alice.id}").code == 10007


def test_reasons_are_kept_where_discord_takes_them_and_decoded(
    admin: "Admin", bot: Bot, alice: "Member", member_role: "Role"
) -> None:
    member = f"{GUILD}/members/{alice.id}"
    reason = {"x_audit_log_reason": "sync%20by%20d%C3%A9mon"}
    bot.call("PATCH", member, {"nick": "Ally", "roles": [member_role.id]}, **reason)
    bot.call("DELETE", f"{member}/roles/{member_role.id}", **reason)
    bot.call("DELETE", member, **reason)
    entries = admin.audit_log()
    assert [entry["action_type"] for entry in entries] == [24, 25, 25, 20]
    assert {entry["reason"] for entry in entries} == {"sync by démon"}
    assert entries[1]["changes"] == [{"key": "$add", "new_value": [{"id": member_role.id, "name": "Member"}]}]
    assert entries[2]["changes"][0]["key"] == "$remove"


def test_an_over_long_reason_is_refused(bot: Bot, alice: "Member") -> None:
    said = bot.call("PATCH", f"{GUILD}/members/{alice.id}", {"nick": "A"}, x_audit_log_reason="x" * 513)
    assert said.code == 50035


def test_a_page_of_a_guild_of_thousands_stands_where_it_was_asked_for(admin: "Admin", bot: Bot) -> None:
    ids = admin.add_members(5000, roles=[])
    page = bot.get(f"{GUILD}/members?limit=1000&after={ids[2499]}").json
    assert [member["user"]["id"] for member in page] == ids[2500:3500]
    admin.leave(ids[2500])
    assert bot.get(f"{GUILD}/members?limit=1&after={ids[2499]}").json[0]["user"]["id"] == ids[2501]
