"""Cold starts: the packaged functions under AWS's runtime client, each beside a bare Chalice function.

A start is timed from the start of the process to the answer of its first event, as Lambda starts one for an event that
no warm container takes. AWS answers at once and with nothing, so what is measured is the functions' own: imports,
clients, the work. The bare function is Chalice with boto3's client of DynamoDB, twice: as Chalice packages it, and with
bytecode, which is what the target is measured against. CPU time is the main figure: others use this machine, too.
"""

import compileall
import importlib
import json
import shutil
import sys
import tempfile
import time
import zipfile
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.figures import Figure, Result, at_most
from bench.svg import Bars
from local.auth_site import AuthSite
from local.aws import package
from local.aws.runtime import http_event, post_event, queue_event, running, schedule_event
from local.discord.keys import public_key, signature

LIMIT = 1.25  # times a bare function's start that the web function may take (#13)
SECRET = "an auth site's secret for the benchmark"
NOWHERE = "http://127.0.0.1:9"  # Discord, which nobody reaches: a start ends before its answer
STAGE = "bench"
SETTINGS = {
    "ROLECALL_STAGE": STAGE,
    "DISCORD_APP_ID": "1",
    "DISCORD_GUILD_ID": "2",
    "DISCORD_CALLBACK_URL": "https://api.example/discord/callback",
    "DISCORD_API_BASE_URL": NOWHERE,
    "DISCORD_PUBLIC_KEY": public_key("1"),
}
PARAMETERS = {
    f"/rolecall/{STAGE}/DISCORD_APP_SECRET": "s",
    f"/rolecall/{STAGE}/DISCORD_BOT_TOKEN": "t",
    f"/rolecall/{STAGE}/AUTH_SITE_SECRET": SECRET,
}
BARE = """
import boto3
from chalice import Chalice

app = Chalice(app_name="bare")
dynamodb = boto3.client("dynamodb")


@app.route("/health")
def health():
    return {"status": "ok"}
"""
BARE_LIBRARIES = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")  # what boto3 pulls in
CHANGE = {"kind": "update_groups", "user_id": "1", "groups": ["Member"], "changed_at": 1}
BARE_PLAIN, BARE_COMPILED = "bare function, as Chalice ships it", "bare function, with bytecode"
LINK = "web: a click on a link"


@dataclass(frozen=True, slots=True)
class Start:
    """One function's first event: where its code lies, what Lambda calls, with what."""

    code: Path
    handler: str
    event: dict[str, Any]

    def measured(self) -> tuple[float, float]:
        """Start it once: seconds of CPU, and seconds until the answer."""
        with tempfile.TemporaryDirectory() as folder:
            settings = SETTINGS | {"PYTHONDONTWRITEBYTECODE": "1"}  # /var/task cannot be written to
            with running(self.handler, self.code, Path(folder), settings, PARAMETERS) as runtime:
                runtime.invoke(self.event)
            return runtime.cpu_seconds, runtime.seconds


def events() -> dict[str, tuple[str, dict[str, Any]]]:
    """The handler and first event of each kind of function, by what it is called in the table."""
    site = AuthSite(None, secret=SECRET, jobs_queue_url="", notices_queue_url="")
    token = site.token("1", "link", groups=["Member"], nickname="Pilot")
    return {
        "web: /health": ("app.app", http_event("/health")),
        LINK: ("app.app", http_event("/discord/link", token=token)),
        "web: a page": ("app.app", http_event("/discord/unlink", token="none")),
        "web: a slash command": ("app.app", command_event()),
        "sync_jobs: a change": ("app.sync_jobs", queue_event(f"rolecall-{STAGE}-jobs", CHANGE)),
        "sync_bulk: a message": ("app.sync_bulk", queue_event(f"rolecall-{STAGE}-bulk", CHANGE)),
        "update_all": ("app.update_all", {}),
        "update_all_on_schedule": ("app.update_all_on_schedule", schedule_event()),
    }


def command_event() -> dict[str, Any]:
    """`/whoami` of somebody, signed now: what is stored of the guild is too old, so the answer is deferred."""
    interaction = {
        "id": "3",
        "application_id": "1",
        "type": 2,
        "token": "t",
        "guild_id": "2",
        "member": {"user": {"id": "4", "username": "pilot"}, "roles": [], "permissions": "0"},
        "data": {"id": "5", "name": "whoami", "type": 1},
    }
    body, timestamp = json.dumps(interaction).encode(), str(int(time.time()))
    signed = {"X-Signature-Ed25519": signature("1", timestamp, body), "X-Signature-Timestamp": timestamp}
    return post_event("/discord/interactions", body, {"Content-Type": "application/json", **signed})


def cold_starts(rounds: int) -> list[Result]:
    """Starts of every function and of the bare ones, taken in turn; the median of each."""
    with tempfile.TemporaryDirectory() as folder:
        code, plain, compiled = (Path(folder) / name for name in ("rolecall", "plain", "compiled"))
        zip_file = package.build(STAGE, import_environment={"ROLECALL_STAGE": STAGE}).zip_file
        zipfile.ZipFile(zip_file).extractall(code)
        bare_function(plain)
        shutil.copytree(plain, compiled)
        compileall.compile_dir(compiled, quiet=2)
        taken: dict[str, list[tuple[float, float]]] = defaultdict(list)
        for _ in range(rounds):
            starts = {
                BARE_PLAIN: Start(plain, "app.app", http_event("/health")),
                BARE_COMPILED: Start(compiled, "app.app", http_event("/health")),
            }
            starts |= {name: Start(code, handler, event) for name, (handler, event) in events().items()}
            for name, start in starts.items():
                taken[name].append(start.measured())
    cpu = {name: median(one for one, _ in every) for name, every in taken.items()}
    wall = {name: median(one for _, one in every) for name, every in taken.items()}
    return [*_figures(cpu, wall, zip_file.stat().st_size), _chart(cpu)]


def bare_function(folder: Path) -> None:
    """What `chalice package` makes of Chalice and boto3: the libraries of this environment, without bytecode."""
    folder.mkdir()
    (folder / "app.py").write_text(BARE)
    for name in (*BARE_LIBRARIES, "chalice"):
        found = Path(str(importlib.import_module(name).__file__))
        if found.name != "__init__.py":
            shutil.copy(found, folder)
            continue
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(found.parent, folder / name, ignore=_all_but_app if name == "chalice" else ignored)


def _all_but_app(_: str, names: list[str]) -> set[str]:
    """Of Chalice only its runtime ships."""
    return set(names) - {"__init__.py", "app.py"}


def _figures(cpu: Mapping[str, float], wall: Mapping[str, float], size: int) -> list[Figure]:
    python = f"Python {sys.version_info.major}.{sys.version_info.minor}"
    figures = [Figure("size of the deployment zip, MB", f"{size / 1e6:.1f}")]
    figures += [
        Figure(
            f"cold start, CPU ms, {name}", f"{cpu[name] * 1000:.0f}", note=f"{wall[name] * 1000:.0f} ms by the clock"
        )
        for name in cpu
    ]
    for bare in (BARE_PLAIN, BARE_COMPILED):
        ratio = cpu[LINK] / cpu[bare]
        note = f"{python}; by the clock {wall[LINK] / wall[bare]:.2f}"
        figures.append(at_most(f"cold start of a click ÷ {bare}", ratio, LIMIT, shown="{:.2f}", note=note))
    return figures


def _chart(cpu: Mapping[str, float]) -> Bars:
    return Bars(
        "cold-starts",
        "A cold start: milliseconds of CPU until the first event is answered",
        ("CPU",),
        tuple((name, (value * 1000,)) for name, value in cpu.items()),
        note="Under AWS’s runtime client; bare: Chalice with boto3’s DynamoDB client",
    )
