"""What is remembered of the guild."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.discord.models import Guild, Role
from chalicelib.problems import problem_of
from chalicelib.store.guild import GuildMemory, RefusedRole, StoredRoles
from chalicelib.store.rows import GuildRow
from local.memory.clock import START as NOW

LARGE = 2**63 - 1  # a Discord id uses all 63 bits
FACTS = Guild(
    id=LARGE,
    name="Guild ü 🚀",
    owner_id=LARGE - 1,
    roles=(Role(LARGE - 2, "bot", 3, managed=True), Role(5, "a", 1)),
    bot_roles=frozenset({LARGE - 2}),
    read_at=NOW + 0.25,
)


@pytest.fixture
def memory() -> GuildMemory:
    return GuildMemory(LARGE)


def test_nothing_is_remembered_at_first(memory: GuildMemory) -> None:
    assert memory.facts() is None
    assert memory.role_ids() == {}
    assert memory.sweeps.taking_allowed_since() is None


def test_facts_come_back_whole_however_large_their_ids(memory: GuildMemory) -> None:
    memory.keep_facts(FACTS)
    found = memory.facts()
    assert found == FACTS
    assert found is not None
    assert found.by_id[5].name == "a"


def test_newer_facts_replace_older_ones(memory: GuildMemory) -> None:
    memory.keep_facts(FACTS)
    newer = Guild(LARGE, "new", 1, (), frozenset(), NOW + 9)
    memory.keep_facts(newer)
    assert memory.facts() == newer


LONGEST = "🚀" * 101  # characters of a name, in the signs that take the most bytes


def guild_of(number: int) -> Guild:
    """A guild of so many roles with the longest names."""
    roles = tuple(Role(LARGE - one, LONGEST, LARGE, permissions=LARGE) for one in range(number))
    return replace(FACTS, name=LONGEST, roles=roles)


def test_as_many_roles_as_discord_allows_fit_whatever_they_are_called(memory: GuildMemory) -> None:
    memory.keep_facts(guild_of(250))
    assert memory.facts() == guild_of(250)


def test_a_guild_that_no_row_can_hold_is_not_remembered_and_breaks_nothing(memory: GuildMemory) -> None:
    memory.keep_facts(FACTS)
    memory.keep_facts(guild_of(1000))
    assert memory.facts() == FACTS


def kept_by_another_version(memory: GuildMemory, **changes: Any) -> None:
    """FACTS, as a version keeps them that differs in these."""
    memory.keep_facts(FACTS)
    row = GuildRow.get(f"{LARGE}:facts")
    row.update([GuildRow.data.set((row.data or {}) | changes)])


def test_facts_of_another_version_are_read_as_far_as_they_are_known(memory: GuildMemory) -> None:
    roles = [{"id": LARGE - 2, "name": "bot", "position": 3, "managed": True, "colour": 7}]
    kept_by_another_version(memory, roles=[*roles, {"id": 5, "name": "a", "position": 1}], icon="x", by_id={})
    found = memory.facts()
    assert found == FACTS
    assert found is not None
    assert found.by_id[5].name == "a"


@pytest.mark.parametrize("changes", [{"roles": ["a"]}, {"owner_id": None}], ids=str)
def test_facts_that_cannot_be_read_are_none(memory: GuildMemory, changes: dict[str, Any]) -> None:
    kept_by_another_version(memory, **changes)
    assert memory.facts() is None
    memory.keep_facts(FACTS)
    assert memory.facts() == FACTS


def test_the_role_of_each_group_is_remembered(memory: GuildMemory) -> None:
    assert memory.keep_role_ids({"a": LARGE, "ü": 2}, known={})
    assert memory.role_ids() == {"a": LARGE, "ü": 2}
    assert memory.keep_role_ids({}, known={"a": LARGE, "ü": 2})
    assert memory.role_ids() == {}
    assert memory.keep_role_ids({"b": 3}, known={})
    assert memory.role_ids() == {"b": 3}


def test_what_another_worker_remembered_meanwhile_is_not_overwritten(memory: GuildMemory) -> None:
    memory.keep_role_ids({"a": 1}, known={})
    assert not memory.keep_role_ids({"b": 2}, known={})
    assert memory.role_ids() == {"a": 1}
    assert memory.keep_role_ids({"a": 1, "b": 2}, known={"a": 1})
    assert not memory.keep_role_ids({"a": 1, "c": 3}, known={"a": 1})
    assert memory.role_ids() == {"a": 1, "b": 2}


# --- creating roles ---------------------------------------------------------------------------------------------


def test_a_role_is_created_by_one(memory: GuildMemory) -> None:
    creation = memory.role_creation
    assert creation.lock("a", "me", now=NOW, seconds=30)
    assert not creation.lock("a", "you", now=NOW + 29, seconds=30)
    assert creation.lock("b", "you", now=NOW, seconds=30)


def test_a_lock_ends_when_its_time_is_over(memory: GuildMemory) -> None:
    creation = memory.role_creation
    creation.lock("a", "me", now=NOW, seconds=30)
    assert creation.lock("a", "you", now=NOW + 30, seconds=30)
    creation.unlock("a", "me")  # too late: it is somebody else's
    assert not creation.lock("a", "me", now=NOW + 31, seconds=30)


def test_a_lock_that_is_released_is_free(memory: GuildMemory) -> None:
    creation = memory.role_creation
    creation.lock("a", "me", now=NOW, seconds=30)
    creation.unlock("a", "you")
    assert not creation.lock("a", "you", now=NOW, seconds=30)
    creation.unlock("a", "me")
    assert creation.lock("a", "you", now=NOW, seconds=30)


def test_the_role_limit_is_remembered_until_its_time(memory: GuildMemory) -> None:
    assert memory.role_creation.limit_until() == 0.0
    memory.role_creation.keep_limit(until=NOW + 0.5)
    assert memory.role_creation.limit_until() == NOW + 0.5


def test_refused_roles_are_remembered_with_their_problems(memory: GuildMemory) -> None:
    assert memory.role_creation.refused() == {}
    refused = {"a": RefusedRole(NOW + 1.5, problem_of("no")), "Corp, Inc": RefusedRole(NOW, problem_of("ü"))}
    memory.role_creation.keep_refused(refused)
    assert memory.role_creation.refused() == refused
    memory.role_creation.keep_refused({})
    assert memory.role_creation.refused() == {}


def test_of_more_refused_roles_than_a_row_can_hold_the_last_ones_are_remembered(memory: GuildMemory) -> None:
    name = "🚀" * 96
    refused = {f"{number:04}{name}": RefusedRole(NOW, problem_of("x" * 1000)) for number in range(500)}
    memory.role_creation.keep_refused(refused)
    kept = memory.role_creation.refused()
    assert 100 <= len(kept) < 500
    assert list(kept) == list(refused)[-len(kept) :]


def test_a_refusal_that_may_end_at_any_moment_is_none_to_older_versions(memory: GuildMemory) -> None:
    """They read pairs, and try a role again once its time is over."""
    soon = {"a": RefusedRole(NOW, problem_of("no"), lasting=False)}
    memory.role_creation.keep_refused(soon)
    assert memory.role_creation.refused() == soon
    until, problem = GuildRow.get(f"{LARGE}:flag:refused_roles").data["a"]
    assert (until < 0, problem) == (True, "no")


def test_what_other_versions_stored_is_read(memory: GuildMemory) -> None:
    """The rows are as they were before they had types."""
    GuildRow(f"{LARGE}:flag:no_new_roles", data={"until": NOW}).save()
    GuildRow(f"{LARGE}:flag:refused_roles", data={"a": [NOW, "no"]}).save()
    GuildRow(f"{LARGE}:flag:may_take", data={}).save()
    assert memory.role_creation.limit_until() == NOW
    assert memory.role_creation.refused() == {"a": RefusedRole(NOW, problem_of("no"))}
    assert memory.sweeps.taking_allowed_since() == 1.0


def test_what_is_stored_can_be_read_by_other_versions(memory: GuildMemory) -> None:
    memory.role_creation.keep_limit(until=NOW)
    memory.role_creation.keep_refused({"a": RefusedRole(NOW, problem_of("no"))})
    memory.sweeps.allow_taking(by="force", now=NOW)
    flags = [GuildRow.get(f"{LARGE}:flag:{name}").data for name in ("no_new_roles", "refused_roles", "may_take")]
    assert flags == [{"until": NOW}, {"a": [NOW, "no"]}, {"since": NOW, "by": "force"}]


# --- sweeps -----------------------------------------------------------------------------------------------------


def test_it_is_known_since_when_imported_members_may_lose_something(memory: GuildMemory) -> None:
    assert memory.sweeps.taking_allowed_since() is None
    memory.sweeps.allow_taking(by="force", now=NOW)
    assert memory.sweeps.taking_allowed_since() == NOW


def test_one_sweep_of_each_kind_waits(memory: GuildMemory) -> None:
    sweeps = memory.sweeps
    assert sweeps.waits("first", 7, force=False), "nobody waits in its place"
    sweeps.claim_queue("first", 7, force=False, now=NOW)
    sweeps.claim_queue("forced", 7, force=True, now=NOW)
    sweeps.claim_queue("other", 1, force=False, now=NOW)
    sweeps.claim_queue("second", 7, force=False, now=NOW)
    assert not sweeps.waits("first", 7, force=False)
    assert sweeps.waits("second", 7, force=False)
    assert sweeps.waits("forced", 7, force=True)
    sweeps.release_queue("first", 7, force=False)
    assert not sweeps.waits("first", 7, force=False), "it released nothing"
    sweeps.release_queue("second", 7, force=False)
    assert sweeps.waits("first", 7, force=False)


def test_a_notice_is_claimed_once_for_each_state_and_time(memory: GuildMemory) -> None:
    assert memory.sweeps.claim_notice("held", "a", now=NOW, seconds=30)
    assert not memory.sweeps.claim_notice("held", "b", now=NOW + 29, seconds=30)
    assert memory.sweeps.claim_notice("repairing", "b", now=NOW + 29, seconds=30)
    assert memory.sweeps.claim_notice("held", "b", now=NOW + 30, seconds=30)


def test_guilds_do_not_see_each_other(memory: GuildMemory) -> None:
    memory.keep_facts(FACTS)
    memory.sweeps.allow_taking(by="force", now=NOW)
    memory.role_creation.lock("a", "me", now=NOW, seconds=30)
    other = GuildMemory(2)
    assert other.facts() is None
    assert other.sweeps.taking_allowed_since() is None
    assert other.role_creation.lock("a", "you", now=NOW, seconds=30)


def test_the_role_map_and_what_was_ever_known_stand_beside_the_remembered_roles(memory: GuildMemory) -> None:
    assert memory.keep_role_map({"A": LARGE}, known={})
    assert memory.keep_role_ids({"b": 3}, known={})
    assert memory.keep_ever_known(frozenset({5, LARGE}), known=frozenset())
    assert memory.keep_role_ids({"b": 4}, known={"b": 3})
    assert memory.roles() == StoredRoles({"b": 4}, {"A": LARGE}, frozenset({5, LARGE}))
    assert not memory.keep_role_map({}, known={}), "somebody else changed it"
    assert not memory.keep_ever_known(frozenset(), known=frozenset({5}))
    assert memory.keep_role_map({}, known={"A": LARGE})
    assert memory.keep_ever_known(frozenset(), known=frozenset({LARGE, 5}))
    assert memory.roles() == StoredRoles({"b": 4})
