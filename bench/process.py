"""What one process costs: import and first event, memory of a sweep's step, a callback."""

import shutil
import subprocess
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path

from bench.figures import Figure, at_most
from bench.guilds import linked_world
from chalicelib.messages import ComparePage
from local.aws import package
from local.simulated import ENVIRONMENT, World

ALONE = "import chalice.app, boto3, pynamodb.models, requests"
FIRST = """
import json, app
app.app({"resource": "/health", "path": "/health", "httpMethod": "GET", "headers": {}, "multiValueHeaders": {},
  "queryStringParameters": None, "multiValueQueryStringParameters": None, "pathParameters": None,
  "stageVariables": None, "body": None, "isBase64Encoded": False,
  "requestContext": {"resourcePath": "/health", "httpMethod": "GET", "requestId": "1", "path": "/health"}}, None)
"""
WIRED = FIRST + "from chalicelib.wiring import wired; wired()\n"
AWS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}


def start(rounds: int) -> list[Figure]:
    """Import of `app` and its first event, beside the libraries alone; the fastest of several, taken in turn.

    Both in the unpacked deployment zip, with nothing else to import from: what Lambda would see.
    """
    programs = {"alone": ALONE, "first": FIRST, "wired": WIRED}
    best = dict.fromkeys(programs, float("inf"))
    zip_file = package.build("local", import_environment={"ROLECALL_STAGE": "local"}).zip_file
    with tempfile.TemporaryDirectory() as folder:
        shutil.unpack_archive(zip_file, folder)
        for _ in range(rounds + 1):  # the first time writes the bytecode
            for name, program in programs.items():
                best[name] = min(best[name], _seconds(program, folder))
    size = zip_file.stat().st_size / 1e6
    return [
        Figure("size of the deployment zip, MB", f"{size:.1f}"),
        at_most("import of app + first event ÷ libraries alone", best["first"] / best["alone"], 1.3, shown="{:.2f}"),
        Figure(
            "— with everything wired (AWS clients, settings) ÷ libraries alone", f"{best['wired'] / best['alone']:.2f}"
        ),
    ]


def _seconds(program: str, folder: str) -> float:
    """Seconds of an interpreter that finds its libraries in `folder` alone."""
    base = str(Path(sys.executable).resolve())
    began = time.perf_counter()
    subprocess.run(
        [base, "-S", "-c", program],
        cwd=folder,
        env=ENVIRONMENT | AWS | {"PYTHONPATH": folder},
        check=True,
        capture_output=True,
    )
    return time.perf_counter() - began


def memory(small: int, large: int, guild: int) -> list[Figure]:
    """Peak memory of one sweep step with few and with many linked members."""
    peaks = [_peak(linked, members) for linked, members in ((small, small), (large, guild))]
    name = f"peak memory of a step, {large:,} linked in {guild:,} ÷ {small:,} linked"
    note = f"{peaks[1] / 1e6:.1f} MB and {peaks[0] / 1e6:.1f} MB"
    return [at_most(name, peaks[1] / peaks[0], 1.2, shown="{:.2f}", note=note)]


def _peak(linked: int, members: int) -> float:
    world, _ = linked_world(linked, guild_members=members)
    sweeper = world.http.delivery.sweeper
    started = world.sweep(force=True)["sweep_id"]
    sweeper.compare(ComparePage(sweep_id=started), redelivered=False)
    middle = sweeper.sweeps.get(started)
    assert middle is not None
    tracemalloc.start()
    try:
        sweeper.compare(ComparePage(sweep_id=started, page=middle.pages, after=middle.cursor), redelivered=False)
        return float(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()


def callback() -> list[Figure]:
    """A callback of a new member: Discord calls, and the time that is not Discord's."""
    world = World({"DISCORD_SYNC_NAMES": "True"}, latency=0.0)
    world.link("1", "first", groups=["Member"], nickname="First")
    world.clock.advance(60)
    world.guild.add_person("second")
    token = world.site.token("2", "link", groups=["Member"], nickname="Second")
    started = world.http.linking.start(token)
    said = world.consent(started.url, "second")
    before, calls_before = len(world.guild.received()), sum(world.dynamodb.counts.values())
    began = time.perf_counter()
    world.http.linking.finish(cookie=started.cookie, **said)
    took = time.perf_counter() - began
    made = world.guild.received()[before:]
    calls = sum(world.dynamodb.counts.values()) - calls_before
    note = ", ".join(f"{one.method} {one.path.rsplit('/', 1)[-1]}" for one in made)
    return [
        at_most("callback: Discord calls for a new member", len(made), 5, note=note),
        Figure(
            "— milliseconds beyond Discord's and DynamoDB's own", f"{took * 1000:.0f}", note=f"{calls} DynamoDB calls"
        ),
    ]
