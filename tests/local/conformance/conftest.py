"""An examination without a process, a port or a second of waiting: queues in memory, time that is moved."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from local.conformance.driver import DriverError
from local.conformance.examination import Examination
from local.conformance.queues import QueueClient
from local.conformance.rolecall import FakeRolecall
from local.memory.clock import VirtualClock
from local.memory.sqs import MemorySqs
from tests.local.conformance.recipe import python_recipe
from tests.local.conformance.small_site import SmallSite

SECRET = "a secret of these tests, 32 bytes or more"
JOBS, NOTICES = (f"https://sqs.test/0/rolecall-conformance-{name}" for name in ("jobs", "notices"))
URL = "https://rolecall.test/api"


class Guarded:
    """A driver whose site may raise, as a web server turns that into a 500."""

    def __init__(self, site: SmallSite) -> None:
        self._site = site

    def ask(self, do: str, **said: Any) -> dict[str, Any]:
        """Raises DriverError."""
        try:
            return self._site.ask(do, **said)
        except Exception as error:  # noqa: BLE001 - as a web server does
            raise DriverError(f"{do}: {type(error).__name__}") from None


class Run:
    """One site under examination."""

    def __init__(self, recipe: dict[str, Any]) -> None:
        self.clock = VirtualClock()
        self.sqs = MemorySqs(self.clock, stage="conformance")
        self.played = FakeRolecall(secret=SECRET, now=self.clock.now)
        recipe["time"] = SimpleNamespace(time=self.clock.now)
        recipe["requests"] = SimpleNamespace(get=self._get)
        self.stage(SmallSite, recipe["Rolecall"])

    def stage(self, site: type[SmallSite], rolecall: type[Any]) -> None:
        """Examine this site, with this half."""
        self.half = rolecall(URL, SECRET, self.sqs, JOBS, NOTICES)
        made = site(self.half)
        queues = QueueClient(self.sqs, jobs_queue_url=JOBS, notices_queue_url=NOTICES)
        self.examination = Examination(Guarded(made), self.played, queues, self.clock, patience=5)

    def _get(self, url: str, *, headers: dict[str, str], timeout: float) -> requests.Response:
        assert timeout <= 30
        lower = {name.lower(): value for name, value in headers.items()}
        answered = self.played.handle("GET", url, lower)
        response = requests.Response()
        response.status_code = answered.status
        response._content = json.dumps(answered.body).encode()
        return response


@pytest.fixture
def recipe() -> dict[str, Any]:
    """What the Python recipe defines, for this test alone."""
    return python_recipe()


@pytest.fixture
def run(recipe: dict[str, Any]) -> Run:
    """The recipe's site, about to be examined."""
    return Run(recipe)
