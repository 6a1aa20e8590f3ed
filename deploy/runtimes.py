"""The Python versions that Lambda has, and until when: AWS's table, from the copy that cfn-lint keeps.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
"""

import json
import re
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib.util import find_spec
from pathlib import Path

OLDEST = (3, 11)  # that the code is written for
RECOMMENDED = (3, 13)
SOON = 183  # days before its end from which a version is warned of

Version = tuple[int, int]


@dataclass(frozen=True)
class Runtime:
    """A Python version at Lambda. After `deprecated` AWS patches it no more; from `blocked` it takes no new code."""

    version: Version
    deprecated: date
    blocked: date

    def __str__(self) -> str:
        return f"Python {name(self.version)}"


def name(version: Version) -> str:
    """As people write it: 3.13."""
    return ".".join(map(str, version))


def version_of(runtime: str) -> Version | None:
    """The version that Lambda calls `runtime`, as python3.13; None for anything else."""
    said = re.fullmatch(r"python(\d+)\.(\d+)", runtime)
    return (int(said[1]), int(said[2])) if said else None


def known() -> dict[Version, Runtime]:
    """Every version that Lambda has and the code runs on."""
    table = json.loads((_cfn_lint() / "data" / "AdditionalSpecs" / "LmbdRuntimeLifecycle.json").read_text())
    found = {}
    for runtime, dates in table.items():
        if version := version_of(runtime):
            ends = date.fromisoformat(dates["deprecated"]), date.fromisoformat(dates["update-block"])
            found[version] = Runtime(version, *ends)
    return {version: one for version, one in sorted(found.items()) if version >= OLDEST}


def _cfn_lint() -> Path:
    """Its folder, found without importing it, which takes a second."""
    found = find_spec("cfnlint")
    if found is None or not found.submodule_search_locations:
        raise RuntimeError("cfn-lint is not installed: run make setup")
    return Path(found.submodule_search_locations[0])


def this_python() -> Version:
    """The version that runs this, on which the functions would run."""
    return sys.version_info[:2]


def today() -> date:
    """The day, in UTC."""
    return datetime.now(UTC).date()


def faults(version: Version, day: date) -> list[str]:
    """Why functions cannot run on `version`; nothing where they can."""
    runtimes = known()
    usable = [name(one) for one, runtime in runtimes.items() if runtime.blocked > day]
    if name(version) in usable:
        return []
    need = f"Lambda has, and Rolecall runs on, {', '.join(usable)}"
    way = f"make clean setup PYTHON=python{name(RECOMMENDED)}"
    return [f"Functions run on the Python that deploys them. {need}; this is {name(version)}. For another: {way}"]


def warning(version: Version, day: date) -> str:
    """What to do about a version that AWS will not support for much longer; empty where it will."""
    runtime = known().get(version)
    if not runtime or (runtime.deprecated - day).days > SOON:
        return ""
    ends = "ended" if runtime.deprecated <= day else "ends"
    return (
        f"AWS's support of {runtime} {ends} on {runtime.deprecated}, and from {runtime.blocked} it takes no changes of "
        f"functions that run on it: deploy with a newer one, for instance {name(RECOMMENDED)}"
    )
