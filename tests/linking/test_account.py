"""What the auth site's own page reads of a linked user."""

import json
from urllib.parse import quote

import pytest

from chalicelib.store import users
from local.simulated import World
from tests.linking.doors import Doors
from tests.linking.state import id_of


def bearing(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def read(doors: Doors, user_id: str, token: str, path: str = "/discord/users/{}") -> tuple[int, str]:
    answer = doors.send(doors.event("GET", path.format(user_id), headers=bearing(token)))
    return answer.status, answer.body


def test_the_auth_site_reads_the_linked_account_in_milliseconds(world: World, doors: Doors) -> None:
    world.link("101", "kira", groups=["Member"])
    status, body = read(doors, "101", world.site.token("101", "read"))
    now = int(world.clock.now()) * 1000
    found = json.loads(body)
    assert status == 200
    assert abs(found.pop("activated_at") - now) < 5000
    assert abs(found.pop("synced_at") - now) < 5000
    assert found == {
        "user_id": "101",
        "discord_id": id_of(world, "kira"),
        "username": "@kira",
        "last_error": None,
        "in_step": True,
        "roles": [{"name": "Member", "group": "Member", "held": True}],
        "problems": [],
        "absent_since": None,
        "removal_at": None,
        "server_name": "Local Alliance",
    }


def test_a_user_without_a_link_is_not_found(world: World, doors: Doors) -> None:
    assert read(doors, "101", world.site.token("101", "read")) == (404, '{"error":"not_linked"}')


@pytest.mark.parametrize("quoted", [True, False], ids=["as API Gateway gives it", "unquoted on its way"])
@pytest.mark.parametrize("user_id", ["kira vantari", "é", "a/b", "a%2Fb", "100%25", "100%2525", "a+b"])
def test_a_user_id_may_be_any_text(world: World, doors: Doors, user_id: str, *, quoted: bool) -> None:
    world.link(user_id, "kira", groups=["Member"])
    event = doors.event("GET", "/discord/users/x", headers=bearing(world.site.token(user_id, "read")))
    event["pathParameters"] = {"user_id": quote(user_id, safe="") if quoted else user_id}
    assert json.loads(doors.send(event).body)["user_id"] == user_id


@pytest.mark.parametrize(("user_id", "purpose", "exp"), [("101", "link", 0), ("102", "read", 0), ("101", "read", 1)])
def test_an_account_is_read_only_with_a_token_for_it(
    world: World, doors: Doors, user_id: str, purpose: str, exp: int
) -> None:
    world.link("101", "kira", groups=["Member"])
    status, body = read(doors, "101", world.site.token(user_id, purpose, **({"exp": exp} if exp else {})))
    assert status == 401
    assert "kira" not in body


def test_what_stands_in_the_way_is_shown_role_by_role(world: World, doors: Doors) -> None:
    world.guild.create_role("Director", position=50)
    world.link("101", "kira", groups=["Member", "Director", " "])
    world.run()
    found = json.loads(read(doors, "101", world.site.token("101", "read"))[1])
    assert found["in_step"] is False
    assert [(role["name"], role["group"]) for role in found["roles"]] == [
        ("Member", "Member"),
        ("Director", "Director"),
    ]
    assert [problem["code"] for problem in found["problems"]] == ["role_out_of_reach"]
    assert "above the bot's" in found["problems"][0]["text"]


def test_a_change_that_waits_is_not_in_step(world: World, doors: Doors) -> None:
    world.link("101", "kira", groups=["Member"])
    world.run()
    users.record_groups("101", ("Member", "Scout"), world.site.stamp(), now=world.clock.now())
    found = json.loads(read(doors, "101", world.site.token("101", "read"))[1])
    assert (found["in_step"], [role["held"] for role in found["roles"]]) == (False, [False, False])
