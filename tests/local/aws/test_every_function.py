"""Every function of the packaged zip at its work, under AWS's own runtime client: real clients, a local Discord."""

import json
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from chalicelib import settings
from local.auth_site import AuthSite
from local.aws import package
from local.aws.memory import MemoryAws
from local.aws.runtime import REQUEST_ID, TRACE, Runtime, http_event, running, schedule_event
from local.discord.config import Config
from local.discord.control import Control
from local.discord.core import Discord
from local.discord.server import serve

pytest.importorskip("awslambdaric", reason="AWS's runtime is built for Linux only")

STAGE = "prod"
SECRET = "the auth site's secret of these tests"
BACK = "https://api.example/discord/callback"
DISCORD = Config(redirect_uris=(BACK,), rate_limits=False)
SECRETS = {
    "DISCORD_APP_SECRET": DISCORD.app_secret,
    "DISCORD_BOT_TOKEN": DISCORD.bot_token,
    "AUTH_SITE_SECRET": SECRET,
}
SOON = 10.0  # seconds
LINEAGE = TRACE.rpartition(";")[2]
TASKS = ("update_all", "update_all_groups", "update_all_nicknames", "update_all_usernames")
SCHEDULED = ("update_all_on_schedule", "update_all_usernames_on_schedule")
HANDLERS = ("app.app", "app.sync_jobs", "app.sync_bulk", *(f"app.{name}" for name in (*TASKS, *SCHEDULED)))


@pytest.fixture(scope="module")
def packaged() -> package.Package:
    return package.build(STAGE, import_environment={settings.STAGE: STAGE})


@pytest.fixture(scope="module")
def code(packaged: package.Package, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zip that ships, unpacked as Lambda unpacks it."""
    folder = tmp_path_factory.mktemp("task")
    zipfile.ZipFile(packaged.zip_file).extractall(folder)
    return folder


@dataclass
class Stage:
    """A stage whose functions are started one by one: its AWS, its Discord, its auth site."""

    aws: MemoryAws
    discord: Control
    site: AuthSite
    start: Callable[[str], AbstractContextManager[Runtime]]

    def work(self, queue: str) -> "Worked":
        """Let the function of the queue work until nothing is left that comes within seconds."""
        with self.start(f"app.sync_{queue}") as worker:
            answers = []
            while (due := self.aws.sqs.next_event_at(queue)) and (wait := due - time.time()) < SOON:
                time.sleep(max(0.0, wait))  # a repair is delayed until its turn
                if records := self.aws.sqs.receive(queue):
                    answers.append(worker.invoke({"Records": records}))
                    self.aws.sqs.delete_all(records)
        return Worked(worker, answers)

    def link(self, who: str, user_id: str, *groups: str) -> "Worked":
        """Link a person, as their browser would."""
        self.discord.add_person(who)
        with self.start("app.app") as web:
            token = self.site.token(user_id, "link", groups=list(groups))
            started = web.invoke(http_event("/discord/link", token=token))
            back = self.discord.consent(header(started, "Location"), who)
            query = {name: said[0] for name, said in parse_qs(urlsplit(back).query).items()}
            event = http_event("/discord/callback", **query)
            event["headers"]["Cookie"] = header(started, "Set-Cookie").partition(";")[0]
            finished = web.invoke(event)
        return Worked(web, [started, finished])


@dataclass
class Worked:
    """A container that has been ended, and its answers."""

    runtime: Runtime
    answers: list[tuple[str, Any]]

    def metrics(self) -> set[str]:
        """Names of the metrics that CloudWatch reads in what was printed."""
        directives = [line["_aws"]["CloudWatchMetrics"][0] for line in self.runtime.logged() if "_aws" in line]
        assert all(one["Namespace"] == "Rolecall" for one in directives)
        return {metric["Name"] for one in directives for metric in one["Metrics"]}

    def events(self) -> list[dict[str, Any]]:
        """The lines of the log; each line that was printed is JSON."""
        return [line for line in self.runtime.logged() if "_aws" not in line]


@pytest.fixture
def stage(code: Path, tmp_path: Path) -> Iterator[Stage]:
    aws = MemoryAws(STAGE, {f"/rolecall/{STAGE}/{name}": value for name, value in SECRETS.items()})
    with serve(Discord(DISCORD)) as discord, Control(discord.url) as control:
        chosen = {
            "ROLECALL_STAGE": STAGE,
            "DISCORD_APP_ID": DISCORD.app_id,
            "DISCORD_GUILD_ID": DISCORD.guild_id,
            "DISCORD_CALLBACK_URL": BACK,
            "DISCORD_API_BASE_URL": f"{discord.url}/api/v10",
            "DISCORD_OAUTH_BASE_URL": f"{discord.url}/oauth2/authorize",
            "DISCORD_OAUTH_TOKEN_URL": f"{discord.url}/api/oauth2/token",
            "DISCORD_SYNC_NAMES": "True",
            "OAUTHLIB_INSECURE_TRANSPORT": "1",  # the local Discord speaks plain HTTP
        }
        urls = (aws.sqs.get_queue_url(QueueName=f"rolecall-{STAGE}-{name}")["QueueUrl"] for name in ("jobs", "notices"))
        site = AuthSite(aws.sqs, secret=SECRET, **dict(zip(("jobs_queue_url", "notices_queue_url"), urls, strict=True)))
        yield Stage(aws, control, site, partial(start, code, tmp_path, chosen, aws))


def start(
    code: Path, folder: Path, chosen: dict[str, str], aws: MemoryAws, handler: str
) -> AbstractContextManager[Runtime]:
    """A new container of the function."""
    own = folder / f"{handler}-{len(list(folder.iterdir()))}"
    return running(handler, code, own, chosen, aws=aws.answer)


def header(answer: tuple[str, Any], name: str) -> str:
    """A header of an answer to API Gateway."""
    how, said = answer
    assert how == "response"
    headers = {**said.get("headers", {}), **{key: values[0] for key, values in said["multiValueHeaders"].items()}}
    return str(headers[name])


def names_no_secret(runtime: Runtime) -> bool:
    """Is nothing that was printed a secret?"""
    return not any(secret in "\n".join(runtime.lines) for secret in SECRETS.values())


def test_the_functions_that_are_tried_here_are_all_that_ship(packaged: package.Package) -> None:
    functions = [one for one in packaged.template["Resources"].values() if one["Type"] == "AWS::Serverless::Function"]
    assert sorted(one["Properties"]["Handler"] for one in functions) == sorted(HANDLERS)


def test_the_web_function_links_a_person_who_comes_back_from_discord(stage: Stage) -> None:
    web = stage.link("kira", "101", "Member")
    assert [said["statusCode"] for _, said in web.answers] == [302, 200]
    member = stage.discord.member("kira")
    assert member is not None
    assert member.roles == ("Member",)
    assert "r-1" in {line["trace"] for line in web.events()}, "API Gateway's id of the request"
    assert names_no_secret(web.runtime)


def test_the_function_of_the_jobs_queue_brings_a_change_to_discord(stage: Stage) -> None:
    stage.link("kira", "101", "Member")
    stage.work("jobs")
    stage.site.groups("101", ["Member", "Logistics"])
    worked = stage.work("jobs")
    assert worked.answers == [("response", None)]
    member = stage.discord.member("kira")
    assert member is not None
    assert set(member.roles) == {"Member", "Logistics"}
    assert "ChangeAge" in worked.metrics()
    (settled,) = [line for line in worked.events() if line["event"] == "settled"]
    assert settled["outcome"] == "done"
    (change, *_) = [one for one in reversed(stage.aws.sqs.sent) if one.queue == f"rolecall-{STAGE}-jobs"]
    assert settled["trace"] == change.id, "a change is followed by the id of its message"
    assert not list(stage.aws.sqs.waiting("dead-letters"))


def test_the_function_of_the_jobs_queue_gives_a_message_that_cannot_be_read_its_reason(stage: Stage) -> None:
    stage.site.post("no JSON at all")
    stage.site.groups("7", ["Member"])
    worked = stage.work("jobs")
    assert worked.answers == [("response", None)], "one bad message does not bring its neighbours back"
    (dead,) = stage.aws.sqs.waiting("dead-letters")
    assert dead.body == "no JSON at all"
    assert dead.attributes["reason"]


@pytest.mark.parametrize("task", [*TASKS, *SCHEDULED])
def test_a_task_or_schedule_starts_a_sweep_that_the_bulk_queue_carries_to_its_end(stage: Stage, task: str) -> None:
    stage.link("kira", "101", "Member")
    stage.discord.change_member("kira", take=["Member"], nick="somebody else")
    with stage.start(f"app.{task}") as begun:
        how, said = begun.invoke(schedule_event() if task in SCHEDULED else {"force": True})
    assert how == "response"
    assert said is None if task in SCHEDULED else said["state"] == "surveying"
    assert REQUEST_ID in {one["trace"] for one in Worked(begun, []).events()}, "Lambda's id of the invocation"
    worked = stage.work("bulk")
    assert worked.answers
    assert set(map(tuple, worked.answers)) == {("response", None)}
    assert "SweepSeconds" in worked.metrics()
    assert stage.aws.dynamodb.items("sweeps")
    member = stage.discord.member("kira")
    assert member is not None
    repairs_roles = task in ("update_all", "update_all_groups", "update_all_on_schedule")
    assert member.roles == (("Member",) if repairs_roles else ())
    assert not list(stage.aws.sqs.waiting("dead-letters"))
    assert names_no_secret(begun)
    assert names_no_secret(worked.runtime)


@pytest.mark.parametrize("handler", HANDLERS)
def test_every_call_to_aws_bears_the_lineage_by_which_lambda_counts_a_chain(stage: Stage, handler: str) -> None:
    stage.site.groups("101", ["Member"])
    token = stage.site.token("101", "link")
    with stage.start(handler) as runtime:
        runtime.invoke(event_for(handler, stage, token))
    assert runtime.calls
    without = {call.target for call in runtime.calls if LINEAGE not in call.headers.get("x-amzn-trace-id", "")}
    assert not without


@pytest.mark.parametrize("handler", HANDLERS)
def test_a_function_without_its_secrets_says_what_is_missing_and_shows_none(
    code: Path, tmp_path: Path, handler: str
) -> None:
    aws = MemoryAws(STAGE, {f"/rolecall/{STAGE}/AUTH_SITE_SECRET": SECRET})
    chosen = {"ROLECALL_STAGE": STAGE, "DISCORD_APP_ID": "1", "DISCORD_GUILD_ID": "2", "DISCORD_CALLBACK_URL": BACK}
    stage = Stage(aws, None, None, partial(start, code, tmp_path, chosen, aws))  # type: ignore[arg-type] # not needed
    aws.sqs.send_message(QueueUrl=f"rolecall-{STAGE}-jobs", MessageBody=json.dumps({"kind": "x", "user_id": "1"}))
    with stage.start(handler) as runtime:
        how, said = runtime.invoke(event_for(handler, stage, "t"))
    printed = "\n".join(runtime.lines)
    assert "DISCORD_BOT_TOKEN is missing" in printed
    assert SECRET not in printed
    if handler == "app.app":
        assert said["statusCode"] == 500
    elif handler.startswith("app.sync_"):
        assert (how, said) == ("response", None), "its messages wait in the queue for the settings"
        assert [call.target for call in runtime.calls if call.target.startswith("SQS.Send")]
    else:
        assert how == "error", "so Lambda counts an error, and the alarm can ring"
        assert "DISCORD_BOT_TOKEN is missing" in said["errorMessage"]


def event_for(handler: str, stage: Stage, token: str) -> dict[str, Any]:
    """What brings a function to its work; the queues' functions get what is in the jobs queue."""
    if handler == "app.app":
        return http_event("/discord/link", token=token)
    if handler.startswith("app.sync_"):
        return {"Records": stage.aws.sqs.receive("jobs")}
    return schedule_event() if handler.endswith("_on_schedule") else {}
