"""The guide to migrating from Alliance Auth, walked through in the simulated world."""

import pytest

from chalicelib.store.removals import Cause, Loss
from local.simulated import World
from tests.members.support import crowd, last_error, linked, removals, swept


@pytest.fixture
def imported(world: World) -> World:
    """Three members with the role Old: linked by an import, nothing stated yet."""
    for role in ("Old", "Member"):
        world.guild.create_role(role)
    crowd(world, 3, roles=["Old"])
    return world


def ids(world: World) -> tuple[str, str, str]:
    """Who is stated without Old, who is stated with it, who is deleted."""
    first, second, third = sorted(
        f"u-{person.username}" for person in world.guild.people() if "pilot" in person.username
    )
    return first, second, third


def roles(world: World, user_id: str) -> set[str] | None:
    return world.roles(user_id.removeprefix("u-"))


def state(world: World) -> tuple[str, str, str]:
    """What the guide lets the auth site post after the import."""
    changed, same, deleted = ids(world)
    world.site.groups(changed, ["Member"])
    world.site.groups(same, ["Old"])
    world.site.delete(deleted)
    world.run()
    return changed, same, deleted


def test_importing_changes_nothing(imported: World) -> None:
    swept(imported)
    assert [roles(imported, user_id) for user_id in ids(imported)] == [{"Old"}] * 3


def test_stating_groups_gives_and_takes_nothing_and_removes_nobody(imported: World) -> None:
    changed, same, deleted = state(imported)
    assert [roles(imported, one) for one in (changed, same, deleted)] == [{"Old", "Member"}, {"Old"}, {"Old"}]
    assert (last_error(imported, changed), last_error(imported, same)) == ("first_run_lock", None)
    assert linked(imported, deleted)
    waits = {one.user_id: one.loss for one in removals(imported).all(Cause.FIRST_RUN)}
    assert waits == {changed: Loss.ROLES, deleted: Loss.KICK}


@pytest.mark.parametrize("by_sweep", [True, False], ids=["forced sweep", "release --first-run"])
def test_the_last_step_takes_what_waits(imported: World, *, by_sweep: bool) -> None:
    changed, same, deleted = state(imported)
    swept(imported)
    assert roles(imported, changed) == {"Old", "Member"}, "a sweep without --force takes nothing"
    if by_sweep:
        swept(imported, force=True)
    else:
        removals(imported).release_imported(by="test")
        imported.run()
    assert (roles(imported, changed), roles(imported, same)) == ({"Member"}, {"Old"})
    assert not linked(imported, deleted)
    assert list(removals(imported).all()) == []


def test_who_was_once_as_stated_is_no_longer_locked(imported: World) -> None:
    _, same, _ = state(imported)
    imported.site.groups(same, [])
    imported.run()
    assert roles(imported, same) == set()
