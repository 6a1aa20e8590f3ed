"""Which stages there are: those of .chalice/config.json, which `make deploy` knows too.

At an AWS_ENDPOINT_URL, which is an AWS on somebody's own machine, there may be any.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from ops.errors import USAGE, CommandError

CONFIG = Path(__file__).resolve().parents[1] / ".chalice" / "config.json"
ELSEWHERE = "AWS_ENDPOINT_URL"  # also with a service's name behind it


def refuse_unknown(stage: str, environ: Mapping[str, str] = os.environ, config: Path = CONFIG) -> None:
    """Raise Complaint for a stage that nobody has described: most likely its name is misspelt."""
    if any(name.startswith(ELSEWHERE) and value for name, value in environ.items()) or not config.exists():
        return
    stages = json.loads(config.read_text())["stages"]
    if stage not in stages:
        raise CommandError(
            f"There is no stage {stage!r}: .chalice/config.json knows {', '.join(stages)}.",
            fix="--stage, or ROLECALL_STAGE, must name one of them; a new one is written there first",
            code=USAGE,
        )
