"""The messages that ask for work: what can be read, and what is said of the rest."""

import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from chalicelib.errors import BadMessage
from chalicelib.messages import (
    AnswerCommand,
    ComparePage,
    DeleteUser,
    Job,
    Parts,
    PostToOfficers,
    ReleaseRemoval,
    RemoveReplacedAccount,
    RepairMember,
    RepairPage,
    StartSweep,
    StripUnlinked,
    UpdateAll,
    UpdateGroups,
    UpdateNickname,
    UpdateUsername,
    UserJob,
    VerifyLink,
    encode,
    parts_of,
    read_job,
)
from chalicelib.queues import MAX_BODY

NOW = 1_767_614_400.0
MILLIS = int(NOW * 1000)
DAY = 86_400_000


def read(body: Any, *, own: bool = False) -> Job:
    return read_job(body if isinstance(body, str) else json.dumps(body), now=NOW, own=own)


@pytest.mark.parametrize(
    ("body", "job"),
    [
        ({"kind": "update_groups", "user_id": "1"}, UpdateGroups(user_id="1")),
        (
            {"kind": "update_groups", "user_id": "1", "groups": ["A"], "changed_at": 5},
            UpdateGroups(user_id="1", groups=["A"], changed_at=5),
        ),
        (
            {"kind": "update_groups", "user_id": "1", "groups": [], "changed_at": 0},
            UpdateGroups(user_id="1", groups=[], changed_at=0),
        ),
        (
            {"kind": "update_nickname", "user_id": "1", "nickname": None, "changed_at": 5},
            UpdateNickname(user_id="1", nickname=None, changed_at=5),
        ),
        ({"kind": "update_username", "user_id": "1"}, UpdateUsername(user_id="1")),
        (
            {"kind": "update_all", "user_id": "1", "groups": ["A"], "nickname": "K", "changed_at": MILLIS},
            UpdateAll(user_id="1", groups=["A"], nickname="K", changed_at=MILLIS),
        ),
        ({"kind": "delete_user", "user_id": "1"}, DeleteUser(user_id="1", notify=False)),
        ({"kind": "delete_user", "user_id": "1", "notify": True}, DeleteUser(user_id="1", notify=True)),
        ({"kind": "delete_user", "user_id": "ü 🚀", "new_field": 1}, DeleteUser(user_id="ü 🚀")),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)
def test_what_the_auth_site_may_say(body: dict[str, Any], job: Job) -> None:
    assert read(body) == job


def test_never_told_and_told_none_are_two_things() -> None:
    unset, none = read({"kind": "update_nickname", "user_id": "1"}), {"nickname": None, "changed_at": 1}
    assert isinstance(unset, UpdateNickname)
    assert unset.nickname is UNSET
    told = read({"kind": "update_nickname", "user_id": "1"} | none)
    assert isinstance(told, UpdateNickname)
    assert told.nickname is None


@pytest.mark.parametrize(
    ("body", "why"),
    [
        pytest.param("", "truncated", id="nothing"),
        pytest.param("{]", "malformed", id="not JSON"),
        pytest.param("7", "Expected `object`", id="a number"),
        pytest.param('{"kind": "update_all", "user_id": "\\ud800"}', "", id="half a surrogate pair, escaped"),
        pytest.param('{"kind": "update_all", "user_id": "\ud800"}', "", id="half a surrogate pair"),
        pytest.param("[" * 50_000, "", id="nested without end"),
        pytest.param({"kind": "eat", "user_id": "1"}, "unknown kind", id="unknown kind"),
        pytest.param({"kind": 3, "user_id": "1"}, "kind", id="kind of a wrong type"),
        pytest.param({"user_id": "1"}, "`kind`", id="no kind"),
        pytest.param({"kind": "update_all"}, "`user_id`", id="no user"),
        pytest.param({"kind": "update_all", "user_id": ""}, "user_id", id="empty user"),
        pytest.param({"kind": "update_all", "user_id": "x" * 257}, "user_id", id="long user"),
        pytest.param({"kind": "update_all", "user_id": 7}, "Expected `str`", id="user is a number"),
        pytest.param({"kind": "update_groups", "user_id": "1", "groups": "A", "changed_at": 1}, "`array`", id="text"),
        pytest.param({"kind": "update_groups", "user_id": "1", "groups": None, "changed_at": 1}, "`array`", id="null"),
        pytest.param(
            {"kind": "update_groups", "user_id": "1", "groups": ["A"] * 1001, "changed_at": 1}, "1000", id="many groups"
        ),
        pytest.param(
            {"kind": "update_groups", "user_id": "1", "groups": ["A" * 1001], "changed_at": 1}, "1000", id="long group"
        ),
        pytest.param({"kind": "update_groups", "user_id": "1", "groups": []}, "changed_at is missing", id="no stamp"),
        pytest.param({"kind": "update_all", "user_id": "1", "nickname": None}, "changed_at is missing", id="nor here"),
        pytest.param({"kind": "update_all", "user_id": "1", "changed_at": 5}, "nothing that changed", id="stamp alone"),
        pytest.param(
            {"kind": "update_groups", "user_id": "1", "groups": [], "changed_at": -1}, "changed_at", id="below none"
        ),
        pytest.param(
            {"kind": "update_groups", "user_id": "1", "groups": [], "changed_at": "5"}, "changed_at", id="text stamp"
        ),
        pytest.param(
            {"kind": "update_groups", "user_id": "1", "groups": [], "changed_at": MILLIS + DAY + 1},
            "more than a day ahead",
            id="far future",
        ),
        pytest.param({"kind": "delete_user", "user_id": "1", "notify": "yes"}, "notify", id="notify is text"),
    ],
)
def test_what_cannot_be_read_and_why(body: Any, why: str) -> None:
    with pytest.raises(BadMessage) as bad:
        read(body)
    assert why in str(bad.value)


def test_a_message_is_never_quoted() -> None:
    with pytest.raises(BadMessage) as bad:
        read({"kind": "my secret", "user_id": "1"})
    assert "secret" not in str(bad.value)


def test_the_longest_message_is_counted_in_bytes() -> None:
    frame = len(json.dumps({"kind": "update_all", "user_id": "1", "x": ""}))
    read({"kind": "update_all", "user_id": "1", "x": "y" * (MAX_BODY - frame)})
    with pytest.raises(BadMessage, match="over-long: 65537 bytes"):
        read({"kind": "update_all", "user_id": "1", "x": "y" * (MAX_BODY - frame + 1)})
    wide = '{"kind": "update_all", "user_id": "1", "x": "' + "ü" * (MAX_BODY // 2) + '"}'
    with pytest.raises(BadMessage, match="over-long"):
        read(wide)


OWN: list[Job] = [
    RemoveReplacedAccount(user_id="1", discord_id=2**62),
    VerifyLink(user_id="1"),
    StartSweep(parts=7, force=True, tries=3),
    ComparePage(sweep_id="s", page=2, after=2**62),
    RepairPage(sweep_id="s", step=4, phase=1, page=2, offset=30),
    AnswerCommand(interaction_id="9" * 20),
    PostToOfficers(event="e", content="c", every=60.0),
    RepairMember(user_id="1", sweep_id="s", parts=7, version=3, role=2**62, give=True, take=False),
]


@pytest.mark.parametrize("job", OWN, ids=lambda job: type(job).__name__)
def test_rolecalls_own_messages_are_understood_on_its_own_queue_only(job: Job) -> None:
    assert read(encode(job).decode(), own=True) == job
    with pytest.raises(BadMessage, match="unknown kind"):
        read(encode(job).decode())


@pytest.mark.parametrize(
    ("fields", "job"),
    [
        ({"kind": "delete_user", "user_id": "1"}, DeleteUser(user_id="1", notify=False)),
        (
            {"kind": "part_with", "user_id": "1", "discord_id": 5},
            RemoveReplacedAccount(user_id="1", discord_id=5, with_roles=False),
        ),
        (
            {"kind": "strip_unlinked", "discord_id": 5, "sweep_id": "s"},
            StripUnlinked(discord_id=5, sweep_id="s", exempt=False),
        ),
        (
            {"kind": "release_removal", "user_id": "1", "cause": "c"},
            ReleaseRemoval(user_id="1", cause="c", version=0, deletion=None),
        ),
        (
            {"kind": "start_sweep", "parts": 7},
            StartSweep(parts=7, force=False, tries=0, claim="", waiting="", began=0.0),
        ),
        ({"kind": "survey", "sweep_id": "s"}, ComparePage(sweep_id="s", page=0, after=0)),
        (
            {"kind": "repair", "sweep_id": "s", "step": 4},
            RepairPage(sweep_id="s", step=4, phase=0, page=0, offset=0),
        ),
        (
            {"kind": "repair_member", "user_id": "1", "sweep_id": "s", "parts": 7, "version": 3},
            RepairMember(
                user_id="1",
                sweep_id="s",
                parts=7,
                version=3,
                role=None,
                give=False,
                take=True,
                brake=0,
                counted_at=0.0,
            ),
        ),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)
def test_what_an_older_version_did_not_write_means_what_it_did_then(fields: dict[str, Any], job: Job) -> None:
    assert read(fields, own=True) == job


DELETION = {"kind": "delete_user", "user_id": "1"}
GROUPS = {"kind": "update_groups", "user_id": "1", "changed_at": 1}
POST = {"kind": "post_to_officers", "every": 1.0}


@pytest.mark.parametrize(
    ("fields", "accepted", "refused"),
    [
        (DELETION, {"user_id": "x" * 256}, {"user_id": "x" * 257}),
        (DELETION, {"grace_days": 0}, {"grace_days": -1}),
        (DELETION, {"grace_days": 30}, {"grace_days": 31}),
        (DELETION, {"expire_behavior": "kick"}, {"expire_behavior": "ban"}),
        (DELETION, {"changed_at": 0}, {"changed_at": -1}),
        (DELETION, {"changed_at": MILLIS + DAY}, {"changed_at": MILLIS + DAY + 1}),
        (GROUPS, {"groups": ["A"] * 1000}, {"groups": ["A"] * 1001}),
        (GROUPS, {"groups": ["A" * 1000]}, {"groups": ["A" * 1001]}),
        ({"kind": "answer_command"}, {"interaction_id": "9" * 20}, {"interaction_id": "9" * 21}),
        (POST, {"event": "x" * 64, "content": ""}, {"event": "x" * 65, "content": ""}),
        (POST, {"event": "", "content": "x" * 2000}, {"event": "", "content": "x" * 2001}),
    ],
    ids=lambda value: next(iter(value)) if "kind" not in value else "",
)
def test_the_bounds_of_each_field(fields: dict[str, Any], accepted: dict[str, Any], refused: dict[str, Any]) -> None:
    read(fields | accepted, own=True)
    with pytest.raises(BadMessage):
        read(fields | refused, own=True)


def test_a_time_of_five_digit_years_is_none_whatever_our_clock_says() -> None:
    far = 1e14 / 1000  # the year 5138
    read_job(json.dumps(DELETION | {"changed_at": 10**14}), now=far, own=False)
    with pytest.raises(BadMessage, match="<= 100000000000000"):
        read_job(json.dumps(DELETION | {"changed_at": 10**14 + 1}), now=far, own=False)


@pytest.mark.parametrize("kind", get_args(Job), ids=lambda kind: kind.__name__)
def test_a_message_is_a_value_and_its_fields_have_names(kind: Any) -> None:
    assert kind.__struct_config__.frozen
    with pytest.raises(TypeError, match="positional"):
        kind(*kind.__struct_fields__)


def test_a_member_has_three_parts() -> None:
    assert list(Parts.ALL) == [Parts.GROUPS, Parts.NICKNAME, Parts.USERNAME]


@pytest.mark.parametrize(
    ("job", "parts"),
    [
        (UpdateGroups(user_id="1"), Parts.GROUPS),
        (UpdateNickname(user_id="1"), Parts.NICKNAME),
        (UpdateUsername(user_id="1"), Parts.USERNAME),
        (UpdateAll(user_id="1"), Parts.ALL),
        (DeleteUser(user_id="1"), Parts.ALL),
        (RepairMember(user_id="1", sweep_id="s", parts=Parts.GROUPS.value, version=1), Parts.GROUPS),
        (RepairMember(user_id="1", sweep_id="s", parts=Parts.NICKNAME.value + 1024, version=1), Parts.NICKNAME),
    ],
)
def test_which_parts_a_job_is_about(job: UserJob | RepairMember, parts: Parts) -> None:
    assert parts_of(job) == parts


@given(
    st.text(min_size=1, max_size=30).filter(str.isprintable),
    st.lists(st.text(max_size=20).filter(str.isprintable), max_size=5),
    st.integers(0, MILLIS + DAY),
)
def test_what_is_written_is_read_back(user_id: str, groups: list[str], changed_at: int) -> None:
    job = UpdateAll(user_id=user_id, groups=groups, nickname=None, changed_at=changed_at)
    assert read(encode(job).decode()) == job


@given(st.text(max_size=200) | st.recursive(st.none() | st.booleans() | st.text(), st.lists).map(json.dumps))
def test_whatever_comes_it_is_a_bad_message_and_no_other_error(body: str) -> None:
    with pytest.raises(BadMessage):
        read(body)
