"""Rolecall on this machine, and what can be done to it while it works."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import requests

from chalicelib.store.rate_limits import bot_prefix
from local.auth_site import AuthSite
from local.aws import LocalAws
from local.aws.server import CREDENTIALS, ROOT
from local.discord.control import Control
from local.discord.core import Discord
from local.discord.server import Running, serve

SECRET = "an auth site's secret, made up for these tests"
NEVER = "rate(365 days)"  # a schedule that disturbs no test
# Seconds until a message whose worker died comes again; longer than any batch takes, unless its container is blocked.
VISIBILITY = 30
SETTINGS = {
    "AUTH_SITE_SECRET": SECRET,
    "DISCORD_SYNC_NAMES": "True",
    "DISCORD_API_TIMEOUT_CONNECT": "1",
    "DISCORD_API_TIMEOUT_READ": "2",
    "DISCORD_TASKS_RETRY_PAUSE": "3",
    "DISCORD_TASKS_MAX_RETRIES": "20",
    "UPDATE_ALL_SCHEDULE": NEVER,
    "UPDATE_ALL_USERNAMES_SCHEDULE": NEVER,
}
SCALE = 4.0  # so many times shorter are the windows of Discord's limits, or this would take long
WORKERS = ("sync_jobs", "sync_bulk")
LOOK = 0.2  # seconds between two looks


class Switched:
    """A Discord on a port of its own that can be off: then nobody listens there."""

    def __init__(self, discord: Discord) -> None:
        self.discord = discord
        self.guild = discord.admin
        self._running: Running | None = serve(discord)
        self.url, self._port = self._running.url, self._running.port

    def on(self) -> None:
        """Answer again; everything is as it was."""
        if self._running is None:
            self._running = serve(self.discord, port=self._port)

    def off(self) -> None:
        """Cut every connection, and answer nobody."""
        if self._running is not None:
            self._running.stop()
            self._running = None


@dataclass
class Whole:
    """All of it."""

    aws: LocalAws
    site: AuthSite
    discord: Switched
    killed: list[int] = field(default_factory=list)

    def link(self, user_id: str, *groups: str, nickname: str) -> None:
        """Link a new Discord account to the user as a browser would."""
        self.discord.guild.add_person(f"person{user_id}")
        page = self.click_link(user_id, *groups, nickname=nickname)
        assert "You are linked" in page, page

    def click_link(self, user_id: str, *groups: str, nickname: str) -> str:
        """Click the auth site's link and agree at Discord, as the user's person: the page they see in the end."""
        browser = requests.Session()
        token = self.site.token(user_id, "link", groups=groups, nickname=nickname)
        at_discord = browser.get(f"{self.aws.api_url}/discord/link", params={"token": token}, allow_redirects=False)
        assert at_discord.status_code == 302, at_discord.text
        back = Control(self.discord.url).consent(at_discord.headers["Location"], f"person{user_id}")
        return browser.get(back, timeout=30).text

    def has(self, user_id: str) -> tuple[set[str], str | None]:
        """The roles and the nickname of the linked user's member."""
        member = self.discord.guild.member(f"person{user_id}")
        assert member is not None, f"person{user_id} is no member"
        return set(member.roles), member.nick

    # --- what the store knows ---

    def stored(self, user_id: str) -> dict[str, int]:
        """The stamps of what the store knows of the user."""
        item = self.item(user_id)
        return {name: int(item[name]["N"]) for name in ("groups_at", "nickname_at")}

    def last_error(self, user_id: str) -> str | None:
        """Why the user could not be synced."""
        kept: str | None = self.item(user_id).get("last_error", {}).get("S")
        return kept

    def linked(self, user_id: str) -> bool:
        """Has the user a Discord account?"""
        return "discord_id" in self.item(user_id)

    def item(self, user_id: str) -> dict[str, Any]:
        """The user's row as DynamoDB has it."""
        key = {"user_id": {"S": user_id}}
        answer = self.aws.client("dynamodb").get_item(TableName=self._users, Key=key, ConsistentRead=True)
        found: dict[str, Any] = answer.get("Item", {})
        return found

    def restore(self, item: dict[str, Any]) -> None:
        """Put back a row as it was."""
        self.aws.client("dynamodb").put_item(TableName=self._users, Item=item)

    @property
    def _users(self) -> str:
        return f"rolecall-{self.aws.stage}-users"

    # --- what happens to it ---

    def forget_checks(self) -> None:
        """Drop the look at new links that is planned: it would heal what a test wants to see."""
        self.aws.client("sqs").purge_queue(QueueUrl=self.aws.bulk_queue_url)

    def resume(self) -> str:
        """Let calls go on, as an operator does; what the command says."""
        environment = {"PATH": os.environ["PATH"], "AWS_ENDPOINT_URL": self.aws.endpoint_url, **CREDENTIALS}
        command = [sys.executable, "-m", "ops", "--stage", self.aws.stage, "resume"]
        done = subprocess.run(  # noqa: S603 - our own command
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def kill_workers(self) -> None:
        """Kill the processes that run the queues' functions just now."""
        for pid in (pid for function in WORKERS for pid in self.aws.workers(function)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                self.killed.append(pid)

    # --- looking ---

    def requests(self) -> int:
        """Requests that Discord received."""
        return self.discord.guild.counts().requests

    def left(self) -> int:
        """Changes on their way."""
        return self._messages("", "NotVisible", "Delayed")

    def settled(self) -> bool:
        """Whether no change is being worked on or is due: all that are left wait for a later time."""
        return self._messages("", "NotVisible") == 0

    def _messages(self, *states: str) -> int:
        wanted = [f"ApproximateNumberOfMessages{state}" for state in states]
        sqs, url = self.aws.client("sqs"), self.aws.jobs_queue_url
        return sum(map(int, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=wanted)["Attributes"].values()))

    def stopped(self) -> bool:
        """Whether all calls to Discord are stopped, by what is stored for all workers."""
        halts = self._halts()
        return "halted_token" in halts or float(halts.get("blocked_until", {"N": 0})["N"]) > time.time()

    def blocked_containers(self) -> int:
        """How many containers reported lately that Cloudflare blocks their address."""
        return len(json.loads(self._halts().get("reports", {"S": "{}"})["S"]))

    def _halts(self) -> dict[str, Any]:
        key = {"key": {"S": f"{bot_prefix(int(self.aws.settings['DISCORD_APP_ID']))}halts"}}
        table = f"rolecall-{self.aws.stage}-budgets"
        answer = self.aws.client("dynamodb").get_item(TableName=table, Key=key, ConsistentRead=True)
        found: dict[str, Any] = answer.get("Item", {})
        return found

    def dead(self) -> list[tuple[str, str]]:
        """Bodies and reasons of what was set aside."""
        sqs, found = self.aws.client("sqs"), []
        while messages := sqs.receive_message(
            QueueUrl=self.aws.dead_letter_queue_url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages"):
            for one in messages:
                found.append((one["Body"], one.get("MessageAttributes", {}).get("reason", {}).get("StringValue", "")))
                sqs.delete_message(QueueUrl=self.aws.dead_letter_queue_url, ReceiptHandle=one["ReceiptHandle"])
        return found


def wait(until: Callable[[], bool], *, within: float) -> bool:
    """Whether it came true in so many seconds."""
    deadline = time.monotonic() + within
    while not until():
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK)
    return True
