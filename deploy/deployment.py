"""One run of `python -m deploy`: what each of its commands does, in which order."""

import argparse
from functools import partial
from pathlib import Path
from typing import Any

import boto3

from chalicelib import settings
from deploy import change_sets, functions, kept, polling, remove, runtimes
from deploy.bucket import Bucket
from deploy.check import CALLBACK, check, no_secrets
from deploy.found import Sleep
from deploy.history import History
from deploy.kept import Kept, refuse_unknown_principal
from deploy.lint import lint
from deploy.project import NotDeployed, environment_of
from deploy.report import Deployed, report
from deploy.stacks import Stacks

NOBODY = "none"


class Deployment:
    """One run of the command. `sleep` lets seconds pass while AWS works."""

    def __init__(self, options: argparse.Namespace, root: Path, sleep: Sleep) -> None:
        self._options = options
        self._stage: str = options.stage
        self._root = root
        self._sleep = sleep

    def __call__(self) -> int:
        """Do it."""
        commands = {
            "up": self._up,
            "package": self._package,
            "check": self._check,
            "rollback": self._rollback,
            "down": self._down,
        }
        commands[self._options.command]()
        return 0

    @property
    def _stacks(self) -> Stacks:
        return Stacks(_client("cloudformation"), self._sleep)

    @property
    def _kept(self) -> Kept:
        return Kept(self._stage, self._root, self._stacks, _client, _tell)

    @property
    def _bucket(self) -> Bucket:
        account = _client("sts").get_caller_identity()["Account"]
        s3 = _client("s3")
        name = self._options.bucket or f"rolecall-deployments-{account}-{s3.meta.region_name}"
        return Bucket(s3, str(name), account, functions.stack_name(self._stage))

    # --- up ---

    def _up(self) -> None:
        options, stage, stacks = self._options, self._stage, self._stacks
        self._check()
        refuse_unknown_principal(_emptied(options.auth_site), _client)
        if options.revert_drift:
            _revert_drift(stage, stacks)
        _tell("What it keeps: tables and queues")
        outputs = self._kept.bring_about(
            {
                "AuthSitePrincipal": _emptied(options.auth_site),
                "Protection": options.protection,
                "PlainConnections": options.plain_connections,
                "VisibilityTimeout": options.visibility_timeout,
            }
        )
        _tell("The functions")
        if options.packaged:
            address = functions.deploy_by_cloudformation(
                stage, self._root, stacks, self._bucket, _client, secrets_stored=_secrets_stored(stage)
            )
        else:
            address = functions.deploy_by_chalice(stage, self._root, stacks, _client, _tell)
        self._watch(stacks)
        self._report(address, outputs, stacks)

    def _watch(self, stacks: Stacks) -> None:
        """Alarms and the dashboard, where the stage has some or should."""
        options, name = self._options, f"rolecall-{self._stage}-watch"
        chosen = {
            "AlarmEmail": _emptied(options.email),
            "HoursWithoutSweep": options.hours_without_sweep,
            "OldestChange": options.oldest_change,
        }
        stacks.settle(name)
        if any(said is not None for said in chosen.values()) or self._stage == "prod" or stacks.find(name):
            _tell("Alarms and the dashboard")
            template = (self._root / ".chalice" / "watch-stack.yaml").read_text()
            stacks.bring_about(name, template, {"Stage": self._stage, **chosen})

    def _report(self, address: str, outputs: dict[str, str], stacks: Stacks) -> None:
        watched = stacks.parameters(f"rolecall-{self._stage}-watch")
        made = Deployed(
            stage=self._stage,
            command="make deploy-package" if self._options.packaged else "make deploy",
            address=address,
            callback_set=environment_of(self._stage, self._root).get(CALLBACK, ""),
            jobs_queue=outputs["JobsQueueUrl"],
            notices_queue=outputs["NoticesQueueUrl"],
            alarms_to=watched.get("AlarmEmail", "") if watched else None,
        )
        print(f"\n{report(made)}")

    # --- the others ---

    def _check(self) -> None:
        secrets = partial(_secrets, self._stage)
        known = functions.is_deployed(self._stage, _client)
        _examine(self._stage, self._root, secrets, address_known=known)
        if self._options.command == "check":
            _tell(polling.idle(polling.limited_queues(self._stage, self._root, _client("lambda"))))

    def _package(self) -> None:
        """Needs no account: whether the secrets are there is not looked at."""
        _examine(self._stage, self._root, no_secrets, address_known=False)
        folder = functions.package(self._stage, self._root)
        print(f"\nPackaged: {folder / 'deployment.zip'} and {folder / 'sam.json'}")

    def _rollback(self) -> None:
        _tell("The version before this one, code and settings")
        bucket = self._bucket
        address = functions.roll_back(self._stage, self._stacks, bucket)
        print(
            f"\n{self._stage} runs the version before again: {address}\nTables, queues and alarms are as they were.",
            flush=True,
        )
        History(bucket).told()

    def _down(self) -> None:
        stacks, lasting = self._stacks, self._kept
        remove.refuse_if_protected(self._stage, stacks, lasting)
        if not self._options.yes:
            question = f"This deletes everything of {self._stage}: links, queues, secrets, logs. Type {self._stage}: "
            if input(question).strip() != self._stage:
                raise NotDeployed("Nothing was deleted")
        remove.destroy(self._stage, self._root, stacks, lasting, self._bucket, _client, _tell)
        print(f"\nNothing of {self._stage} is left.")


def _client(service: str) -> Any:  # noqa: ANN401 - boto3 makes a client's methods at run time
    # The stubs know one overload a service; which service it is, only the caller knows.
    return boto3.client(service)  # type: ignore[call-overload]


def _examine(stage: str, root: Path, secrets: settings.FetchSecrets, *, address_known: bool) -> None:
    """Refuse, before anything is made, what AWS would refuse in the middle of it."""
    python, today = runtimes.this_python(), runtimes.today()
    if faults := runtimes.faults(python, today):
        raise NotDeployed("\n".join(faults))
    check(stage, environment_of(stage, root), secrets, address_known=address_known)
    _tell("Checking settings and templates")
    for warning in [runtimes.warning(python, today), *lint(stage, root)]:
        if warning:
            _tell(f"Warning: {warning}")


def _revert_drift(stage: str, stacks: Stacks) -> None:
    """Before anything else: what is gone cannot be updated."""
    for name in (kept.stack_name(stage), functions.stack_name(stage), f"rolecall-{stage}-watch"):
        if change_sets.revert_drift(stacks, name):
            _tell(f"Put back what was changed by hand of the stack {name}")


def _secrets(stage: str, names: list[str]) -> dict[str, str]:
    return {name: one["Value"] for name, one in _parameters(stage, names, decrypted=True).items()}


def _secrets_stored(stage: str) -> str:
    """Which version of each secret Parameter Store holds."""
    found = _parameters(stage, list(settings.SECRETS), decrypted=False)
    return ".".join(str(found[name]["Version"]) for name in settings.SECRETS if name in found)


def _parameters(stage: str, names: list[str], *, decrypted: bool) -> dict[str, Any]:
    prefix = f"/rolecall/{stage}/"
    found = _client("ssm").get_parameters(Names=[prefix + name for name in names], WithDecryption=decrypted)
    return {one["Name"].removeprefix(prefix): one for one in found["Parameters"]}


def _emptied(said: str | None) -> str | None:
    """What was said; empty where it was the word for nobody, which a make variable has no other way to say."""
    return "" if said == NOBODY else said


def _tell(what: str) -> None:
    print(f"→ {what}", flush=True)
