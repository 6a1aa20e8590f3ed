"""The generated reference is what the code says now, and says something of everything."""

import ast
import re
from pathlib import Path

import pytest

from chalicelib import settings
from tests.docs.pages import DOCS, ROOT, name_of
from tools.reference import commands, http, resources
from tools.reference.blocks import BLOCK, BLOCKS, everything, fill

EXPECTED = everything()


@pytest.mark.parametrize("path", EXPECTED, ids=name_of)
def test_a_reference_file_is_current(path: Path) -> None:
    assert path.read_text() == EXPECTED[path], "run `make docs`"


def test_every_block_is_used_on_some_page() -> None:
    used = {found["name"] for path in EXPECTED for found in BLOCK.finditer(path.read_text())}
    assert used == set(BLOCKS)


def test_a_block_of_an_unknown_name_is_an_error() -> None:
    with pytest.raises(KeyError):
        fill("<!-- generated: nothing -->\n<!-- end -->")


def test_no_page_outside_the_reference_has_generated_blocks() -> None:
    outside = [page for page in DOCS.rglob("*.md") if page.parent.name != "reference"]
    assert [name_of(page) for page in outside if BLOCK.search(page.read_text())] == []


def test_what_stands_between_the_blocks_is_left_alone() -> None:
    assert fill("a\n<!-- generated: tasks -->\nold\n<!-- end -->\nb").startswith(
        "a\n<!-- generated: tasks -->\n| task |"
    )
    assert fill("nothing to do") == "nothing to do"


def test_every_setting_says_what_it_means() -> None:
    assert [name for name, row in settings.TABLE.items() if len(row.meaning) < 10] == []


def test_schedules_have_the_defaults_that_the_app_reads() -> None:
    calls = [node for node in ast.walk(ast.parse((ROOT / "app.py").read_text())) if isinstance(node, ast.Call)]
    read = [
        ast.literal_eval(ast.Tuple(call.args, ast.Load()))
        for call in calls
        if ast.unparse(call.func) == "settings.schedule"
    ]
    assert dict(read) == {name: default for name, (default, _) in settings.SCHEDULES.items()}


def test_a_route_that_nobody_described_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(http.ROUTES, ("GET", "/health"))
    with pytest.raises(LookupError, match="/health"):
        http.openapi()


def test_a_variable_that_nobody_described_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(commands.VARIABLES, "EMAIL")
    with pytest.raises(LookupError, match="EMAIL"):
        commands.make_variables()


def test_a_queue_that_nobody_described_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(resources.QUEUES, "notices")
    with pytest.raises(LookupError, match="notices"):
        resources.queues()


def test_every_target_of_the_makefile_says_what_it_is_for() -> None:
    declared = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(" ".join(declared).split()) == set(commands.targets())
