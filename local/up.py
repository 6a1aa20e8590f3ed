"""All of Rolecall on one machine: the local AWS with the packaged functions, and the local Discord."""

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from chalicelib.errors import BadSettings
from chalicelib.settings import load
from deploy.stages import StageRefused, check_name
from local.aws import CannotStart, LocalAws, local_aws
from local.aws import environment as env
from local.aws.process import Process, port_to_use
from local.aws.server import CREDENTIALS, ROOT
from local.aws.stack import Tell, api_url_at

DISCORD_START_TIMEOUT = 20.0  # seconds


@dataclass(frozen=True)
class Up:
    """The running services."""

    aws: LocalAws
    discord_url: str
    discord: Process | None
    """None if another Discord is used."""

    @property
    def running(self) -> bool:
        return self.aws.running and (self.discord is None or self.discord.running)

    def hints(self) -> list[str]:
        """Commands for another shell, to be run in the project's folder."""
        aws = {"AWS_ENDPOINT_URL": self.aws.endpoint_url, **CREDENTIALS}
        return [
            f"export {' '.join(f'{name}={value}' for name, value in aws.items())}",
            f".venv/bin/python -m ops --stage {self.aws.stage} status",
            f".venv/bin/python -m local link-url anna Member --stage {self.aws.stage}",
        ]

    def facts(self) -> dict[str, object]:
        """What another program needs to use the services; `up` prints it as one line."""
        return {
            "api_url": self.aws.api_url,
            "jobs_queue_url": self.aws.jobs_queue_url,
            "bulk_queue_url": self.aws.bulk_queue_url,
            "dead_letter_queue_url": self.aws.dead_letter_queue_url,
            "notices_queue_url": self.aws.notices_queue_url,
            "discord_url": self.discord_url,
            "aws_endpoint_url": self.aws.endpoint_url,
            "stage": self.aws.stage,
            "functions": dict(self.aws.functions),
        }


@contextmanager
def everything(
    environ: Mapping[str, str],
    *,
    discord_url: str | None = None,
    aws_port: int | None = None,
    discord_port: int | None = None,
    stage: str = "local",
    visibility_timeout: int | None = None,
    enforce_iam: bool = False,
    tell: Tell = lambda _: None,
) -> Iterator[Up]:
    """Run all of it until the block ends, and leave nothing behind.

    Settings are taken from `environ`; what is required and missing is made up. With `discord_url` another Discord is
    used and none is started; with `enforce_iam` functions may do what their policies allow only. Raises CannotStart,
    and BadSettings before anything is started.
    """
    aws_port = port_to_use(aws_port)
    own_port = None
    if discord_url is None:
        own_port = port_to_use(discord_port)
        discord_url = f"http://127.0.0.1:{own_port}"
    given = env.discord_at(discord_url) | env.chosen(environ)
    settings = env.complete(given, api_url=api_url_at(aws_port))
    load(lambda _: {}, settings)  # raises if a secret is missing
    with ExitStack() as running:
        discord = None
        if own_port is not None:
            tell("Starting the local Discord")
            discord = running.enter_context(_local_discord(settings, own_port))
        aws = running.enter_context(
            local_aws(
                given,
                stage=stage,
                port=aws_port,
                visibility_timeout=visibility_timeout,
                enforce_iam=enforce_iam,
                tell=tell,
            )
        )
        yield Up(aws, discord_url.rstrip("/"), discord)


@contextmanager
def _local_discord(settings: Mapping[str, str], port: int) -> Iterator[Process]:
    folder = Path(tempfile.mkdtemp(prefix="rolecall-discord-"))
    flags = {
        "--port": str(port),
        "--guild-id": settings["DISCORD_GUILD_ID"],
        "--app-id": settings["DISCORD_APP_ID"],
        "--app-secret": settings["DISCORD_APP_SECRET"],
        "--bot-token": settings["DISCORD_BOT_TOKEN"],
        "--redirect-uri": settings["DISCORD_CALLBACK_URL"],
    }
    process = Process(
        [sys.executable, "-m", "local.discord", *(f"{flag}={value}" for flag, value in flags.items())],
        environment={"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT)},
        folder=folder,
        log=folder / "discord.log",
    )
    try:
        process.wait_until(
            lambda: "discord_url" in process.last_lines(), within=DISCORD_START_TIMEOUT, what="The local Discord"
        )
        yield process
    finally:
        process.stop()


def main(options: argparse.Namespace) -> int:
    """Run the packaged functions in a local AWS beside a local Discord; print one line of JSON when all is ready."""
    started = time.monotonic()

    def tell(what: str) -> None:
        print(f"{time.monotonic() - started:5.1f} s  {what}", file=sys.stderr, flush=True)

    try:
        with (
            interruptible(),
            everything(
                os.environ,
                discord_url=options.discord_url,
                aws_port=options.aws_port,
                discord_port=options.discord_port,
                stage=options.stage,
                visibility_timeout=options.visibility_timeout,
                tell=tell,
            ) as up,
        ):
            tell("Ready. Ctrl-C ends it. In another shell:")
            print(*(f"  {hint}" for hint in up.hints()), sep="\n", file=sys.stderr, flush=True)
            print(json.dumps(up.facts()), flush=True)
            while up.running:
                time.sleep(0.2)
            print("A part of it ended by itself:", up.aws.log_end(), sep="\n", file=sys.stderr)
            return 1
    except KeyboardInterrupt:
        return 0
    except BadSettings as error:
        print(error, file=sys.stderr)
        return 2
    except CannotStart as error:
        print(error, file=sys.stderr)
        return 1


@contextmanager
def interruptible() -> Iterator[None]:
    """Let the first SIGINT, SIGTERM or SIGHUP end the block like Ctrl-C; later ones wait until cleanup is done."""

    def stop(*_: object) -> None:
        for signum in signals:
            signal.signal(signum, signal.SIG_IGN)
        raise KeyboardInterrupt

    signals = {signum: signal.signal(signum, stop) for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for signum, handler in signals.items():
            signal.signal(signum, handler)


def stage_name(text: str) -> str:
    """`text` if it is a valid stage name. Raises ArgumentTypeError."""
    try:
        check_name(text)
    except StageRefused as refused:
        raise argparse.ArgumentTypeError(str(refused)) from None
    return text


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add to `parser` the options of `up`."""
    parser.epilog = "Settings that the environment holds (DISCORD_…, AUTH_SITE_…) are passed on; the rest is made up."
    parser.add_argument("--discord-url", metavar="URL", help="use this Discord instead of starting one")
    parser.add_argument("--aws-port", type=int, metavar="PORT", help="default: a free one")
    parser.add_argument("--discord-port", type=int, metavar="PORT", help="default: a free one")
    parser.add_argument(
        "--stage", type=stage_name, default="local", help="the part of every name that tells stages apart: %(default)s"
    )
    parser.add_argument(
        "--visibility-timeout", type=int, metavar="SECONDS", help="of the jobs and bulk queues (default: 360)"
    )
