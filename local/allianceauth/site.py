"""A real Alliance Auth on this machine: its web site, a Celery worker with beat, and a Redis in memory.

It runs in an environment of its own, which `make demo-allianceauth` makes; `auth_sites/allianceauth/demo` is its
project.
"""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import requests

from local.aws import CannotStart
from local.aws.process import Process, port_to_use
from local.aws.server import CREDENTIALS, ROOT

ENVIRONMENT = ROOT / ".venv" / "allianceauth"
PYTHON = ENVIRONMENT / "bin" / "python"
CDN = ENVIRONMENT / "cdn"
PROJECT = ROOT / "auth_sites" / "allianceauth"
PEOPLE = PROJECT / "demo" / "people.json"
MISSING = "The environment of Alliance Auth is missing or not complete: make demo-allianceauth makes it"
START_TIMEOUT = 90.0  # seconds; each of the programs imports all of Alliance Auth
PREPARE_TIMEOUT = 180.0  # seconds; more than 100 migrations
DATABASE_MADE, WORKER_READY = "The people are settled.", " ready."  # in the logs


@dataclass(frozen=True)
class Login:
    """Somebody who can log in to the demo's Alliance Auth."""

    name: str
    character: str
    password: str
    superuser: bool
    groups: tuple[str, ...]


def logins() -> list[Login]:
    """The people of the demo."""
    world = json.loads(PEOPLE.read_text())
    return [
        Login(one["name"], one["character"], world["password"], bool(one.get("superuser")), tuple(one["groups"]))
        for one in world["users"]
    ]


class Site:
    """The programs of one Alliance Auth. `started` gives one whose database is being made."""

    def __init__(self, running: ExitStack) -> None:
        self._running = running
        self.url = f"http://127.0.0.1:{port_to_use(None)}"
        self._redis_port = port_to_use(None)
        self._home = Path(tempfile.mkdtemp(prefix="rolecall-alliance-auth-"))
        self._processes = [self._start("redis", ["demo.redis_server", str(self._redis_port)], folder=self._home)]
        self._preparing = self._start("database", ["demo.prepare"])

    @property
    def running(self) -> bool:
        """Whether all programs that were started still run."""
        return all(process.running for process in self._processes)

    @property
    def settings(self) -> dict[str, str]:
        """What Rolecall must know of this site."""
        return {"AUTH_SITE_URL": f"{self.url}/rolecall/returned/"}

    def connect(self, settings: Mapping[str, str]) -> None:
        """Wait for the database, then start the web site and the worker with these settings of the app.

        Raises CannotStart.
        """
        said(self._preparing, DATABASE_MADE, within=PREPARE_TIMEOUT, what="Alliance Auth's database")
        (self._home / "rolecall.json").write_text(json.dumps(dict(settings)))
        port = self.url.rpartition(":")[2]
        web = self._start("web", ["django", "runserver", "--noreload", "--insecure", "--skip-checks", port])
        worker = self._start("worker", [*WORKER, "-s", str(self._home / "beat")])
        self._processes += [web, worker]
        web.wait_until(self._answers, within=START_TIMEOUT, what="Alliance Auth")
        said(worker, WORKER_READY, within=START_TIMEOUT, what="The Celery worker")

    def log_end(self) -> str:
        """The last lines of each program's log."""
        return "\n".join(f"{process.log.stem}: {process.last_lines()}" for process in self._processes)

    def _answers(self) -> bool:
        with suppress(requests.RequestException):
            return requests.get(f"{self.url}/demo/login/", timeout=20).ok
        return False

    def _environment(self) -> Mapping[str, str]:
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(PROJECT),
            "PYTHONDONTWRITEBYTECODE": "1",
            "DJANGO_SETTINGS_MODULE": "demo.settings",
            "DEMO_HOME": str(self._home),
            "DEMO_SITE_URL": self.url,
            "DEMO_REDIS": f"127.0.0.1:{self._redis_port}",
            "DEMO_CDN": str(CDN),
            "CELERY_SKIP_CHECKS": "1",  # one of Alliance Auth's asks Redis for its version; this one tells none
        }

    def _start(self, name: str, module: list[str], *, folder: Path | None = None) -> Process:
        folder = folder or Path(tempfile.mkdtemp(prefix=f"rolecall-alliance-auth-{name}-"))
        command = [str(PYTHON), "-m", *module]
        process = Process(command, environment=self._environment(), folder=folder, log=folder / f"{name}.log")
        self._running.callback(process.stop)
        return process


def said(process: Process, text: str, *, within: float, what: str) -> None:
    """Wait until the program has logged `text`. Raises CannotStart."""
    process.wait_until(lambda: text in process.log.read_text(errors="replace"), within=within, what=what)


WORKER = (
    "celery",
    *("-A", "demo.celery_app"),
    *("worker", "--beat", "--pool", "threads", "--concurrency", "4", "--loglevel", "INFO"),
    *("--without-mingle", "--without-gossip"),  # there is no other worker to talk to
)


def app_settings(
    *, rolecall_url: str, secret: str, jobs_queue_url: str, notices_queue_url: str, aws_endpoint_url: str
) -> dict[str, str]:
    """The app's settings, as an administrator would write them into local.py."""
    return {
        "ROLECALL_URL": rolecall_url,
        "ROLECALL_AUTH_SITE_SECRET": secret,
        "ROLECALL_JOBS_QUEUE_URL": jobs_queue_url,
        "ROLECALL_NOTICES_QUEUE_URL": notices_queue_url,
        "ROLECALL_AWS_ENDPOINT_URL": aws_endpoint_url,
        "ROLECALL_AWS_REGION": CREDENTIALS["AWS_DEFAULT_REGION"],
        "ROLECALL_AWS_ACCESS_KEY_ID": CREDENTIALS["AWS_ACCESS_KEY_ID"],
        "ROLECALL_AWS_SECRET_ACCESS_KEY": CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
    }


@contextmanager
def alliance_auth() -> Iterator[Site]:
    """An Alliance Auth whose database is being made: `connect` starts the rest. Nothing of it stays behind.

    Raises CannotStart.
    """
    if not (CDN / "differing.json").exists():
        raise CannotStart(MISSING)
    with ExitStack() as running:
        yield Site(running)
