"""Rolecall on this machine, and what can be done to it while it works."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import requests

from local.auth_site import AuthSite
from local.aws import LocalAws
from local.discord.control import Control
from local.discord.core import Discord
from local.discord.server import Running, serve

SECRET = "an auth site's secret, made up for these tests"
NEVER = "rate(365 days)"  # a schedule that disturbs no test
VISIBILITY = 30  # seconds until a message whose worker died comes again; longer than any batch takes
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
WORKERS = ("sync_jobs", "sync_bulk")
LOOK = 0.5  # seconds between two looks


class Switched:
    """A Discord on a port of its own that can be off: then nobody listens there."""

    def __init__(self, discord: Discord) -> None:
        self.discord = discord
        self.guild = discord.backstage
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
        username = f"person{user_id}"
        self.discord.guild.add_person(username)
        browser = requests.Session()
        token = self.site.token(user_id, "link", groups=groups, nickname=nickname)
        at_discord = browser.get(f"{self.aws.api_url}/discord/link", params={"token": token}, allow_redirects=False)
        assert at_discord.status_code == 302, at_discord.text
        back = Control(self.discord.url).consent(at_discord.headers["Location"], username)
        page = browser.get(back, timeout=30)
        assert "You are linked" in page.text, page.text

    def has(self, user_id: str) -> tuple[set[str], str | None]:
        """The roles and the nickname of the linked user's member."""
        member = self.discord.guild.member(f"person{user_id}")
        assert member is not None, f"person{user_id} is no member"
        return set(member.roles), member.nick

    def stored(self, user_id: str) -> dict[str, int]:
        """The stamps of what the store knows of the user."""
        answer = self.aws.client("dynamodb").get_item(
            TableName=f"rolecall-{self.aws.stage}-users", Key={"user_id": {"S": user_id}}, ConsistentRead=True
        )
        return {name: int(answer["Item"][name]["N"]) for name in ("groups_at", "nickname_at")}

    def kill_workers(self) -> None:
        """Kill the processes that run the queues' functions just now."""
        for pid in (pid for function in WORKERS for pid in self.aws.workers(function)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                self.killed.append(pid)

    def left(self) -> int:
        """Changes on their way."""
        wanted = [f"ApproximateNumberOfMessages{name}" for name in ("", "NotVisible", "Delayed")]
        sqs, url = self.aws.client("sqs"), self.aws.jobs_queue_url
        return sum(map(int, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=wanted)["Attributes"].values()))

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
