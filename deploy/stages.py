"""What a stage needs in `.chalice/`: its entry in config.json, and the policies of its functions, from templates.

The files of stages in config.json are kept beside it, so that a plain `chalice deploy` finds them; `make deploy` and
`make package` fill in the templates anew each time.
"""

import json
import re
from pathlib import Path
from typing import Any

CONFIG, TEMPLATES = Path(".chalice", "config.json"), Path(".chalice", "templates")
PLACEHOLDER = "${stage}"
NAME = "[a-z][a-z0-9-]{0,15}"  # 16 with a function's name behind them reach the 64 characters of an EventBridge rule
NAME_IN_WORDS = "up to 16 lower-case letters, digits and hyphens, the first a letter"
TAKEN_ENDINGS = ("-data", "-watch")  # the functions' stack of x-data would be called as the data stack of x

Json = dict[str, Any]


class StageRefused(ValueError):
    """No stage may be called so, or it is there already; the text is for the person."""


def check_name(stage: str) -> None:
    """Raise StageRefused if no stage may be called `stage`."""
    if not re.fullmatch(NAME, stage):
        raise StageRefused(f"A stage cannot be called {stage!r}: {NAME_IN_WORDS}")
    for ending in TAKEN_ENDINGS:
        if stage.endswith(ending):
            raise StageRefused(
                f"A stage cannot be called {stage!r}: rolecall-{stage} is the name of a stack of the stage "
                f"{stage.removesuffix(ending)!r}"
            )


def policies(stage: str, root: Path) -> dict[str, str]:
    """The policy files of `stage` by their names in `.chalice/`."""
    return {
        path.name.replace("policy-", f"policy-{stage}-"): _filled(path, stage)
        for path in sorted((root / TEMPLATES).glob("policy-*.json"))
    }


def configuration(stage: str, root: Path) -> Json:
    """The entry of a new stage in config.json, its settings still empty."""
    made: Json = json.loads(_filled(root / TEMPLATES / "stage.json", stage))
    return made


def write_policies(root: Path) -> list[Path]:
    """Write the policy files of every stage that config.json knows; those that were not as they should be."""
    changed = []
    for stage in json.loads((root / CONFIG).read_text())["stages"]:
        for name, content in policies(stage, root).items():
            path = root / CONFIG.parent / name
            if not path.exists() or path.read_text() != content:
                path.write_text(content)
                changed.append(path)
    return changed


def add(stage: str, root: Path) -> list[Path]:
    """Enter a new stage into config.json and write its policies; the files that were written.

    Raises StageRefused where the name is taken or cannot be one.
    """
    check_name(stage)
    path = root / CONFIG
    config = json.loads(path.read_text())
    if stage in config["stages"]:
        raise StageRefused(f"There is a stage {stage!r} already, in {CONFIG}")
    config["stages"][stage] = configuration(stage, root)
    path.write_text(json.dumps(config, indent=2) + "\n")
    return [path, *write_policies(root)]


def _filled(path: Path, stage: str) -> str:
    return path.read_text().replace(PLACEHOLDER, stage)
