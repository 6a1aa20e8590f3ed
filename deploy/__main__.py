"""`python -m deploy up|package|check|down STAGE`: see `make help` and the README."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib import settings
from deploy import functions, remove
from deploy.check import CALLBACK, check, no_secrets
from deploy.project import ROOT, NotDeployed, deployed_file, environment_of
from deploy.report import Deployed, report
from deploy.stacks import Stacks


def main(arguments: Sequence[str] | None = None, *, root: Path = ROOT, pace: dict[str, float] | None = None) -> int:
    """Do what the command line says; 0 if it was done, else 1. `pace` is how often AWS is asked whether it is ready."""
    options = command_line().parse_args(arguments)
    if region := os.environ.get("AWS_REGION"):  # most AWS programs read it; boto3 and chalice know the other name only
        os.environ.setdefault("AWS_DEFAULT_REGION", region)
    try:
        return Deployment(options, root, pace)()
    except NotDeployed as refused:
        print(refused, file=sys.stderr)
    except (BotoCoreError, ClientError) as error:
        print(f"AWS: {error}", file=sys.stderr)
    except EOFError:
        print("Nobody answered: nothing was deleted", file=sys.stderr)
    except KeyboardInterrupt:
        print("Stopped. What AWS does already goes on; give it some minutes, and run the same again", file=sys.stderr)
    return 1


class Deployment:
    """One run of the command."""

    def __init__(self, options: argparse.Namespace, root: Path, pace: dict[str, float] | None) -> None:
        self._options = options
        self._stage: str = options.stage
        self._root = root
        self._pace = pace

    def __call__(self) -> int:
        """Do it."""
        {"up": self._up, "package": self._package, "check": self._check, "down": self._down}[self._options.command]()
        return 0

    def _client(self, service: str) -> Any:  # noqa: ANN401 - boto3 makes a client's methods at run time
        # The stubs know one overload a service; which service it is, only the caller knows.
        return boto3.client(service)  # type: ignore[call-overload]

    @property
    def _stacks(self) -> Stacks:
        cloudformation = self._client("cloudformation")
        return Stacks(cloudformation, self._pace) if self._pace else Stacks(cloudformation)

    # --- up ---

    def _up(self) -> None:
        options, stage, stacks = self._options, self._stage, self._stacks
        environment = self._check()
        _tell("What it keeps: tables and queues")
        template = (self._root / ".chalice" / "data-stack.yaml").read_text()
        kept = stacks.bring_about(
            f"rolecall-{stage}-data",
            template,
            {
                "Stage": stage,
                "AuthSitePrincipal": options.auth_site,
                "Protection": options.protection,
                "PlainConnections": options.plain_connections,
                "VisibilityTimeout": options.visibility_timeout,
            },
        )
        _tell("The functions")
        if options.packaged:
            address = functions.deploy_by_cloudformation(
                stage, self._root, stacks, self._client("s3"), self._bucket(), secrets_stored=self._secrets_stored()
            )
        else:
            address = functions.deploy_by_chalice(stage, self._root, stacks, self._client("logs"))
        watch = {
            "AlarmEmail": options.email,
            "HoursWithoutSweep": options.hours_without_sweep,
            "OldestChange": options.oldest_change,
        }
        if any(watch.values()) or stage == "prod" or stacks.find(f"rolecall-{stage}-watch"):
            _tell("Alarms and the dashboard")
            template = (self._root / ".chalice" / "watch-stack.yaml").read_text()
            stacks.bring_about(f"rolecall-{stage}-watch", template, {"Stage": stage, **watch})
        watched = stacks.parameters(f"rolecall-{stage}-watch")
        made = Deployed(
            stage=stage,
            command="make deploy-package" if options.packaged else "make deploy",
            address=address,
            callback_set=environment.get(CALLBACK, ""),
            jobs_queue=kept["JobsQueueUrl"],
            notices_queue=kept["NoticesQueueUrl"],
            alarms_to=watched.get("AlarmEmail", "") if watched else None,
        )
        print(f"\n{report(made)}")

    def _bucket(self) -> str:
        if self._options.bucket:
            return str(self._options.bucket)
        account = self._client("sts").get_caller_identity()["Account"]
        return f"rolecall-deployments-{account}-{self._client('s3').meta.region_name}"

    # --- the others ---

    def _check(self) -> dict[str, str]:
        environment = dict(environment_of(self._stage, self._root))
        address_known = deployed_file(self._stage, self._root).exists() or bool(
            self._stacks.find(functions.stack_name(self._stage))
        )
        check(self._stage, environment, self._secrets, address_known=address_known)
        return environment

    def _secrets(self, names: list[str]) -> dict[str, str]:
        return {name: one["Value"] for name, one in self._parameters(names, decrypted=True).items()}

    def _secrets_stored(self) -> str:
        """Which version of each secret Parameter Store holds."""
        found = self._parameters(list(settings.SECRETS), decrypted=False)
        return ".".join(str(found[name]["Version"]) for name in settings.SECRETS)

    def _parameters(self, names: list[str], *, decrypted: bool) -> dict[str, Any]:
        prefix = f"/rolecall/{self._stage}/"
        found = self._client("ssm").get_parameters(Names=[prefix + name for name in names], WithDecryption=decrypted)
        return {one["Name"].removeprefix(prefix): one for one in found["Parameters"]}

    def _package(self) -> None:
        """Needs no account: whether the secrets are there is not looked at."""
        environment = environment_of(self._stage, self._root)
        check(self._stage, environment, no_secrets, address_known=False)
        folder = functions.package(self._stage, self._root)
        print(f"\nPackaged: {folder / functions.ZIP} and {folder / functions.TEMPLATE}")

    def _down(self) -> None:
        stacks = self._stacks
        remove.refuse_if_protected(self._stage, stacks)
        if not self._options.yes:
            question = f"This deletes everything of {self._stage}: links, queues, secrets, logs. Type {self._stage}: "
            if input(question).strip() != self._stage:
                raise NotDeployed("Nothing was deleted")
        remove.destroy(self._stage, self._root, stacks, self._client, _tell)
        print(f"\nNothing of {self._stage} is left.")


def _tell(what: str) -> None:
    print(f"→ {what}", flush=True)


def command_line() -> argparse.ArgumentParser:
    """What can be typed; docs/reference/commands.md is generated from it."""
    parser = argparse.ArgumentParser(prog="python -m deploy", description="Put Rolecall into an AWS account.")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="deploy the stage, or what changed of it")
    up.add_argument("--packaged", action="store_true", help="the functions as a CloudFormation stack")
    up.add_argument("--bucket", help="where to upload the package (default: one made for it)")
    up.add_argument("--email", help="where alarms go")
    up.add_argument("--auth-site", metavar="ARN", help="the auth site's user or role, in another account")
    up.add_argument("--protection", choices=["stage", "on", "off"], help="of the tables (default: on for prod)")
    up.add_argument("--hours-without-sweep", metavar="HOURS", help="until an alarm rings (default: 6)")
    up.add_argument("--oldest-change", metavar="SECONDS", help="that a change may take before an alarm rings (1800)")
    up.add_argument("--visibility-timeout", metavar="SECONDS", help="of the jobs and bulk queues (default: 360)")
    up.add_argument("--plain-connections", choices=["denied", "allowed"], help=argparse.SUPPRESS)  # for emulators
    commands.add_parser("package", help="make the package and its template, for a pipeline")
    commands.add_parser("check", help="say which settings are missing or wrong")
    down = commands.add_parser("down", help="delete the stage and all that it keeps")
    down.add_argument("--yes", action="store_true", help="do not ask")
    for command in commands.choices.values():
        command.add_argument("stage")
    return parser


if __name__ == "__main__":
    sys.exit(main())
