"""The README's example of an auth site does what it says."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from local.simulated import World

README = (Path(__file__).parents[1] / "README.md").read_text()


class Heard(Exception):
    """Ends the example's loop, which runs for ever."""


@pytest.fixture
def auth_site(world: World) -> dict[str, Any]:
    """What the example defines, with this world's queues in the place of AWS's."""
    found = re.search(r"```python\n(import json, time, boto3\n.*?)```", README, re.DOTALL)
    assert found
    example = found[1].replace('boto3.client("sqs")', "sqs_of_this_world")
    for name in ("jobs", "notices"):
        example = example.replace(f"https://sqs…/rolecall-prod-{name}", world.queue_url(name))
    names: dict[str, Any] = {"sqs_of_this_world": world.sqs}
    exec(example, names)  # noqa: S102 - the README's own text
    return names


def test_its_changes_reach_the_guild(world: World, auth_site: dict[str, Any]) -> None:
    world.link("101", "kira", groups=["Member"])
    world.clock.move_to(world.clock.now() + 60)
    auth_site["time"] = SimpleNamespace(time=world.clock.now)
    auth_site["changed"](SimpleNamespace(id=101, groups=["Member", "Pilot"], main_character="Kira Vantari"))
    world.run()
    assert world.roles("kira") == {"Member", "Pilot"}
    assert world.nick("kira") == "Kira Vantari"


def test_it_hears_notices_and_they_look_as_shown(world: World, auth_site: dict[str, Any]) -> None:
    world.link("101", "kira", groups=["Member"])
    heard: list[dict[str, Any]] = []

    def once(notice: dict[str, Any]) -> None:
        heard.append(notice)
        raise Heard

    auth_site["print"] = once
    with pytest.raises(Heard):
        auth_site["read_notices"]()
    shown = re.search(r"It prints, say, `(.*?)`", README)
    assert shown
    assert [heard[0][name] for name in ("kind", "user_id", "username", "reason")] == ["linked", "101", "@kira", None]
    assert list(auth_site["json"].loads(shown[1])) == list(heard[0])
