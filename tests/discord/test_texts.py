"""Discord's answers are input: no text in them is too long to be stored, sent or shown, whatever it says.

Ids, types and what is missing are held by `payloads.py`: an answer that is not Discord's is an error, not a guess.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from chalicelib.discord import payloads
from chalicelib.discord.answers import bucket_in, scope_in
from chalicelib.discord.errors import error_of
from chalicelib.discord.models import Account, Member, Role
from chalicelib.discord.texts import CUT, MAX_NAME, MAX_SENTENCE, held, sentence
from chalicelib.queues import FORBIDDEN
from local.discord.faults import Fault
from local.simulated import AT, World

HUGE = "x" * 1_000_000
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
ODD_TEXTS = [
    "",
    " ",
    "\x00",
    "\ud800",
    "\uffff",
    "é",
    "☃" * 101,
    "x" * 100,
    "x" * 101,
    "x" * 10_000,
    "🚀" * 5_000,
    "a\r\nb",
]
ODD_VALUES: list[Any] = [
    *ODD_TEXTS,
    *(None, True, 0, -1, 2**63, 2**64, 10**400, 0.5, [], ["1"], {}, {"a": "b"}, "1", "-1", "1" * 20),
    *("0001-01-01T00:00:00", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2020-01-01"),
]
ODD = st.sampled_from(ODD_VALUES) | st.text(max_size=120)
USER = {"id": "1", "username": "kira", "discriminator": "0", "global_name": "Kira", "bot": False}
ROLE = {"id": "2", "name": "Member", "position": 1, "managed": False, "tags": {}, "permissions": "8"}
MEMBER = {"user": USER, "roles": ["2"], "joined_at": "2020-01-01T00:00:00+00:00", "nick": "Kira"}
GUILD = {"id": "3", "name": "Ours", "owner_id": "4", "roles": [ROLE]}


def odd(right: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """`right`, with some fields of another kind, and one perhaps missing."""
    names = st.sampled_from(sorted(right))
    changed = st.dictionaries(names, ODD, max_size=3)
    return st.builds(
        lambda changes, gone: {name: one for name, one in (right | changes).items() if name not in gone},
        changed,
        st.lists(names, max_size=1),
    )


ODD_MEMBER = st.builds(
    lambda member, user: member | ({"user": user} if "user" in member else {}), odd(MEMBER), odd(USER)
)
ODD_GUILD = st.builds(lambda guild, roles: guild | {"roles": roles}, odd(GUILD), st.lists(odd(ROLE), max_size=3))


def read(kind: type[Any], told: object) -> Any:
    """What the client reads of an answer; None where it is not one of Discord's."""
    try:
        return msgspec.json.decode(json.dumps(told).encode(), type=kind)
    except msgspec.MsgspecError:
        return None


def is_account(account: Account) -> bool:
    return 0 <= account.id < 10**19 and len(account.shown) <= 2 * len(held(HUGE)) + 1


def is_member(member: Member) -> bool:
    joined = member.joined_at is None or isinstance(member.joined_at, float)
    return is_account(member.user) and member.nick != "" and len(member.nick or "") <= MAX_NAME + 1 and joined


def is_role(role: Role) -> bool:
    return len(role.name) <= MAX_NAME + 1 and isinstance(role.position, int)


def each_wrong(told: dict[str, Any]) -> list[dict[str, Any]]:
    """What is told, once with each value in the place of each field."""
    return [told | {name: value} for name in told for value in ODD_VALUES]


def is_guild(told: payloads.GuildPayload) -> bool:
    guild = payloads.guild_of(told, told.roles or [], read_at=0.0)
    return len(guild.name) <= MAX_NAME + 1 and all(map(is_role, guild.roles))


@pytest.mark.parametrize(
    ("kind", "holds", "told"),
    [
        (payloads.UserPayload, lambda user: is_account(payloads.user_of(user)), each_wrong(USER)),
        (
            payloads.MemberPayload,
            lambda member: is_member(payloads.member_of(member)),
            [*each_wrong(MEMBER), *(MEMBER | {"user": user} for user in each_wrong(USER))],
        ),
        (payloads.RolePayload, lambda role: is_role(payloads.role_of(role)), each_wrong(ROLE)),
        (
            payloads.GuildPayload,
            is_guild,
            [*each_wrong(GUILD), *(GUILD | {"roles": [role]} for role in each_wrong(ROLE))],
        ),
    ],
    ids=["user", "member", "role", "guild"],
)
def test_an_answer_with_any_one_field_of_another_kind_is_read_within_bounds_or_not_at_all(
    kind: type[Any], holds: Callable[[Any], bool], told: list[dict[str, Any]]
) -> None:
    found = [read(kind, one) for one in told]
    assert all(holds(one) for one in found if one is not None)
    assert 30 < sum(one is not None for one in found) < len(told) - 30


@patient
@given(odd(USER))
def test_any_user_is_read_within_bounds_or_not_at_all(told: dict[str, Any]) -> None:
    found = read(payloads.UserPayload, told)
    assert found is None or is_account(payloads.user_of(found))


@patient
@given(ODD_MEMBER)
def test_any_member_is_read_within_bounds_or_not_at_all(told: dict[str, Any]) -> None:
    found = read(payloads.MemberPayload, told)
    assert found is None or is_member(payloads.member_of(found))


@patient
@given(odd(ROLE))
def test_any_role_is_read_within_bounds_or_not_at_all(told: dict[str, Any]) -> None:
    found = read(payloads.RolePayload, told)
    assert found is None or is_role(payloads.role_of(found))


@patient
@given(ODD_GUILD)
def test_any_guild_is_read_within_bounds_or_not_at_all(told: dict[str, Any]) -> None:
    found = read(payloads.GuildPayload, told)
    assert found is None or is_guild(found)


@patient
@given(st.text(max_size=300))
def test_a_name_that_discord_allows_is_left_as_it_is_and_a_longer_one_equals_none(name: str) -> None:
    assert held(name) == name if len(name) <= MAX_NAME else len(held(name).strip()) > MAX_NAME
    assert held(held(name))[:MAX_NAME] == name[:MAX_NAME]


@patient
@given(st.text(max_size=300))
def test_the_message_of_an_error_is_one_short_line(text: str) -> None:
    said = sentence(text)
    assert len(said) <= MAX_SENTENCE + len(CUT)
    assert said.splitlines() in ([], [said])
    assert not FORBIDDEN.search(said.replace("\ufffe", "").replace("\uffff", ""))


def test_an_errors_message_is_told_as_discord_words_it() -> None:
    body = json.dumps({"code": 50035, "message": "Invalid\x00 Form\n Body" + HUGE}).encode()
    assert str(error_of(400, body)).count("Invalid Form Body") == 1
    assert len(str(error_of(400, body))) < 2 * MAX_SENTENCE


def answer_with(name: str, value: str) -> requests.Response:
    answer = requests.Response()
    answer.headers = CaseInsensitiveDict({name: value})
    return answer


@pytest.mark.parametrize("name", ["x" * 60_000, "two words", "é", "\x01", "x" * 101])
def test_a_bucket_has_a_name_that_can_be_a_key(name: str) -> None:
    first, other = (bucket_in(answer_with("X-RateLimit-Bucket", one)) for one in (name, name + "!"))
    assert first != other
    assert len(first or "") == len(other or "") == 32


def test_a_buckets_usual_name_is_its_own() -> None:
    assert bucket_in(answer_with("X-RateLimit-Bucket", "abcd1234")) == "abcd1234"
    assert bucket_in(answer_with("Other", "1")) is None


def test_a_scope_is_one_of_discords() -> None:
    assert [scope_in(answer_with("X-RateLimit-Scope", one)) for one in ("shared", "x" * 9999)] == ["shared", ""]


# --- the same, in life ------------------------------------------------------------------------------------------


@dataclass
class Saying(BaseAdapter):
    """Lets requests through; in every answer, whatever it is about, fields of that name say something else."""

    real: Any
    name: str
    value: object
    where: Callable[[dict[str, Any]], bool]
    told: int = field(default=0)

    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
        answer: requests.Response = self.real.send(request, *arguments, **options)
        if answer.ok and answer.content and "/api/v10/" in str(request.url) and "/oauth2/" not in str(request.url):
            answer._content = json.dumps(self._changed(answer.json())).encode()
        return answer

    def _changed(self, found: Any) -> Any:
        if isinstance(found, list):
            return [self._changed(one) for one in found]
        if not isinstance(found, dict):
            return found
        changed = {name: self._changed(one) for name, one in found.items()}
        if self.name in found and self.where(found):
            self.told += 1
            changed[self.name] = self.value
        return changed

    def close(self) -> None:
        """Nothing is open."""


def saying(world: World, name: str, value: object, where: Callable[[dict[str, Any]], bool]) -> Saying:
    adapter = Saying(world.session.get_adapter(AT), name, value, where)
    world.session.mount(AT, adapter)
    return adapter


def is_persons(found: dict[str, Any]) -> bool:
    return "user" in found or not found.get("bot", False)


@pytest.mark.parametrize("value", [HUGE, "🚀" * 200_000, "\x00\uffff"], ids=["long", "long in bytes", "control"])
@pytest.mark.parametrize("name", ["nick", "username", "discriminator", "global_name"])
def test_whatever_people_are_called_they_are_linked_and_kept_right(name: str, value: str) -> None:
    world = World({"DISCORD_SYNC_NAMES": "True"})
    adapter = saying(world, name, value, is_persons)
    world.link("101", "kira", groups=["Member"], nickname="Kira")
    world.site.groups("101", ["Member", "Blue"])
    world.run(seconds=300)
    world.site.nickname("101", "Kira Vantari")
    world.site.post({"kind": "update_username", "user_id": "101"})
    world.run(seconds=300)
    assert adapter.told > 0
    assert world.roles("kira") == {"Member", "Blue"}
    assert list(world.dead_letters()) == []


@pytest.mark.parametrize("value", [HUGE, "🚀" * 200_000], ids=["long", "long in bytes"])
def test_a_role_whose_name_has_no_end_is_nobodys_and_in_nobodys_way(value: str) -> None:
    world = World()
    world.guild.create_role("Odd")
    adapter = saying(world, "name", value, lambda found: found["name"] == "Odd")
    world.link("101", "kira", groups=["Member"])
    world.site.groups("101", ["Member", value[:900]])
    world.run(seconds=300)
    assert adapter.told > 0
    assert world.roles("kira") == {"Member", value[:100]}
    assert list(world.dead_letters()) == []


def test_the_auth_site_reads_discords_reason_in_one_line() -> None:
    world = World()
    world.link("101", "kira", groups=["Member"])
    world.guild.inject(
        Fault(
            kind="answer",
            method="GET",
            path="/members/",
            status=400,
            body={"code": 1, "message": "\x00no\n" + HUGE},
            times=None,
        )
    )
    world.site.post({"kind": "update_groups", "user_id": "101"})
    world.run(seconds=3 * 86_400)
    reasons = [one["reason"] for one in world.site.notices() if one["kind"] == "sync_failed"]
    assert [reason[:30] for reason in reasons] == ["Discord refused: 400/1 no xxxx"]
    assert all(len(reason) < 400 for reason in reasons)
