"""Which Python the functions may run on."""

from datetime import date

import pytest

from deploy import runtimes

TODAY = date(2026, 11, 25)


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13), (3, 14)])
def test_a_version_that_lambda_has_is_fine(version: runtimes.Version) -> None:
    assert runtimes.faults(version, TODAY) == []


@pytest.mark.parametrize("version", [(3, 10), (3, 16)])
def test_another_is_refused_with_a_sentence(version: runtimes.Version) -> None:
    (said,) = runtimes.faults(version, TODAY)
    assert "Lambda has, and Rolecall runs on, 3.11, 3.12, 3.13, 3.14" in said
    assert f"this is {runtimes.name(version)}" in said
    assert "make clean setup PYTHON=python3.13" in said


def test_one_whose_end_has_come_is_refused() -> None:
    runtime = runtimes.known()[(3, 11)]
    assert runtimes.faults((3, 11), runtime.blocked)
    assert not runtimes.faults((3, 11), runtime.deprecated)


def test_one_that_ends_soon_is_warned_of_with_both_dates() -> None:
    assert runtimes.warning((3, 11), TODAY) == ""
    said = runtimes.warning((3, 11), date(2027, 3, 1))
    assert "ends on 2027-06-30" in said
    assert "from 2027-08-31" in said
    assert "ended" in runtimes.warning((3, 11), date(2027, 7, 1))
