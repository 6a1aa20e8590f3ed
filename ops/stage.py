"""One stage of Rolecall as an operator sees it from outside: its functions, settings and secrets, and AWS clients.

Settings are those of the deployed functions, overridden by the environment of this process. AWS_ENDPOINT_URL,
AWS_PROFILE and AWS_REGION work as they do for every AWS program.
"""

import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.connection import Connection

from chalicelib import log, settings
from chalicelib.errors import BadSettings
from chalicelib.settings import Settings
from chalicelib.store import rows
from chalicelib.wiring import Wired
from ops.aws_access import fix_for
from ops.errors import CommandError

AwsClient = Any  # boto3 makes a client's methods at run time: no type describes them
PATIENT = Config(connect_timeout=5, read_timeout=75, retries={"mode": "standard", "total_max_attempts": 4})
ANSWER_TIME = 15  # seconds that an answer may take on its way, beyond the function's own time
FUNCTIONS = (
    "api_handler",
    "sync_jobs",
    "sync_bulk",
    "update_all",
    "update_all_groups",
    "update_all_nicknames",
    "update_all_usernames",
    "update_all_on_schedule",
    "update_all_usernames_on_schedule",
)
READ_SECRETS = ("api_handler", "sync_jobs", "sync_bulk")  # and run for hours; the others start anew
TOKEN = "DISCORD_BOT_TOKEN"  # noqa: S105 - its name
ASKED_FOR_SETTINGS = ("sync_jobs", "api_handler", "update_all")  # all have the same; any will do


@dataclass(frozen=True)
class Function:
    """A deployed function. `timeout` is in seconds, `modified` epoch seconds (None if unknown); `environment` may hold
    secrets.
    """

    name: str
    arn: str
    timeout: int
    state: str
    environment: Mapping[str, str] = field(repr=False)
    modified: float | None = None
    runtime: str = ""


class Stage:
    """The stage `name`.

    One method for each thing that commands need of it, hence so many. What has to be read from AWS is read only when
    it is needed, and once.
    """

    def __init__(
        self,
        name: str,
        environ: Mapping[str, str] = os.environ,
        now: Callable[[], float] = time.time,
        session: boto3.Session | None = None,
        pause: float = 1.0,
    ) -> None:
        self.name = name
        self.pause = pause  # seconds between two looks at something that takes its time
        self.now = now
        self._environ = environ
        self._given_session = session
        self._clients: dict[str, AwsClient] = {}
        self._functions: dict[str, Function | None] = {}
        self._connection: Connection | None = None

    # --- AWS ---

    def client(self, service: str) -> AwsClient:
        """Return the boto3 client of a service, always the same. Raises CommandError if there is no region."""
        if service not in self._clients:
            try:
                self._clients[service] = self._session.client(service, config=PATIENT)  # type: ignore[call-overload]  # the stubs want a literal
            except (BotoCoreError, ValueError) as error:  # ValueError: an endpoint that is no address
                raise CommandError(f"AWS cannot be asked: {str(error).rstrip('.')}.", fix=fix_for(error)) from None
        return self._clients[service]

    @cached_property
    def _session(self) -> boto3.Session:
        return self._given_session or boto3.Session()

    def function(self, short: str) -> Function | None:
        """Return the deployed function that app.py calls `short`; None if it does not exist."""
        if short not in self._functions:
            names = [f"rolecall-{self.name}-{short}"]
            if short == "api_handler":
                names.append(f"rolecall-{self.name}")  # `chalice deploy` calls it so
            found = (self._configuration(name) for name in names)
            self._functions[short] = next((one for one in found if one), None)
        return self._functions[short]

    def caller(self, function: Function) -> AwsClient:
        """Return a Lambda client for invoking `function`: it waits as long as that may run, and does not retry."""
        patient = Config(
            connect_timeout=5,
            read_timeout=function.timeout + ANSWER_TIME,
            retries={"total_max_attempts": 1},  # twice would start two sweeps
            tcp_keepalive=True,  # firewalls forget connections on which nothing is said for minutes
        )
        return self._session.client("lambda", config=patient)

    def _configuration(self, name: str) -> Function | None:
        try:
            said = self.client("lambda").get_function_configuration(FunctionName=name)
        except ClientError as error:
            if error_code(error) != "ResourceNotFoundException":
                raise
            return None
        variables = said.get("Environment", {}).get("Variables", {})
        state, modified = said.get("State", "Active"), _moment(said.get("LastModified", ""))
        return Function(name, said["FunctionArn"], said["Timeout"], state, variables, modified, said.get("Runtime", ""))

    def command(self, words: str) -> str:
        """Return an operator's command as it is typed for this stage."""
        return f"python -m ops --stage {self.name} {words}"

    @property
    def deploy(self) -> str:
        """The command that deploys settings and code to the functions."""
        return f"make deploy STAGE={self.name}"

    def log_of(self, short: str, *, since: str = "1h") -> str:
        """Return the command that shows the log of a function; its name is the same in both ways of deploying."""
        name = f"rolecall-{self.name}" if short == "api_handler" else f"rolecall-{self.name}-{short}"
        return f"aws logs tail /aws/lambda/{name} --since {since}"

    def queue(self, short: str) -> str:
        """Return the full name of one of the stage's queues."""
        return f"rolecall-{self.name}-{short}"

    # --- settings ---

    @cached_property
    def deployed(self) -> dict[str, str]:
        """The settings in the functions' environment; empty if nothing is deployed."""
        found = next((one for one in map(self.function, ASKED_FOR_SETTINGS) if one), None)
        return _settings_in(found.environment) if found else {}

    @property
    def shell(self) -> dict[str, str]:
        """The settings in the environment of this process."""
        return _settings_in(self._environ)

    @cached_property
    def settings(self) -> Settings:
        """All settings. Raises BadSettings."""
        return self.load(self.deployed | self.shell)

    def load(self, environment: Mapping[str, str]) -> Settings:
        """Load the settings of `environment`; missing secrets come from Parameter Store. Raises BadSettings."""
        chosen = settings.load(self.secrets, {**environment, settings.STAGE: self.name})
        log.hide(chosen.app_secret, chosen.bot_token, chosen.auth_site_secret)
        return chosen

    def faults(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return what is wrong with the settings of `environment`, by name."""
        try:
            self.load(environment)
        except BadSettings as error:
            return {line.split(" ", 1)[0]: line for line in error.faults}
        return {}

    def secrets(self, names: list[str]) -> dict[str, str]:
        """The secrets of this stage in Parameter Store."""
        prefix = self.parameter("")
        wanted = [prefix + name for name in names]
        answer = self.client("ssm").get_parameters(Names=wanted, WithDecryption=True)
        return {found["Name"].removeprefix(prefix): found["Value"] for found in answer["Parameters"]}

    @cached_property
    def unread(self) -> frozenset[str] | None:
        """The secrets that were stored after a function was last deployed: a function that still runs has the old ones.

        Functions read secrets when they start; `make deploy` restarts them. None if AWS does not say.
        """
        running = [one for one in map(self.function, READ_SECRETS) if one]
        deployed_at = [one.modified for one in running]
        if None in deployed_at:
            return None
        kept = [name for name in settings.SECRETS if name not in self.deployed]
        if not running or not kept:
            return frozenset()
        wanted = {self.parameter(name): name for name in kept}
        try:
            stored = self.client("ssm").get_parameters(Names=list(wanted), WithDecryption=False)["Parameters"]
        except ClientError:
            return None
        first = min(moment for moment in deployed_at if moment)
        return frozenset(wanted[one["Name"]] for one in stored if one["LastModifiedDate"].timestamp() > first)

    @property
    def stored_token(self) -> str:
        """The bot's token that functions read when they start; if there is none, this shell's."""
        given = self.deployed.get(TOKEN) or self.secrets([TOKEN]).get(TOKEN)
        return given or self.shell.get(TOKEN, "")

    def parameter(self, name: str) -> str:
        """Return the name of a secret in Parameter Store."""
        return f"/rolecall/{self.name}/{name}"

    @cached_property
    def guild_id(self) -> int:
        """DISCORD_GUILD_ID, read without the other settings. Raises BadSettings."""
        return self._discord_id("DISCORD_GUILD_ID")

    @cached_property
    def app_id(self) -> int:
        """DISCORD_APP_ID, read without the other settings. Raises BadSettings."""
        return self._discord_id("DISCORD_APP_ID")

    def _discord_id(self, name: str) -> int:
        text = (self.deployed | self.shell).get(name, "")
        if not (text.isascii() and text.isdigit()):
            where = self.client("lambda").meta.region_name
            nothing = "" if self.deployed else f", and no function of the stage {self.name} is deployed in {where}"
            raise BadSettings([f"{name} is missing, or is not a Discord id{nothing}"])
        return int(text)

    # --- Rolecall's own parts ---

    @cached_property
    def wired(self) -> Wired:
        """Return Rolecall's parts as the functions have them, on this stage's tables and queues. Raises BadSettings."""
        self.connect()
        return Wired(self.settings)

    def connect(self) -> Connection:
        """Point the store at this stage's tables; return the connection that they share."""
        if self._connection is None:
            self._connection = rows.connect(self.name, client=self.client("dynamodb"))
        return self._connection


def error_code(error: ClientError) -> str:
    """Return AWS's error code."""
    code: str = error.response.get("Error", {}).get("Code", "")
    return code


def without(environment: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """Return the environment without the variables of these names."""
    return {name: value for name, value in environment.items() if name not in set(names)}


def _moment(text: str) -> float | None:
    """Parse a time as Lambda writes it, to epoch seconds."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None


def _settings_in(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: environment[name] for name in settings.NAMES if environment.get(name)}
