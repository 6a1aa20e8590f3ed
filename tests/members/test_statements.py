"""What a message states: what it takes, what has to be compared, and whether that was done already."""

from dataclasses import replace

import pytest

from chalicelib.discord.models import Account
from chalicelib.discord.rate_limit import Lane
from chalicelib.members.context import JobContext
from chalicelib.members.statements import is_answered, parts_to_compare, still_waits, takes_groups
from chalicelib.messages import DeleteUser, Parts, UpdateAll, UpdateGroups, UpdateNickname, UpdateUsername
from chalicelib.store.user import Link, Look, User

NOW = 1_000_000.0
USER = User(
    "1",
    groups=("A", "B"),
    groups_at=5,
    nickname="Kira",
    nickname_at=5,
    version=7,
    synced_version=7,
    link=Link(Account(1, "kira"), 0),
)


def states(groups: list[str], changed_at: int) -> UpdateGroups:
    return UpdateGroups(user_id="1", groups=groups, changed_at=changed_at)


@pytest.mark.parametrize(
    ("groups", "changed_at", "takes"),
    [
        (["A"], 6, True),
        (["A"], 5, True),  # two statements may have the same time
        (["A"], 4, False),  # an older one takes nothing
        (["B", "A", "C"], 6, False),
        ([], 6, True),
    ],
)
def test_a_message_takes_a_group_that_it_leaves_out(groups: list[str], changed_at: int, takes: bool) -> None:
    assert takes_groups(states(groups, changed_at), USER) is takes


def test_a_message_that_states_no_groups_takes_none_nor_does_one_of_whom_none_were_known() -> None:
    assert not takes_groups(UpdateAll(user_id="1", nickname="Kira", changed_at=6), USER)
    assert not takes_groups(states([], 6), replace(USER, groups=None))


@pytest.mark.parametrize(
    ("since", "parts", "answered"),
    [
        (NOW, Parts.ALL, True),
        (NOW + 0.1, Parts.ALL, False),  # the look began before the message was sent
        (None, Parts.ALL, False),
        (NOW, Parts.GROUPS, True),
    ],
)
def test_a_look_answers_for_messages_that_were_sent_before_it(
    since: float | None, parts: Parts, answered: bool
) -> None:
    looked = replace(USER, looked=Look(NOW, Parts.ALL.value))
    assert is_answered(looked, parts, JobContext(Lane.NORMAL, "", since=since)) is answered


def test_a_look_answers_for_the_parts_that_it_compared_and_while_nothing_else_is_wanted() -> None:
    context = JobContext(Lane.NORMAL, "", since=NOW)
    groups_only = replace(USER, looked=Look(NOW, Parts.GROUPS.value))
    assert is_answered(groups_only, Parts.GROUPS, context)
    assert not is_answered(groups_only, Parts.ALL, context)
    assert not is_answered(replace(groups_only, version=8), Parts.GROUPS, context)
    assert not is_answered(USER, Parts.GROUPS, context)


@pytest.mark.parametrize(
    ("job", "synced", "parts"),
    [
        (states(["A"], 5), 6, Parts.GROUPS),  # only what it states itself is new
        (states(["A"], 4), 6, Parts.ALL),  # something else is new
        (states(["A"], 5), 5, Parts.ALL),  # something else, too
        (states(["A"], 5), 7, Parts.GROUPS),
        (UpdateNickname(user_id="1", nickname="K", changed_at=5), 6, Parts.NICKNAME),
        (UpdateNickname(user_id="1", nickname="K", changed_at=4), 6, Parts.ALL),
        (UpdateUsername(user_id="1"), 3, Parts.USERNAME),
        (UpdateGroups(user_id="1"), 7, Parts.GROUPS),
        (UpdateGroups(user_id="1"), 6, Parts.ALL),
        (UpdateGroups(user_id="1"), None, Parts.ALL),
        (DeleteUser(user_id="1"), 7, Parts.ALL),
    ],
)
def test_what_has_to_be_compared(
    job: UpdateGroups | UpdateNickname | UpdateUsername | DeleteUser, synced: int | None, parts: Parts
) -> None:
    assert parts_to_compare(job, replace(USER, synced_version=synced)) == parts


@pytest.mark.parametrize(
    ("after", "version", "waiting", "waits"),
    [(None, 7, 7, False), (7, 7, None, True), (6, 7, 7, True), (6, 7, 5, False), (6, 7, None, False)],
)
def test_a_comparison_is_handed_over_unless_something_else_was_stated(
    after: int | None, version: int, waiting: int | None, waits: bool
) -> None:
    assert still_waits(replace(USER, version=version, waiting_version=waiting), after) is waits
