"""Runs the checks, one after the other, and says what each found."""

from collections.abc import Iterator
from dataclasses import dataclass

from local.conformance.checks import CHECKS, Check
from local.conformance.driver import DriverError
from local.conformance.examination import Examination
from local.conformance.users import Wrong


@dataclass(frozen=True)
class Finding:
    """What a check found. `wrong` is empty if the contract is kept."""

    name: str
    promise: str
    wrong: str = ""


def examine(exam: Examination) -> Iterator[Finding]:
    """Run all checks; one that fails keeps none of the others from running."""
    for check in CHECKS:
        yield _run(check, exam)


def _run(check: Check, exam: Examination) -> Finding:
    promise = (check.__doc__ or "").strip()
    try:
        check(exam)
    except (Wrong, DriverError) as error:
        return Finding(check.__name__, promise, str(error))
    return Finding(check.__name__, promise)
