"""What a person reads of an examination."""

import pytest

from local.conformance.checks import CHECKS
from local.conformance.command import report
from tests.local.conformance.conftest import Run
from tests.local.conformance.small_site import SmallSite


def test_every_check_says_what_it_is_about() -> None:
    promises = [check.__doc__ or "" for check in CHECKS]
    assert all(len(promise) > 20 for promise in promises)
    assert len(set(promises)) == len(CHECKS)


def test_a_right_site_is_called_so(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(run.examination) == 0
    assert capsys.readouterr().out.endswith("The auth site keeps its half of the contract.\n")


def test_a_fault_stands_below_the_promise_that_it_breaks(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    class Deaf(SmallSite):
        def do_unlink(self, user_id: str) -> None:  # type: ignore[override]  # it does nothing
            """Rolecall is not told."""

    run.stage(Deaf, type(run.half))
    assert report(run.examination) == 1
    lines = capsys.readouterr().out.splitlines()
    at = lines.index("  ✗ Who ends the link on the auth site is unlinked")
    assert "Rolecall was not told" in lines[at + 1]
    assert lines[-1] == f"1 of {len(CHECKS)} promises are not kept."


def test_a_site_that_reads_no_accounts_is_told_so(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run.played.reads = 0
    run.stage(SmallSite, type("Mute", (), {"__init__": lambda self, *rest: None}))  # noqa: ARG005
    report(run.examination)
    assert "No account was read" in capsys.readouterr().out


def test_secrets_and_tokens_are_not_printed(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run.stage(SmallSite, type("Other", (type(run.half),), {"token": lambda *rest, **claims: "e30.e30.secret"}))  # noqa: ARG005
    report(run.examination)
    assert "e30" not in capsys.readouterr().out
