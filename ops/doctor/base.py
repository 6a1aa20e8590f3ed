"""Checks: small functions that yield findings. If a check fails, the checks that need it are skipped."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from chalicelib.errors import RolecallError
from ops.aws_access import ERRORS, complaint_of
from ops.doctor.context import DoctorContext
from ops.errors import CommandError


class Level(StrEnum):
    """The severity of a finding. A fault keeps something from working; a warning may; a note is only worth knowing."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    FAULT = "fault"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found. `fix` names the click or the command that fixes it."""

    level: Level
    text: str
    fix: str = ""


def note(text: str) -> Finding:
    """Return a note: worth knowing, nothing to do."""
    return Finding(Level.NOTE, text)


def warning(text: str, fix: str) -> Finding:
    """Return a warning: it works, but not for long, or not for everybody."""
    return Finding(Level.WARNING, text, fix)


def fault(text: str, fix: str) -> Finding:
    """Return a fault: it does not work."""
    return Finding(Level.FAULT, text, fix)


CheckFunction = Callable[[DoctorContext], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Check:
    """One check. `needs` names the checks that must pass first.

    The title of a check that may warn or note names a subject, not the good case: a warning mark beside "No dead
    letters" would be confusing.
    """

    name: str
    title: str
    look: CheckFunction
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a check; without findings it passed."""

    check: Check
    findings: tuple[Finding, ...]

    @property
    def level(self) -> Level:
        """The worst severity found."""
        order = list(Level)
        return max((finding.level for finding in self.findings), key=order.index, default=Level.OK)

    @property
    def failed(self) -> bool:
        """Whether checks that need this one must be skipped."""
        return self.level in (Level.FAULT, Level.SKIPPED)


class Registry:
    """The checks of one theme, in the order in which they run."""

    def __init__(self, theme: str) -> None:
        self.theme = theme
        self.checks: list[Check] = []

    def check(self, name: str, title: str, *, needs: tuple[str, ...] = ()) -> Callable[[CheckFunction], CheckFunction]:
        """Register a function that yields its findings, none if all is well."""

        def register(look: CheckFunction) -> CheckFunction:
            self.checks.append(Check(name, title, look, needs))
            return look

        return register


def examine(check: Check, context: DoctorContext, earlier: dict[str, Result]) -> Result:
    """Run one check. If it cannot find out, that is a fault too, with what AWS or Discord said."""
    missing = [name for name in check.needs if name in earlier and earlier[name].failed]
    if missing:
        return Result(check, (_skipped(earlier[missing[0]]),))
    try:
        return Result(check, tuple(check.look(context)))
    except CommandError as error:
        return Result(check, (fault(f"could not be checked: {error}", error.fix or TRY_LATER),))
    except ERRORS as error:
        complaint = complaint_of(error)
        return Result(check, (fault(f"could not be checked: {complaint.text}", complaint.fix or LOOK_AT_AWS),))
    except RolecallError as error:
        return Result(check, (fault(f"could not be checked: {error}", TRY_LATER),))


def _skipped(cause: Result) -> Finding:
    """Say why a check was skipped: the check that failed first, not one that was skipped because of it."""
    if cause.level is Level.SKIPPED:
        return cause.findings[0]
    return Finding(Level.SKIPPED, f"not checked; it needs: {cause.check.title}")


TRY_LATER = "try again; if it stays so, check this machine's connection and discordstatus.com"
LOOK_AT_AWS = "look at health.aws.amazon.com and the AWS console, and try again"
