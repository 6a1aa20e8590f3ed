"""Whatever Discord sends, or people call themselves: no other error than the one that is meant, no longer message."""

import json
import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.commands.interaction import read_interaction
from chalicelib.discord.markdown import MAX_MESSAGE, SPECIAL, escaped, fitted
from chalicelib.discord.texts import MAX_NAME
from chalicelib.errors import BadMessage
from local.simulated import APP, GUILD

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
FIELDS = ("id", "application_id", "type", "token", "guild_id", "locale", "member", "data")
RIGHT_DATA = {
    "id": "4",
    "name": "whois",
    "type": 1,
    "options": [{"name": "member", "type": 6, "value": "5"}],
}
RIGHT = {
    "id": "1",
    "application_id": APP,
    "type": 2,
    "token": "t",
    "guild_id": GUILD,
    "locale": "de",
    "member": {"user": {"id": "2", "username": "kira"}, "roles": ["3"], "permissions": "8"},
    "data": RIGHT_DATA,
}


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with suppress(BadMessage):
        read_interaction(body)


@given(st.sampled_from(FIELDS), JSON)
def test_an_interaction_with_any_one_field_wrong_is_read_or_refused(field: str, value: object) -> None:
    with suppress(BadMessage):
        read_interaction(json.dumps(RIGHT | {field: value}).encode())


LONG = st.sampled_from(["", "kira", "x" * 101, "🚀" * 20_000, "\x00"])
USERS = st.fixed_dictionaries({"id": st.just("5")}, optional={"username": LONG, "discriminator": LONG})


@given(USERS, st.dictionaries(st.just("nick"), LONG))
def test_no_name_is_too_long_to_be_stored_until_the_answer(user: dict[str, str], member: dict[str, str]) -> None:
    resolved = {"users": {"5": user}, "members": {"5": member}}
    told = RIGHT | {"member": member | {"user": user}, "data": RIGHT_DATA | {"resolved": resolved}}
    found = read_interaction(json.dumps(told).encode())
    for one in (found.caller, found.target):
        assert one is not None
        assert max(len(one.nick or ""), len(one.user.username), len(one.user.discriminator)) <= MAX_NAME + 1


@pytest.mark.parametrize("odd", [{"token": "x" * 3000}, {"member": {"roles": ["1"] * 6000}}], ids=["secret", "roles"])
def test_what_could_not_be_stored_until_the_answer_is_refused(odd: dict[str, object]) -> None:
    with pytest.raises(BadMessage):
        read_interaction(json.dumps(RIGHT | odd).encode())


@given(st.text(max_size=400))
def test_no_name_formats_anything(name: str) -> None:
    shown = escaped(name)
    assert "\n" not in shown
    assert not SPECIAL.search(re.sub(r"\\.", "", shown))


@given(st.lists(st.text(st.characters(exclude_characters="\n"), max_size=700), max_size=30))
def test_no_message_is_too_long(lines: list[str]) -> None:
    assert len(fitted(lines, "… and {count} more")) <= MAX_MESSAGE
