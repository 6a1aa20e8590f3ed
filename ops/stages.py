"""Which stages there are: those of .chalice/config.json, which `make deploy` knows too; and what two may not share.

At an AWS_ENDPOINT_URL, which is an AWS on somebody's own machine, there may be any.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from ops.errors import USAGE, CommandError

CONFIG = Path(__file__).resolve().parents[1] / ".chalice" / "config.json"
NOT_SHARED = ("DISCORD_APP_ID", "DISCORD_GUILD_ID")  # two stages would undo each other's work
ELSEWHERE = "AWS_ENDPOINT_URL"  # also with a service's name behind it


def refuse_unknown(stage: str, environ: Mapping[str, str] = os.environ, config: Path = CONFIG) -> None:
    """Raise CommandError for a stage that is not in the file: most likely its name is misspelt."""
    if any(name.startswith(ELSEWHERE) and value for name, value in environ.items()) or not config.exists():
        return
    stages = json.loads(config.read_text())["stages"]
    if stage not in stages:
        raise CommandError(
            f"There is no stage {stage!r}: .chalice/config.json knows {', '.join(stages)}.",
            fix="--stage, or ROLECALL_STAGE, must name one of them; a new one is written there first",
            code=USAGE,
        )


def shared_with(stage: str, environment: Mapping[str, str], config: Path = CONFIG) -> dict[str, list[str]]:
    """Return the settings of NOT_SHARED that other stages have, too, with the names of those stages.

    `environment` holds the settings of `stage`.
    """
    if not config.exists():
        return {}
    stages = json.loads(config.read_text())["stages"]
    others = {name: one.get("environment_variables", {}) for name, one in stages.items() if name != stage}
    found = {
        setting: [name for name, values in others.items() if values.get(setting) == environment.get(setting)]
        for setting in NOT_SHARED
        if environment.get(setting)
    }
    return {setting: names for setting, names in found.items() if names}
