"""What the Alliance Auth app signs and sends is what Rolecall reads; and none of Rolecall's code is in it."""

import ast
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from chalicelib.linking.tokens import Purpose, read_token
from chalicelib.messages import read_job

FOLDER = Path(__file__).parents[2] / "auth_sites" / "allianceauth"
SECRET = "a secret of the auth site, 32 bytes or more"
NOW = 1_767_225_600.5
STAMP = 1_767_225_600_123


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("aa_rolecall_contract", FOLDER / "aa_rolecall" / "contract.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


contract: Any = _load()


def test_a_link_token_says_what_was_signed() -> None:
    said = {"groups": ["Member", "Böse Buben"], "nickname": "Kira Vantari", "changed_at": STAMP}
    token = read_token(
        contract.sign(SECRET, "7", "link", now=NOW, jti="once", **said), Purpose.LINK, secret=SECRET, now=NOW
    )
    assert (token.user_id, token.jti, token.changed_at) == ("7", "once", STAMP)
    assert (token.groups, token.nickname) == (("Member", "Böse Buben"), "Kira Vantari")


@pytest.mark.parametrize("purpose", [Purpose.UNLINK, Purpose.ADD_BOT, Purpose.READ])
def test_the_other_tokens_hold_for_their_purpose(purpose: Purpose) -> None:
    text = contract.sign(SECRET, "7", str(purpose), now=NOW, jti="once")
    assert read_token(text, purpose, secret=SECRET, now=NOW).user_id == "7"


def test_a_statement_is_read_as_it_was_meant() -> None:
    body = contract.update_all("7", groups=["Member"], nickname=None, changed_at=STAMP)
    job: Any = read_job(body, now=NOW, own=False)
    assert type(job).__name__ == "UpdateAll"
    assert (job.user_id, job.groups, job.nickname, job.changed_at) == ("7", ["Member"], None, STAMP)


def test_names_are_cut_to_what_rolecall_reads() -> None:
    body = contract.update_all("7", groups=["G" * 2000], nickname="N" * 2000, changed_at=STAMP)
    job: Any = read_job(body, now=NOW, own=False)
    assert (len(job.groups[0]), len(job.nickname)) == (1000, 1000)


@pytest.mark.parametrize("options", [{}, {"grace_days": 0}])
def test_a_removal_is_read_as_one_that_is_told(options: dict[str, int]) -> None:
    job: Any = read_job(contract.delete_user("7", changed_at=STAMP, **options), now=NOW, own=False)
    assert type(job).__name__ == "DeleteUser"
    assert (job.user_id, job.notify) == ("7", True)


def test_a_username_is_asked_for() -> None:
    job: Any = read_job(contract.update_username("7"), now=NOW, own=False)
    assert (type(job).__name__, job.user_id) == ("UpdateUsername", "7")


def test_nothing_in_the_app_imports_rolecall() -> None:
    found = {
        name.split(".")[0]
        for path in FOLDER.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        for name in _imported(node)
    }
    assert "django" in found
    assert not found & {"chalicelib", "local", "ops", "deploy", "simulation", "bench", "app"}


def test_the_contract_module_knows_no_django_no_clock_and_no_network() -> None:
    tree = ast.parse((FOLDER / "aa_rolecall" / "contract.py").read_text())
    found = {name.split(".")[0] for node in ast.walk(tree) for name in _imported(node)}
    assert found == {"dataclasses", "hashlib", "json", "jwt", "typing"}


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []
