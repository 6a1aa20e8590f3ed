"""A healthy stage to look at, and a way to run commands on it."""

import functools
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from moto import mock_aws

from local.discord.config import Config
from local.discord.core import Discord
from local.discord.server import serve
from ops.cli import main
from tests.ops.world import STAGE, Command, Health, Said, World


@pytest.fixture(scope="session")
def api() -> Iterator[Health]:
    """Something that answers at /health as a deployed API does."""
    health = Health("")

    class Api(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(health.body).encode()
            self.send_response(health.status if self.path == "/api/health" else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
            """Silence."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    health.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield health
    server.shutdown()
    server.server_close()


class FreeTier:
    """Tells of the account's plan."""

    plan = "PAID"

    def get_account_plan_state(self) -> dict[str, Any]:
        ends = datetime(2027, 5, 25, tzinfo=UTC)
        return {"accountPlanType": self.plan, "accountPlanStatus": "ACTIVE", "accountPlanExpirationDate": ends}


class Session:
    """A boto3 session that makes each client once: making one takes longer than a test."""

    def __init__(self) -> None:
        self._session = boto3.Session("test", "test", region_name="us-east-1")
        self.client = functools.cache(self._client)

    def _client(self, service: str, config: object = None) -> Any:  # noqa: ARG002 - retries are none of a test's business
        if service == "freetier":  # moto has none
            return FreeTier()
        return self._session.client(service)  # type: ignore[call-overload]  # the stubs want a literal


@pytest.fixture(scope="session")
def session() -> Session:
    with mock_aws():
        return Session()


@pytest.fixture
def empty_world(api: Health, session: "Session", monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """An AWS without anything in it, and a Discord with the bot in its server."""
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "ROLECALL_STAGE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("COLUMNS", "200")
    redirect = f"{api.url}/api/discord/callback"
    with mock_aws(), serve(Discord(Config(redirect_uris=(redirect,)))) as running:
        yield World(api, running, session)
    api.status, api.body = Health("").status, Health("").body


@pytest.fixture
def world(empty_world: World) -> World:
    """Everything as it should be."""
    empty_world.build()
    return empty_world


@pytest.fixture
def ops(empty_world: World, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command of `python -m ops` on the stage."""

    def run(*arguments: str) -> Said:
        capsys.readouterr()
        code = main(["--stage", STAGE, *arguments], lambda _: empty_world.stage())
        printed = capsys.readouterr()
        return Said(code, printed.out, printed.err)

    return run
