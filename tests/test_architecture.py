"""The structure, as far as import-linter cannot say it; its contracts stand in pyproject.toml, for `make check`."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
APP_IMPORTS = {"chalice", "chalicelib"}
CODE = ("app.py", "chalicelib", "ops", "deploy", "local", "simulation", "bench", "tools", "auth_sites")
MAX_METHODS = 12
REASON = re.compile(r"\b[Oo]ne\s+method\s+for\s+each\s+\w")  # the sentence that says for each what


def imported(tree: ast.Module) -> set[str]:
    """The top-level name of every module that is imported anywhere in the file."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def test_the_app_imports_chalice_chalicelib_and_the_standard_library_only() -> None:
    found = imported(ast.parse((ROOT / "app.py").read_text()))
    assert found - sys.stdlib_module_names == APP_IMPORTS
    assert not found & {"os", "time", "random"}


def test_the_linter_looks_at_every_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert set(project["tool"]["importlinter"]["root_packages"]) == packages
    (layers,) = (
        contract["layers"]
        for contract in project["tool"]["importlinter"]["contracts"]
        if contract["type"] == "layers" and "containers" not in contract
    )
    assert {name.strip() for layer in layers for name in layer.split("|")} == packages


@pytest.mark.parametrize("path", sorted((ROOT / "chalicelib").rglob("*.py")), ids=lambda path: path.stem)
def test_only_the_reporter_notifies_and_only_it_and_the_store_write_the_trail(path: Path) -> None:
    name = path.relative_to(ROOT / "chalicelib").as_posix()
    calls = {ast.unparse(node.func) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)}
    assert name == "members/reporter.py" or not {call for call in calls if ".notices." in f".{call}"}
    assert name in ("members/reporter.py", "store/synced.py") or "audit.keep" not in calls


def test_the_app_is_importable_with_an_empty_environment_and_builds_nothing() -> None:
    program = (
        "import sys; sys.path.insert(0, '.'); import app; from chalicelib import wiring; "
        "assert wiring.wired.cache_info().currsize == 0; print(app.app.app_name)"
    )
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", program], cwd=ROOT, env={"PATH": os.defpath}, capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.stderr) == ("rolecall", "")


@pytest.mark.parametrize(
    ("handler", "prepared"), [("", False), ("app.app", False), ("app.sync_jobs", True), ("app.update_all", True)]
)
def test_a_worker_imports_what_it_will_use_before_its_first_event_and_the_web_function_does_not(
    handler: str, *, prepared: bool
) -> None:
    program = "import sys; sys.path.insert(0, '.'); import app; print('chalicelib.delivery.delivery' in sys.modules)"
    environment = {"PATH": os.defpath, "_HANDLER": handler}
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.stderr) == (str(prepared), "")


@pytest.mark.parametrize("folder", CODE)
def test_a_class_with_many_methods_says_why_in_its_docstring(folder: str) -> None:
    top = ROOT / folder
    classes = [
        (path, node)
        for path in ([top] if top.is_file() else sorted(top.rglob("*.py")))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
    ]
    assert classes or folder == "app.py"
    unexplained = {
        f"{path.relative_to(ROOT)}: {node.name}"
        for path, node in classes
        if len(_methods(node)) > MAX_METHODS and not REASON.search(ast.get_docstring(node) or "")
    }
    assert unexplained == set()


def _methods(node: ast.ClassDef) -> list[str]:
    """The names of a class's own methods; `__init__` and properties count."""
    return [one.name for one in node.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]


def test_handlers_are_thin() -> None:
    tree = ast.parse((ROOT / "app.py").read_text())
    longest = max((node for node in tree.body if isinstance(node, ast.FunctionDef)), key=_lines)
    assert _lines(longest) <= 30, longest.name


def _lines(node: ast.FunctionDef) -> int:
    return (node.end_lineno or 0) - node.lineno


def test_only_a_page_needs_the_template_library() -> None:
    program = (
        "import sys; sys.path.insert(0, '.'); import app; from chalice.test import Client\n"
        "with Client(app.app) as client:\n"
        "    assert client.http.get('/health').status_code == 200\n"
        "    assert not {'jinja2', 'chalicelib.web'} & set(sys.modules)\n"
        "    assert client.http.get('/discord/link').status_code == 500\n"
        "assert 'jinja2' in sys.modules; print('as said')"
    )
    environment = {"PATH": os.defpath, "AWS_DEFAULT_REGION": "us-east-1"}
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip().endswith("as said"), done.stderr
