"""`stages new NAME`: write what a new stage needs into `.chalice/`. Asks nobody and touches nothing in AWS."""

import argparse
from pathlib import Path

from deploy import stages
from ops.console import Screen
from ops.errors import FINE, USAGE, CommandError
from ops.stage import Stage

ROOT = Path(__file__).resolve().parents[1]
ABOUT = f"""\
Add a stage: a whole Rolecall of its own, for one more Discord server.

  python -m ops stages new alliance     enters it into .chalice/config.json and writes its policies
  python -m ops stages renew            writes the policies of all stages anew from their templates

NAME may have {stages.NAME_IN_WORDS}.
Each stage needs a Discord application of its own: two that share a bot would both believe in its whole rate limit."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options of `stages`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    new = actions.add_parser("new", help="write what a new stage needs")
    new.add_argument("name", metavar="NAME", help=stages.NAME_IN_WORDS)
    actions.add_parser("renew", help="write the policies of all stages anew from their templates")


def run(options: argparse.Namespace, _stage: Stage, screen: Screen, root: Path = ROOT) -> int:
    """Write the files and say what is next."""
    if options.action == "renew":
        written = stages.write_policies(root)
    else:
        try:
            written = stages.add(options.name, root)
        except stages.StageRefused as refused:
            raise CommandError(str(refused), code=USAGE) from None
    names = [str(path.relative_to(root)) for path in written]
    if screen.as_json:
        screen.data({"written": names})
    screen.say(f"Written: {', '.join(names)}" if names else "Everything is as it should be.")
    if options.action == "new":
        screen.say(_what_next(options.name))
    return FINE


def _what_next(stage: str) -> str:
    return (
        f"Next: fill in stages → {stage} → environment_variables in .chalice/config.json; "
        f"make secrets STAGE={stage}; "
        f"make deploy STAGE={stage} EMAIL=you@example.org PROTECTION=on (for a server that people use)"
    )
