"""The command, as a person types it, against the recipes of the documentation as web servers of their own."""

import argparse
import shutil
import sys
from pathlib import Path

import pytest

from local import __main__ as local
from local.aws.process import port_to_use
from local.conformance import command
from local.conformance.checks import CHECKS
from local.conformance.driver import DriverError, HttpDriver
from tests.local.conformance.recipe import recipe

HERE = Path(__file__).parent
PHP = shutil.which("php")


def options(run: str, site_port: int) -> argparse.Namespace:
    """What the command line makes of it."""
    ports = ["--rolecall-port", str(port_to_use(None)), "--aws-port", str(port_to_use(None))]
    url = f"http://127.0.0.1:{site_port}/"
    return local.command_line().parse_args(
        ["conformance", "--auth-site", url, "--run", run, "--patience", "20", *ports]
    )


@pytest.fixture(autouse=True)
def _from_the_projects_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(HERE.parents[2])


@pytest.mark.stack
def test_the_python_recipe_keeps_the_contract(capsys: pytest.CaptureFixture[str]) -> None:
    port = port_to_use(None)
    run = f"{sys.executable} -m tests.local.conformance.site {port}"
    assert command.main(options(run, port)) == 0, capsys.readouterr().out
    said = capsys.readouterr().out
    assert said.count("✓") == len(CHECKS)
    assert "The auth site keeps its half of the contract." in said


@pytest.mark.stack
@pytest.mark.skipif(PHP is None, reason="no PHP on this machine (Debian, Ubuntu: apt install php-cli)")
def test_the_php_recipe_keeps_the_contract(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rolecall.php").write_text(recipe("php"))
    monkeypatch.setenv("RECIPE", str(tmp_path / "rolecall.php"))
    monkeypatch.setenv("STATE", str(tmp_path / "state.json"))
    port = port_to_use(None)
    run = f"{PHP} -d display_errors=1 -d error_reporting=E_ALL -S 127.0.0.1:{port} {HERE / 'site.php'}"
    assert command.main(options(run, port)) == 0, capsys.readouterr().out


@pytest.mark.stack
def test_a_site_that_ends_by_itself_is_told_with_its_last_words(capsys: pytest.CaptureFixture[str]) -> None:
    run = f"{sys.executable} -c 'raise SystemExit(\"no database\")'"
    assert command.main(options(run, port_to_use(None))) == 1
    assert "no database" in capsys.readouterr().err


def test_a_secret_is_shown_only_if_it_was_made_up_here() -> None:
    assert list(command.shown({"AUTH_SITE_SECRET": command.SECRET})) == [f"  AUTH_SITE_SECRET={command.SECRET}"]
    (shown,) = command.shown({"AUTH_SITE_SECRET": "hidden"})
    assert "hidden" not in shown


def test_a_driver_that_cannot_be_reached_is_told() -> None:
    with pytest.raises(DriverError, match="cannot be reached"):
        HttpDriver(f"http://127.0.0.1:{port_to_use(None)}/").ask("work")
