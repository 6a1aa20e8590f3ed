"""Joining, where Discord refuses a part of it."""

from chalicelib.store import users
from local.simulated import World


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
    user = users.get("1", now=world.clock.now())
    assert user is not None
    assert user.last_error == "nickname_not_permitted"
