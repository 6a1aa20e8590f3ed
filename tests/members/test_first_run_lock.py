"""Imported members lose nothing, by no way, before a person released them; the documented move-in, step by step."""

import pytest

from chalicelib.store import rows, users
from chalicelib.store.removals import Cause, Loss
from chalicelib.store.rows import UserRow
from local.simulated import GUILD, STAGE, World
from ops.links.bulk import Importer, Outcome
from ops.links.table import Record
from tests.members.support import crowd, import_link, last_error, linked, removals, stored, swept

IMPORTED = 60  # members, of whom everybody has a role that was given by hand
HAND_GIVEN = "Veteran"
DAY = 86_400


def keep(world: World, ids: list[str]) -> int:
    """How many still have the role that was given by hand."""
    return sum(HAND_GIVEN in (world.roles(one.removeprefix("u-")) or ()) for one in ids)


def have(world: World, ids: list[str], role: str) -> int:
    return sum(role in (world.roles(one.removeprefix("u-")) or ()) for one in ids)


@pytest.fixture
def imported(world: World) -> list[str]:
    for name in ("Member", HAND_GIVEN):
        world.guild.create_role(name)
    return crowd(world, IMPORTED, roles=[HAND_GIVEN])


def state_groups(world: World, ids: list[str], groups: list[str]) -> None:
    for one in ids:
        world.site.groups(one, groups)


def test_the_documented_move_in(world: World) -> None:
    """docs/how-to/migrate-from-alliance-auth.md, from step 4 on."""
    for name in ("Member", HAND_GIVEN):
        world.guild.create_role(name)
    people = set(world.guild.add_members(IMPORTED, roles=[HAND_GIVEN]))
    names = {person.username: int(person.id) for person in world.guild.people() if person.id in people}
    importer = Importer(rows.connect(STAGE, client=world.dynamodb), int(GUILD), now=world.clock.now())
    records = [Record(2 + n, f"u-{name}", id_, "", "", None) for n, (name, id_) in enumerate(names.items())]
    verdicts = importer.put(records[:50]) + importer.put(records[50:])
    ids = [f"u-{name}" for name in names]
    assert [one.outcome for one in verdicts] == [Outcome.NEW] * IMPORTED
    world.run(seconds=3600)
    swept(world)
    assert keep(world, ids) == IMPORTED, "a sweep of members whose groups were never stated"
    state_groups(world, ids, ["Member"])
    world.run()
    assert (keep(world, ids), have(world, ids, "Member")) == (IMPORTED, IMPORTED), "messages give and do not take"
    shown = world.sweep(dry_run=True)
    assert (shown["would_lose_roles"], shown["may_take"]) == (IMPORTED, False)
    assert {one["spared"] for one in shown["would_change"]} == {"first_run"}
    for _ in range(3):
        swept(world)
        world.clock.advance(3600)
    assert keep(world, ids) == IMPORTED, "nor do sweeps"
    swept(world, force=True)
    assert (keep(world, ids), have(world, ids, "Member")) == (0, IMPORTED)
    world.guild.change_member(ids[0].removeprefix("u-"), give=[HAND_GIVEN])
    swept(world)
    assert keep(world, ids) == 0, "from then on sweeps take"
    assert all(last_error(world, one) is None for one in ids)


@pytest.mark.parametrize("groups", [["Member"], []], ids=["other groups", "no groups"])
def test_neither_messages_nor_sweeps_take_from_imported_members(
    world: World, imported: list[str], groups: list[str]
) -> None:
    for _ in range(3):
        state_groups(world, imported, groups)
        world.run()
        swept(world)
        world.clock.advance(DAY)
    assert keep(world, imported) == IMPORTED
    assert have(world, imported, "Member") == (IMPORTED if groups else 0)
    assert {last_error(world, one) for one in imported} == {"first_run_lock"}
    notices = [one for one in world.site.notices() if one["user_id"]]
    assert [one for one in notices if one["kind"] != "username_changed"] == [], "they are not notified one by one"


def test_a_deletion_of_an_imported_member_waits_for_a_person(world: World, imported: list[str]) -> None:
    world.site.delete(imported[0])
    world.run()
    swept(world)
    assert linked(world, imported[0])
    assert keep(world, imported) == IMPORTED
    desk = removals(world)
    [one] = desk.all(Cause.FIRST_RUN)
    assert (one.user_id, one.loss) == (imported[0], Loss.KICK)
    desk.release_imported(by="kira")
    world.run()
    assert not linked(world, imported[0])


def test_imported_members_who_are_not_in_the_server_keep_their_link(world: World, imported: list[str]) -> None:
    """An import with a wrong column: nobody seems to be a member."""
    for one in imported:
        world.guild.leave(one.removeprefix("u-"))
    state_groups(world, imported[:5], ["Member"])
    world.run()
    for _ in range(2):
        swept(world)
        world.clock.advance(DAY)
    assert all(linked(world, one) for one in imported)
    assert {one.loss for one in removals(world).all()} == {Loss.UNLINK}
    swept(world, force=True)
    assert not any(linked(world, one) for one in imported)


def test_an_imported_member_who_was_once_as_they_should_be_is_not_locked_any_more(world: World) -> None:
    world.guild.create_role("Member")
    world.guild.create_role(HAND_GIVEN)
    by_message, by_sweep = crowd(world, 2, roles=["Member"])
    world.site.groups(by_message, ["Member"])
    users.record_groups(by_sweep, ("Member",), world.site.stamp(), now=world.clock.now())
    world.run()
    swept(world)
    for one in (by_message, by_sweep):
        world.guild.change_member(one.removeprefix("u-"), give=[HAND_GIVEN])
    swept(world)
    assert keep(world, [by_message, by_sweep]) == 0


def test_never_told_is_not_as_they_should_be(world: World, imported: list[str]) -> None:
    for _ in range(3):
        world.site.post({"kind": "update_all", "user_id": imported[0]})
        world.run()
        swept(world)
    state_groups(world, imported, [])
    world.run()
    assert keep(world, imported) == IMPORTED


def test_members_whom_rolecall_let_in_are_never_locked(world: World) -> None:
    world.guild.create_role(HAND_GIVEN)
    world.link("101", "kira", groups=["Member"])
    world.guild.change_member("kira", give=[HAND_GIVEN])
    world.site.groups("101", ["Member"])
    world.run()
    assert world.roles("kira") == {"Member"}


def test_a_later_import_is_locked_again(world: World, imported: list[str]) -> None:
    removals(world).release_imported(by="kira")
    world.clock.advance(60)
    later = crowd(world, 5, roles=[HAND_GIVEN], prefix="later")
    state_groups(world, [*imported[:5], *later], ["Member"])
    world.run()
    assert (keep(world, imported[:5]), keep(world, later)) == (0, 5)


def test_release_first_run_takes_what_it_showed_whatever_the_limit(world: World, imported: list[str]) -> None:
    state_groups(world, imported, ["Member"])
    world.run()
    desk = removals(world)
    assert len(list(desk.all(Cause.FIRST_RUN))) == IMPORTED
    desk.release_imported(by="kira")
    world.run()
    assert keep(world, imported) == 0
    assert list(desk.all()) == []


def test_a_hold_ends_though_imported_members_are_locked(world: World, imported: list[str]) -> None:
    ours = crowd(world, 30, roles=["Member"], groups=["Member"], prefix="ours", imported=False)
    state_groups(world, [*imported, *ours], [])
    world.run()
    desk = removals(world)
    assert desk.standing().held_since is not None
    state_groups(world, ours, ["Member"])
    world.run()
    assert desk.standing().held_since is None
    assert len(list(desk.all())) == IMPORTED


# --- rows of older versions ---------------------------------------------------------------------------------------


def of_an_older_version(user_id: str, *, synced_at: int | None = None) -> None:
    """A row of a version that did not record imports."""
    row = UserRow.get(user_id)
    row.update([UserRow.imported_at.remove(), UserRow.joining_until.remove()])
    if synced_at is not None:
        row.update([UserRow.synced_at.set(synced_at)])


@pytest.mark.parametrize(
    ("allowed", "synced", "locked"),
    [(False, False, True), (False, True, False), (True, False, False)],
    ids=["never swept", "synced once", "sweeps may take"],
)
def test_a_link_of_an_older_version_is_locked_if_nothing_was_ever_made_right(
    world: World, *, allowed: bool, synced: bool, locked: bool
) -> None:
    world.guild.create_role(HAND_GIVEN)
    world.guild.add_member("kira", roles=[HAND_GIVEN])
    import_link(world, "101", "kira")
    of_an_older_version("101", synced_at=int(world.clock.now()) if synced else None)
    if allowed:
        world.http.services.memory.sweeps.allow_taking(by="force", now=world.clock.now() - DAY)
    for _ in range(2):
        world.site.groups("101", [])
        world.run()
    assert world.roles("kira") == ({HAND_GIVEN} if locked else set())
    user = stored(world, "101")
    assert user
    assert (user.imported_at > 0) is locked


@pytest.mark.parametrize("storm", [True, False], ids=["in a storm", "by a sweep of the guild"])
def test_imported_members_whose_removal_was_dropped_are_still_locked(world: World, storm: bool) -> None:
    for name in ("Member", "Old"):
        world.guild.create_role(name)
    user_ids = crowd(world, 30, roles=["Member", "Old"])
    state_groups(world, user_ids, ["Member"])
    world.run()
    swept(world)
    removals(world).drop(removals(world).all(), by="an officer")
    if storm:
        for user_id in user_ids:
            world.site.post({"kind": "update_all", "user_id": user_id})
        world.run()
    swept(world)
    assert all((user := stored(world, one)) and user.imported_at for one in user_ids)
    state_groups(world, user_ids, ["Member"])
    world.run()
    swept(world)
    assert {frozenset(world.roles(one.removeprefix("u-")) or ()) for one in user_ids} == {frozenset({"Member", "Old"})}
