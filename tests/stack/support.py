"""Rolecall where permissions are enforced, and hands on it: the auth site's, a person's, an administrator's."""

import json
import os
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests

from chalicelib.messages import Job, encode
from local.auth_site import AuthSite
from local.aws import LocalAws
from local.discord.control import Control, Member

SECRET = "an auth site's secret, made up for these tests"
NEVER = "rate(365 days)"  # a schedule that disturbs no test
SETTINGS = {
    "AUTH_SITE_SECRET": SECRET,
    "DISCORD_SYNC_NAMES": "True",
    "UPDATE_ALL_SCHEDULE": NEVER,
    "UPDATE_ALL_USERNAMES_SCHEDULE": NEVER,
}
PATIENCE = 20.0  # seconds for something to come true
WORKERS = ("sync_jobs", "sync_bulk")


@dataclass(frozen=True)
class Stack:
    """All of it. Queues feed the workers only where a test asks for that."""

    aws: LocalAws
    site: AuthSite
    discord: Control

    # --- a person ---

    def link(self, user_id: str, *groups: str) -> Member:
        """Link a new Discord account to the user as a browser would; the member. AssertionError where it fails."""
        username = f"person{user_id}"
        self.discord.add_person(username)
        browser = requests.Session()
        token = self.site.token(user_id, "link", groups=groups, nickname=username.title())
        at_discord = browser.get(f"{self.aws.api_url}/discord/link", params={"token": token}, allow_redirects=False)
        assert at_discord.status_code == 302, at_discord.text
        page = browser.get(self.discord.consent(at_discord.headers["Location"], username), timeout=30)
        assert "You are linked" in page.text, page.text
        return self.member(user_id)

    def member(self, user_id: str) -> Member:
        """The member of a linked user."""
        member = self.discord.member(f"person{user_id}")
        assert member is not None, f"person{user_id} is no member"
        return member

    def get(self, path: str, **headers: str) -> requests.Response:
        """What the API answers."""
        return requests.get(self.aws.api_url + path, headers=headers, allow_redirects=False, timeout=30)

    # --- a worker ---

    def settle(self, function: str, *bodies: str | Job, queue: str | None = None) -> None:
        """Let a worker settle messages as if SQS had just delivered them.

        Raises FunctionFailed if it does not, AssertionError if it puts them back because AWS refused something.
        """
        queue = queue or f"rolecall-{self.aws.stage}-{function.removeprefix('sync_')}"
        logged = len(self.aws.logs(function))
        self.deliver(function, *(record(body, queue) for body in bodies))
        outages = [line for line in self.aws.logs(function)[logged:] if '"event": "outage"' in line]
        assert outages == [], outages

    def deliver(self, function: str, *records: dict[str, Any]) -> None:
        """Let a worker settle these records."""
        self.aws.invoke(function, {"Records": list(records)})

    def forget(self, function: str) -> None:
        """Whatever the function remembers of earlier events is gone, as in a new container."""
        killed = self.aws.workers(function)
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        end = time.monotonic() + PATIENCE
        while {*killed} & {*self.aws.workers(function)} and time.monotonic() < end:
            time.sleep(0.01)  # one that is not dead yet would be given the next event

    @contextmanager
    def flowing(self) -> Iterator[None]:
        """Queues feed the workers, as they do in production."""
        self.feed(enabled=True)
        try:
            yield
        finally:
            self.feed(enabled=False)

    def feed(self, *, enabled: bool) -> None:
        """Let queues feed the workers, or not."""
        client = self.aws.client("lambda")
        for function in WORKERS:
            found = client.list_event_source_mappings(FunctionName=self.aws.functions[function])
            for mapping in found["EventSourceMappings"]:
                client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=enabled)

    # --- an administrator ---

    @contextmanager
    def without(self, function: str, sid: str) -> Iterator[None]:
        """The function's role lacks one statement of its policy meanwhile."""
        iam = self.aws.client("iam")
        config = self.aws.client("lambda").get_function_configuration(FunctionName=self.aws.functions[function])
        role = config["Role"].rpartition("/")[2]
        (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
        policy = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        left = [statement for statement in policy["Statement"] if statement["Sid"] != sid]
        assert len(left) == len(policy["Statement"]) - 1

        def put(statements: list[dict[str, Any]]) -> None:
            document = json.dumps(policy | {"Statement": statements})
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=document)

        put(left)
        try:
            yield
        finally:
            put(policy["Statement"])


def record(body: str | Job, queue: str, *, handle: str = "none", **attributes: str) -> dict[str, Any]:
    """A message as Lambda hands it to a function."""
    return {
        "messageId": uuid.uuid4().hex,
        "receiptHandle": handle,
        "body": body if isinstance(body, str) else encode(body).decode(),
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": str(int(time.time() * 1000))},
        "messageAttributes": {name: {"stringValue": it, "dataType": "String"} for name, it in attributes.items()},
        "eventSourceARN": f"arn:aws:sqs:us-east-1:000000000000:{queue}",
        "eventSource": "aws:sqs",
    }


def wait_until(what: str, holds: Callable[[], object]) -> None:
    """Return once it is so; AssertionError where it never is."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, f"not so after {PATIENCE:.0f} s: {what}"
        time.sleep(0.1)
