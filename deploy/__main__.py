"""`python -m deploy up|package|check|rollback|down STAGE`: see `make help`."""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from chalicelib.outages import AWS_ERRORS
from deploy.deployment import Deployment
from deploy.found import Sleep
from deploy.project import ROOT, NotDeployed


def main(arguments: Sequence[str] | None = None, *, root: Path = ROOT, sleep: Sleep = time.sleep) -> int:
    """Do what the command line says; 0 if it was done, else 1. `sleep` lets seconds pass while AWS works."""
    options = command_line().parse_args(arguments)
    if region := os.environ.get("AWS_REGION"):  # most AWS programs read it; boto3 and chalice know the other name only
        os.environ.setdefault("AWS_DEFAULT_REGION", region)
    try:
        return Deployment(options, root, sleep)()
    except NotDeployed as refused:
        print(refused, file=sys.stderr)
    except AWS_ERRORS as error:
        print(f"AWS: {error}", file=sys.stderr)
    except EOFError:
        print("Nobody answered: nothing was deleted", file=sys.stderr)
    except KeyboardInterrupt:
        print("Stopped. Run the same again when you like: it takes up what is there", file=sys.stderr)
    return 1


def command_line() -> argparse.ArgumentParser:
    """What can be typed; docs/reference/commands.md is generated from it."""
    parser = argparse.ArgumentParser(prog="python -m deploy", description="Put Rolecall into an AWS account.")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="deploy the stage, or what changed of it")
    up.add_argument("--packaged", action="store_true", help="the functions as a CloudFormation stack")
    up.add_argument("--bucket", help="where to upload the package (default: one made for it)")
    up.add_argument("--email", help="where alarms go; none: nowhere")
    up.add_argument("--auth-site", metavar="ARN", help="the auth site's user or role; none: nobody's")
    up.add_argument("--protection", choices=["stage", "on", "off"], help="of the tables (default: on for prod)")
    up.add_argument("--hours-without-sweep", metavar="HOURS", help="until an alarm rings (default: 6)")
    up.add_argument("--oldest-change", metavar="SECONDS", help="that a change may take before an alarm rings (1800)")
    up.add_argument("--visibility-timeout", metavar="SECONDS", help="of the jobs and bulk queues (default: 360)")
    up.add_argument(
        "--revert-drift", action="store_true", help="also put back what was changed by hand of what stacks made"
    )
    up.add_argument("--plain-connections", choices=["denied", "allowed"], help=argparse.SUPPRESS)  # for emulators
    commands.add_parser("package", help="make the package and its template, for a pipeline")
    rollback = commands.add_parser("rollback", help="put the version before the last one back")
    rollback.add_argument("--bucket", help="where the packages are (default: the one that was made for them)")
    commands.add_parser("check", help="say which settings are missing or wrong")
    down = commands.add_parser("down", help="delete the stage and all that it keeps")
    down.add_argument("--yes", action="store_true", help="do not ask")
    down.add_argument("--bucket", help="where the packages are (default: the one that was made for them)")
    for command in commands.choices.values():
        command.add_argument("stage")
    return parser


if __name__ == "__main__":
    sys.exit(main())
