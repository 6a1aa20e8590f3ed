"""What is remembered of the guild."""

from typing import Any

import pytest

from chalicelib.discord.models import Guild, Role
from chalicelib.store.guild import GuildMemory
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
    assert memory.flag("seen") is None


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


def test_a_lock_is_held_by_one(memory: GuildMemory) -> None:
    assert memory.lock("role:a", "me", now=NOW, seconds=30)
    assert not memory.lock("role:a", "you", now=NOW + 29, seconds=30)
    assert memory.lock("role:b", "you", now=NOW, seconds=30)


def test_a_lock_ends_when_its_time_is_over(memory: GuildMemory) -> None:
    memory.lock("role:a", "me", now=NOW, seconds=30)
    assert memory.lock("role:a", "you", now=NOW + 30, seconds=30)
    memory.unlock("role:a", "me")  # too late: it is somebody else's
    assert not memory.lock("role:a", "me", now=NOW + 31, seconds=30)


def test_a_lock_that_is_given_back_is_free(memory: GuildMemory) -> None:
    memory.lock("role:a", "me", now=NOW, seconds=30)
    memory.unlock("role:a", "you")
    assert not memory.lock("role:a", "you", now=NOW, seconds=30)
    memory.unlock("role:a", "me")
    assert memory.lock("role:a", "you", now=NOW, seconds=30)


def test_a_flag_keeps_what_was_noted(memory: GuildMemory) -> None:
    memory.set_flag("seen", {"by": "sweep", "n": 1.5})
    assert memory.flag("seen") == {"by": "sweep", "n": 1.5}
    memory.set_flag("seen", {})
    assert memory.flag("seen") == {}


def test_guilds_do_not_see_each_other(memory: GuildMemory) -> None:
    memory.keep_facts(FACTS)
    memory.set_flag("seen", {"x": 1})
    memory.lock("role:a", "me", now=NOW, seconds=30)
    other = GuildMemory(2)
    assert other.facts() is None
    assert other.flag("seen") is None
    assert other.lock("role:a", "you", now=NOW, seconds=30)
