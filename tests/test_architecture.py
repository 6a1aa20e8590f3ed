"""The structure that the README promises: which way dependencies point, what is pure, what an import may do."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PURE = {
    "chalicelib.discord.rate_limit",
    "chalicelib.discord.models",
    "chalicelib.http",
    "chalicelib.linking.pages",
    "chalicelib.linking.tokens",
    "chalicelib.messages",
    "chalicelib.problems",
    "chalicelib.members.plan",
    "chalicelib.members.removal_limit",
    "chalicelib.members.roles",
}
IMPURE = {"boto3", "datetime", "os", "pynamodb", "random", "requests", "secrets", "time", "uuid"}
BELOW = {  # what each part may import of the others
    "linking": {"members", "discord", "store"},
    "delivery": {"sweeps", "members", "discord", "store"},
    "sweeps": {"members", "discord", "store"},
    "members": {"discord", "store"},
    "store": {"discord"},
    "discord": set(),
}


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted((ROOT / "chalicelib").rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        yield name, ast.parse(path.read_text())


def imported(tree: ast.Module) -> set[str]:
    """Every module that is imported anywhere in the file, `from a import b` as a and a.b."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


MODULES = dict(modules())


@pytest.mark.parametrize("part", BELOW)
def test_dependencies_between_the_parts_point_one_way(part: str) -> None:
    for name, tree in MODULES.items():
        if name.startswith(f"chalicelib.{part}"):
            others = {one.split(".")[1] for one in imported(tree) if one.startswith("chalicelib.")} & set(BELOW)
            assert others <= BELOW[part] | {part}, f"{name} imports {others - BELOW[part] - {part}}"


def test_the_store_takes_only_plain_things_from_discord() -> None:
    for name, tree in MODULES.items():
        if name.startswith("chalicelib.store"):
            used = {one for one in imported(tree) if one.startswith("chalicelib.discord.") and one in MODULES}
            allowed = {"chalicelib.discord.rate_limit", "chalicelib.discord.models", "chalicelib.discord.rate_limiter"}
            assert used <= allowed, name


@pytest.mark.parametrize("name", sorted(PURE))
def test_pure_modules_know_no_clock_no_network_and_no_environment(name: str) -> None:
    reached, todo = set[str](), {name}
    while todo:
        module = todo.pop()
        reached.add(module)
        found = imported(MODULES[module])
        assert not {one.split(".")[0] for one in found} & IMPURE, f"{name}, by way of {module}"
        todo |= {one for one in found if one in PURE} - reached


@pytest.mark.parametrize("name", sorted(set(MODULES)))
def test_only_the_settings_read_the_environment_and_only_the_app_knows_chalice(name: str) -> None:
    found = imported(MODULES[name])
    assert name == "chalicelib.settings" or "os" not in found
    assert not {one for one in found if one.split(".")[0] in ("chalice", "local", "ops", "bench", "tests", "app")}


@pytest.mark.parametrize("name", sorted(MODULES))
def test_rows_and_answers_stay_in_their_modules(name: str) -> None:
    found = {one.split(".")[0] for one in imported(MODULES[name])}
    assert "pynamodb" not in found or name.startswith("chalicelib.store")
    assert "requests" not in found or name in ("chalicelib.discord.client", "chalicelib.linking.oauth")


@pytest.mark.parametrize("name", sorted(set(MODULES) - {"chalicelib.members.reporter"}))
def test_only_the_reporter_notifies_and_only_it_and_the_store_write_the_trail(name: str) -> None:
    calls = {ast.unparse(node.func) for node in ast.walk(MODULES[name]) if isinstance(node, ast.Call)}
    assert not {call for call in calls if ".notices." in f".{call}"}
    assert name == "chalicelib.store.users" or "audit.keep" not in calls


def test_the_app_is_importable_with_an_empty_environment_and_builds_nothing() -> None:
    program = (
        "import sys; sys.path.insert(0, '.'); import app; from chalicelib import wiring; "
        "assert wiring.wired.cache_info().currsize == 0; "
        "assert 'requests_oauthlib' not in sys.modules; print(app.app.app_name)"
    )
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", program], cwd=ROOT, env={"PATH": os.defpath}, capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.stderr) == ("rolecall", "")


def test_handlers_are_thin() -> None:
    tree = ast.parse((ROOT / "app.py").read_text())
    longest = max((node for node in tree.body if isinstance(node, ast.FunctionDef)), key=_lines)
    assert _lines(longest) <= 30, longest.name


def _lines(node: ast.FunctionDef) -> int:
    return (node.end_lineno or 0) - node.lineno
