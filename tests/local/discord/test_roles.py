"""Roles and the guild over the API."""

from typing import TYPE_CHECKING

import pytest

from local.discord.config import ADMINISTRATOR, BAN_MEMBERS, LEAST_PERMISSIONS, MANAGE_ROLES, VIEW_AUDIT_LOG
from local.discord.core import Discord
from tests.local.discord.support import CONFIG, GUILD, Bot, Clock

if TYPE_CHECKING:
    from local.discord.admin import Admin


def test_the_guild_tells_its_name_owner_and_roles(admin: "Admin", bot: Bot) -> None:
    admin.create_role("Member")
    guild = bot.get(GUILD).json
    assert (guild["id"], guild["name"]) == (CONFIG.guild_id, CONFIG.guild_name)
    assert guild["owner_id"] == admin.state().owner_id
    assert {role["name"] for role in guild["roles"]} == {"@everyone", "Rolecall", "Member"}
    assert "approximate_member_count" not in guild
    assert bot.get(f"{GUILD}?with_counts=true").json["approximate_member_count"] == 2


def test_a_new_role_stands_just_above_everyone_and_below_the_bot(admin: "Admin", bot: Bot) -> None:
    bot.call("POST", f"{GUILD}/roles", {"name": "First"})
    role = bot.call("POST", f"{GUILD}/roles", {"name": "Second"}).json
    assert (role["position"], role["managed"], role["name"]) == (1, False, "Second")
    assert [role.name for role in admin.state().roles] == ["Rolecall", "First", "Second", "@everyone"]


def test_two_roles_may_have_one_name(bot: Bot) -> None:
    ids = {bot.call("POST", f"{GUILD}/roles", {"name": "Member"}).json["id"] for _ in range(2)}
    assert len(ids) == 2


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, 7])
def test_a_role_name_has_one_to_a_hundred_characters(bot: Bot, name: object) -> None:
    assert bot.call("POST", f"{GUILD}/roles", {"name": name}).code == 50035


def test_the_two_hundred_and_fifty_first_role_is_refused(admin: "Admin", bot: Bot) -> None:
    for number in range(248):
        admin.create_role(f"Role {number}")
    said = bot.call("POST", f"{GUILD}/roles", {"name": "One more"})
    assert (said.status, said.code) == (400, 30005)


def test_a_role_is_renamed_and_deleted_and_leaves_its_holders(admin: "Admin", bot: Bot) -> None:
    role = admin.create_role("Member")
    admin.add_member("alice", roles=["Member"])
    assert bot.call("PATCH", f"{GUILD}/roles/{role.id}", {"name": "Pilot"}).json["name"] == "Pilot"
    assert bot.call("DELETE", f"{GUILD}/roles/{role.id}").status == 204
    assert bot.call("DELETE", f"{GUILD}/roles/{role.id}").code == 10011
    alice = admin.member("alice")
    assert alice is not None
    assert alice.roles == ()
    assert [entry["action_type"] for entry in admin.audit_log()] == [31, 32]


def test_what_stands_above_the_bot_is_managed_or_is_everyone_cannot_be_deleted(admin: "Admin", bot: Bot) -> None:
    high = admin.create_role("Officer", position=9)
    managed = admin.create_role("Booster", managed=True)
    assert bot.call("DELETE", f"{GUILD}/roles/{high.id}").code == 50013
    assert bot.call("PATCH", f"{GUILD}/roles/{high.id}", {"name": "Mine"}).code == 50013
    assert bot.call("DELETE", f"{GUILD}/roles/{managed.id}").code == 50013
    assert bot.call("DELETE", f"{GUILD}/roles/{CONFIG.guild_id}").code == 50028


def test_a_bot_gives_no_permission_that_it_does_not_hold(admin: "Admin", bot: Bot) -> None:
    assert bot.call("POST", f"{GUILD}/roles", {"permissions": str(ADMINISTRATOR)}).code == 50013
    assert bot.call("POST", f"{GUILD}/roles", {"permissions": str(MANAGE_ROLES)}).status == 200
    admin.turn(bot_permissions=0)
    assert bot.call("POST", f"{GUILD}/roles", {"name": "Member"}).code == 50013


def test_the_bots_own_place_decides_what_it_may_touch(admin: "Admin", bot: Bot) -> None:
    role = admin.create_role("Member")
    alice = admin.add_member("alice")
    one = f"{GUILD}/members/{alice.id}/roles/{role.id}"
    assert bot.call("PUT", one).status == 204
    admin.turn(bot_position=1)
    assert bot.call("DELETE", one).code == 50013


def test_tags_of_null_are_present(admin: "Admin", bot: Bot) -> None:
    admin.create_role("Booster", managed=True, tags={"premium_subscriber": None})
    admin.create_role("Plain")
    tags = {role["name"]: role.get("tags") for role in bot.get(f"{GUILD}/roles").json}
    assert tags["Booster"] == {"premium_subscriber": None}
    assert tags["Rolecall"] == {"bot_id": CONFIG.app_id}
    assert tags["Plain"] is None


def test_roles_are_counted_without_everyone(admin: "Admin", bot: Bot) -> None:
    role, empty = admin.create_role("Member"), admin.create_role("Empty")
    admin.add_members(3, roles=["Member"])
    counts = bot.get(f"{GUILD}/roles/member-counts").json
    assert (counts[role.id], counts[empty.id]) == (3, 0)
    assert CONFIG.guild_id not in counts


def test_the_audit_log_needs_its_permission_and_can_be_searched(admin: "Admin", bot: Bot, clock: Clock) -> None:
    assert bot.get(f"{GUILD}/audit-logs").code == 50013
    admin.turn(bot_permissions=LEAST_PERMISSIONS | VIEW_AUDIT_LOG)
    for number in range(3):
        clock.push(1)
        bot.call("POST", f"{GUILD}/roles", {"name": f"Role {number}"})
    alice = admin.add_member("alice")
    bot.call("PATCH", f"{GUILD}/members/{alice.id}", {"nick": "Al"})
    log = bot.get(f"{GUILD}/audit-logs").json
    assert [entry["action_type"] for entry in log["audit_log_entries"]] == [24, 30, 30, 30]
    assert {user["username"] for user in log["users"]} == {"alice", "Rolecall"}
    oldest = log["audit_log_entries"][-1]["id"]
    query = f"action_type=30&after={oldest}&limit=1"
    assert len(bot.get(f"{GUILD}/audit-logs?{query}").json["audit_log_entries"]) == 1


def test_bans_are_listed_to_who_may_ban(admin: "Admin", bot: Bot) -> None:
    admin.add_person("mallory")
    admin.ban("mallory", reason="spam")
    assert bot.get(f"{GUILD}/bans").code == 50013
    admin.turn(bot_permissions=BAN_MEMBERS)
    (ban,) = bot.get(f"{GUILD}/bans").json
    assert (ban["user"]["username"], ban["reason"]) == ("mallory", "spam")
    admin.unban("mallory")
    assert bot.get(f"{GUILD}/bans").json == []


def test_everything_repeats_itself_with_the_same_clock_and_requests() -> None:
    def story() -> list[bytes]:
        discord = Discord(clock=Clock())
        bot = Bot(discord)
        discord.admin.add_members(3)
        made = bot.call("POST", f"{GUILD}/roles", {"name": "Member"})
        return [made.raw.body, bot.get(f"{GUILD}/members?limit=10").raw.body]

    assert story() == story()
