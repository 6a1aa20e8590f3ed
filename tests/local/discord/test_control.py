"""The control API: one generic way to call each operation of `Admin`."""

import inspect
import json
from typing import TYPE_CHECKING, get_type_hints

import pytest
import requests

from local.discord.adapter import DiscordAdapter
from local.discord.control import Control
from local.discord.core import Discord
from local.discord.messages import Answer, Request
from local.discord.views import OPERATIONS

if TYPE_CHECKING:
    from local.discord.admin import Admin


@pytest.fixture
def control(discord: Discord) -> Control:
    session = requests.Session()
    session.mount("http://discord.test", DiscordAdapter(discord))
    return Control("http://discord.test", session)


def call(discord: Discord, method: str, operation: str, body: object = None) -> Answer:
    raw = b"" if body is None else json.dumps(body).encode()
    return discord.handle(Request.of(method, f"/control/{operation}", {}, raw))


def test_the_list_of_operations_is_every_public_method_of_admin_with_its_result(admin: "Admin") -> None:
    lookup = {"known", "find", "in_guild", "role", "bot_role", "person_view", "member_view", "role_view"}
    public = {name for name, _ in inspect.getmembers(type(admin), inspect.isfunction) if not name.startswith("_")}
    assert public - lookup == set(OPERATIONS)
    for name, result in OPERATIONS.items():
        assert get_type_hints(getattr(type(admin), name))["return"] == (type(None) if result is None else result), name


def test_arguments_are_named_in_a_json_object_and_results_are_json(discord: Discord) -> None:
    assert call(discord, "POST", "add_person", {"username": "alice"}).status == 200
    answer = call(discord, "POST", "add_member", {"who": "alice", "nick": "Al"})
    assert json.loads(answer.body)["nick"] == "Al"
    assert json.loads(call(discord, "POST", "member", {"args": ["alice"]}).body)["nick"] == "Al"


def test_get_reads_what_needs_no_arguments_and_changes_nothing(discord: Discord) -> None:
    assert json.loads(call(discord, "GET", "state").body)["guild_id"] == discord.config.guild_id
    assert call(discord, "GET", "clear_received").status == 404
    assert call(discord, "GET", "member").status == 404


@pytest.mark.parametrize(
    ("operation", "body", "status"),
    [
        ("explode", {}, 404),
        ("_turn_in_guild", {"name": "guild_name", "value": "x"}, 404),
        ("in_guild", {"who": "fleet.admiral"}, 404),  # a public method, but no operation
        ("leave", {"who": "nobody"}, 404),
        ("leave", {}, 400),
        ("leave", {"who": "fleet.admiral", "loudly": True}, 400),
        ("add_members", {"count": "many"}, 400),
        ("inject", {"fault": {"kind": "earthquake"}}, 400),
    ],
)
def test_mistakes_are_answered_with_a_status_and_a_sentence(
    discord: Discord, operation: str, body: object, status: int
) -> None:
    answer = call(discord, "POST", operation, body)
    assert answer.status == status
    assert json.loads(answer.body)["error"]


def test_the_client_knows_only_operations(control: Control) -> None:
    assert [person.username for person in control.people()] == ["fleet.admiral"]
    with pytest.raises(AttributeError, match="explode"):
        _ = control.explode
    member = control.add_member("alice", roles=iter(()))  # an iterator becomes a list
    assert control.member(member.id) == member
