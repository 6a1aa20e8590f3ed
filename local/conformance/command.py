"""`python -m local conformance`: does an auth site keep its half of the contract?"""

import argparse
import os
import shlex
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from local.aws import CannotStart
from local.aws.process import Process
from local.conformance.checks import CHECKS
from local.conformance.driver import Driver, DriverError, HttpDriver
from local.conformance.environment import Environment, environment
from local.conformance.examination import Examination
from local.conformance.report import examine
from local.up import interruptible

SECRET = "a secret of Rolecall and an auth site that is examined"
ROLECALL_PORT, AWS_PORT = 8765, 8766  # the same in each run, so that an auth site can be set to them for good
START_TIMEOUT = 30.0  # seconds until a site that was started here answers
WAIT = 600.0  # seconds until a site that a person starts answers
PATIENCE = 15.0  # seconds
LOOK = 0.5  # seconds


def main(options: argparse.Namespace) -> int:
    """Play Rolecall and its queues towards an auth site; exit code 0 if it keeps the contract, 1 if not."""
    secret = os.environ.get("AUTH_SITE_SECRET") or SECRET
    try:
        with (
            interruptible(),
            environment(secret, rolecall_port=options.rolecall_port, aws_port=options.aws_port) as around,
            site(options.run, around) as process,
        ):
            driver = HttpDriver(options.auth_site)
            wait_for(driver, process)
            faults = report(around.examination(driver, patience=options.patience))
    except KeyboardInterrupt:
        return 1
    except CannotStart as error:
        print(error, file=sys.stderr)
        return 1
    return 1 if faults else 0


def report(exam: Examination) -> int:
    """Run the checks and print what they find; how many found a fault."""
    faults = 0
    for finding in examine(exam):
        print(f"  {'✗' if finding.wrong else '✓'} {finding.promise}", flush=True)
        if finding.wrong:
            faults += 1
            print(f"      {finding.wrong}", flush=True)
    if not exam.rolecall.reads:
        print("  - No account was read: the site relies on notices alone, and shows what they said last")
    print(
        f"{faults} of {len(CHECKS)} promises are not kept."
        if faults
        else "The auth site keeps its half of the contract."
    )
    return faults


@contextmanager
def site(command: str | None, around: Environment) -> Iterator[Process | None]:
    """Run the auth site by this command, or tell a person what to set theirs to."""
    if command is None:
        print("Set your auth site to these, and start it with its driver:", file=sys.stderr)
        print(*shown(around.settings), sep="\n", file=sys.stderr, flush=True)
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="rolecall-conformance-"))
    environment = {**os.environ, **around.settings}
    process = Process(shlex.split(command), environment=environment, folder=folder, log=folder / "site.log")
    try:
        yield process
    finally:
        process.stop()


def shown(settings: Mapping[str, str]) -> Iterator[str]:
    """The settings for a person to read; a secret only if it is the one made up here."""
    for name, value in settings.items():
        hidden = name == "AUTH_SITE_SECRET" and value != SECRET
        yield f"  {name}={'(that of your environment)' if hidden else value}"


def wait_for(driver: Driver, process: Process | None) -> None:
    """Wait until the driver answers. Raises CannotStart."""
    deadline = time.monotonic() + (START_TIMEOUT if process else WAIT)
    while True:
        try:
            driver.ask("work")
        except DriverError as error:
            ended = process is not None and not process.running
            if ended or time.monotonic() > deadline:
                said = process.last_lines() if process else ""
                raise CannotStart(f"The auth site does not answer: {error}\n{said}".strip()) from None
            time.sleep(LOOK)
        else:
            return


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add to `parser` the options of `conformance`."""
    parser.epilog = "AUTH_SITE_SECRET is taken from the environment if it is there."
    parser.add_argument("--auth-site", metavar="URL", required=True, help="the address of the auth site's driver")
    parser.add_argument(
        "--run", metavar="COMMAND", help="start the auth site by this command, with its settings in the environment"
    )
    parser.add_argument(
        "--patience",
        type=float,
        default=PATIENCE,
        metavar="SECONDS",
        help="how long something may take to follow: %(default)s",
    )
    parser.add_argument(
        "--rolecall-port", type=int, default=ROLECALL_PORT, metavar="PORT", help="where Rolecall is played: %(default)s"
    )
    parser.add_argument(
        "--aws-port", type=int, default=AWS_PORT, metavar="PORT", help="where the queues are: %(default)s"
    )
