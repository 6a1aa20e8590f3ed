"""The packaged functions under AWS's own runtime client: answers, logs, metrics and the trace of a chain."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.aws import package
from local.aws.runtime import TRACE, Runtime, http_event, queue_event, running

pytest.importorskip("awslambdaric", reason="AWS's runtime is built for Linux only")
CHANGE = {"kind": "update_groups", "user_id": "1", "groups": ["Member"], "changed_at": 1}
JOBS = queue_event("rolecall-prod-jobs", CHANGE)


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zip that ships, unpacked as Lambda unpacks it."""
    folder = tmp_path_factory.mktemp("task")
    zip_file = package.build("prod", import_environment={"ROLECALL_STAGE": "prod"}).zip_file
    zipfile.ZipFile(zip_file).extractall(folder)
    return folder


@pytest.fixture
def worker(code: Path, tmp_path: Path) -> Iterator[Runtime]:
    with running("app.sync_jobs", code, tmp_path, {"ROLECALL_STAGE": "prod"}) as runtime:
        yield runtime


def test_the_web_function_answers_as_api_gateway_wants_it(code: Path, tmp_path: Path) -> None:
    with running("app.app", code, tmp_path, {"ROLECALL_STAGE": "prod"}) as web:
        how, said = web.invoke(http_event("/health"))
        wrong = http_event("/discord/link")
        wrong["requestContext"]["requestId"] = "r-2"
        _, refused = web.invoke(wrong)
    assert (how, said["statusCode"], json.loads(said["body"])["status"]) == ("response", 200, "ok")
    assert refused["statusCode"] == 500
    assert refused["multiValueHeaders"] or refused["headers"]
    (logged,) = [one for one in web.logged() if one.get("event") == "misconfigured"]
    assert logged["trace"] == "r-2"
    assert "DISCORD_BOT_TOKEN is missing" in json.dumps(logged)


def test_a_message_that_waits_is_sent_on_with_the_trace_by_which_lambda_counts_a_chain(worker: Runtime) -> None:
    assert worker.invoke(JOBS) == ("response", None)
    (sent,) = [call for call in worker.calls if call.target == "SQS.SendMessage"]
    assert json.loads(sent.body["MessageBody"]) == CHANGE
    lineage = TRACE.rpartition(";")[2]
    assert lineage in sent.headers["x-amzn-trace-id"], "so the next invocation counts as the chain's next step"


def test_what_is_printed_is_json_lines_with_metrics_that_cloudwatch_reads(worker: Runtime) -> None:
    worker.invoke(JOBS)
    worker.invoke(JOBS)
    lines = worker.logged()
    assert {"event", "level"} <= set().union(*lines)
    (metrics, *_) = [line for line in lines if "_aws" in line]
    (directive,) = metrics["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "Rolecall"
    assert all(one["Name"] in metrics for one in directive["Metrics"])
