"""All of Rolecall on this machine, from the project's own environment; driven by its control API and by a browser."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import requests

PROJECT = Path(__file__).parents[3]
PYTHON = PROJECT / ".venv" / "bin" / "python"
SECRET = "a secret of the auth site, made up for these tests"
RETURN = "http://127.0.0.1:8000/rolecall/returned/"
NEVER = "rate(365 days)"  # a schedule that disturbs no test
SLOWEST_START = 120  # seconds; four where nothing else runs
PATIENCE = 30.0  # seconds for something to come true
LOOK = 0.1  # seconds between two looks


class NotSo(AssertionError):
    """It did not come true in time."""


@dataclass(frozen=True)
class Stack:
    """What `python -m local up` printed, and hands on it."""

    facts: dict[str, Any]

    @property
    def url(self) -> str:
        """Rolecall's address."""
        return str(self.facts["api_url"]).rstrip("/")

    @property
    def settings(self) -> dict[str, str]:
        """The settings of `local.py` that lead here."""
        return {
            "ROLECALL_URL": self.url,
            "ROLECALL_AUTH_SITE_SECRET": SECRET,
            "ROLECALL_JOBS_QUEUE_URL": self.facts["jobs_queue_url"],
            "ROLECALL_NOTICES_QUEUE_URL": self.facts["notices_queue_url"],
            "ROLECALL_AWS_ENDPOINT_URL": self.facts["aws_endpoint_url"],
        }

    def control(self, operation: str, **said: object) -> Any:
        """What people do at Discord: an operation of the local Discord's control API."""
        address = f"{self.facts['discord_url'].rstrip('/')}/control/{operation}"
        answer = requests.post(address, json=said, timeout=60)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def add_person(self, name: str) -> str:
        """Somebody signs up at Discord; their id."""
        return str(self.control("add_person", username=name)["id"])

    def member(self, name: str) -> dict[str, Any] | None:
        """The member as Discord has them; None where they are not in the guild."""
        found: dict[str, Any] | None = self.control("member", who=name)
        return found or None

    def roles(self, name: str) -> set[str] | None:
        """The names of a member's roles; None where they are not in the guild."""
        found = self.member(name)
        return None if found is None else set(found["roles"])

    def until(self, what: str, holds: Callable[[], bool], patience: float = PATIENCE) -> float:
        """Wait until it is so; how many seconds that took. Raises NotSo."""
        began = time.monotonic()
        while not holds():
            if time.monotonic() - began > patience:
                raise NotSo(what)
            time.sleep(LOOK)
        return time.monotonic() - began

    def through_discord(self, address: str, name: str) -> str:
        """Follow the way to a link in a browser, as this person; where Rolecall sends the browser back to."""
        browser = requests.Session()
        to_discord = browser.get(address, allow_redirects=False, timeout=60)
        if to_discord.status_code != requests.codes.found:
            raise NotSo(f"the link was answered by {to_discord.status_code}")
        page = to_discord.headers["Location"]
        person = next(one for one in self.control("people") if one["username"] == name)
        form = {"person": person["id"], "decision": "authorise"}
        consent = browser.post(page, data=form, allow_redirects=False, timeout=60)
        callback = urljoin(page, consent.headers["Location"])
        return browser.get(callback, allow_redirects=False, timeout=60).headers["Location"]

    def ops(self, *arguments: str) -> str:
        """What an operator's command prints."""
        aws = {"AWS_ENDPOINT_URL": self.facts["aws_endpoint_url"], "AWS_ACCESS_KEY_ID": "test"}
        more = {"AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1", "PATH": os.environ["PATH"]}
        command = [str(PYTHON), "-m", "ops", "--stage", str(self.facts["stage"]), *arguments]
        done = subprocess.run(  # noqa: S603 - our own program
            command, cwd=PROJECT, env=aws | more, capture_output=True, text=True, check=False, timeout=120
        )
        return done.stdout + done.stderr


@contextmanager
def running(**more: str) -> Iterator[Stack]:
    """A stack, until the block ends. `more`: further settings of Rolecall."""
    environment = {
        "PATH": os.environ["PATH"],
        "AUTH_SITE_SECRET": SECRET,
        "AUTH_SITE_URL": RETURN,
        "DISCORD_SYNC_NAMES": "True",
        "UPDATE_ALL_SCHEDULE": NEVER,
        "UPDATE_ALL_USERNAMES_SCHEDULE": NEVER,
    }
    process = subprocess.Popen(  # noqa: S603 - our own program
        [str(PYTHON), "-m", "local", "up"],
        cwd=PROJECT,
        env=environment | more,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()  # it says nothing before it is ready
        if not re.match(r"\{", line):
            raise NotSo("Rolecall does not start: try `.venv/bin/python -m local up`")
        yield Stack(json.loads(line))
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=SLOWEST_START)
        process.stdout.close()
