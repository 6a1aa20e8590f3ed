"""What an operator reads when AWS refuses or cannot be reached: a sentence and what to do, never a traceback."""

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    InvalidRegionError,
    NoCredentialsError,
    ReadTimeoutError,
    SSOTokenLoadError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)
from botocore.stub import Stubber
from pynamodb.exceptions import GetError, QueryError

from ops.aws_access import SIGN_IN, complaint_of
from ops.cli import main
from ops.stage import Stage
from tests.ops.world import DISCORD, Command, World

KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


def refused(code: str, operation: str = "Query", message: str = "…") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


@pytest.mark.parametrize(
    ("error", "said", "fix"),
    [
        (refused("ExpiredTokenException"), "Your AWS credentials have expired", "aws login"),
        (refused("ExpiredToken", "GetCallerIdentity"), "Your AWS credentials have expired", "aws sso login"),
        (SSOTokenLoadError(profile_name="p", error_msg="x"), "Your AWS session has expired", "aws sso login"),
        (UnauthorizedSSOTokenError(), "Your AWS session has expired", "aws sso login"),
        (TokenRetrievalError(provider="sso", error_msg="x"), "Your AWS session has expired", "aws login"),
        (refused("UnrecognizedClientException"), "AWS does not know your credentials", "sign in again"),
        (refused("InvalidClientTokenId"), "AWS does not know your credentials", "sign in again"),
        (refused("SignatureDoesNotMatch"), "how the request was signed", "clock"),
        (refused("AccessDeniedException", "Scan"), "AWS does not let you do this: Scan", "the action of Scan"),
        (refused("ResourceNotFoundException", message="Table: x not found"), "Table: x not found", "AWS_REGION"),
        (NoCredentialsError(), "Unable to locate credentials", SIGN_IN),
        (InvalidRegionError(region_name="not one"), "not one", "eu-central-1"),
    ],
)
def test_what_is_the_operators_own_is_told_with_what_to_do_and_is_no_outage(
    error: Exception, said: str, fix: str
) -> None:
    complaint = complaint_of(error)
    assert said in complaint.text
    assert fix in complaint.fix
    assert not complaint.away


@pytest.mark.parametrize(
    "error",
    [
        refused("ThrottlingException"),
        refused("ProvisionedThroughputExceededException"),
        refused("InternalServerError"),
        refused("ServiceUnavailable"),
        EndpointConnectionError(endpoint_url="https://dynamodb.test"),
        ConnectTimeoutError(endpoint_url="https://dynamodb.test"),
        ReadTimeoutError(endpoint_url="https://dynamodb.test"),
    ],
)
def test_what_aws_cannot_do_for_anybody_is_an_outage_whether_pynamodb_wraps_it_or_not(error: Exception) -> None:
    for seen in (error, GetError("no answer", cause=error), QueryError("no answer", cause=error)):
        assert complaint_of(seen).away
        assert complaint_of(seen).text == complaint_of(error).text


def test_expired_credentials_end_every_command_with_a_sentence(world: World, ops: Command) -> None:
    for command in ("status", "resume"):
        with Stubber(world.stage().client("lambda")) as stub:
            stub.add_client_error("get_function_configuration", "ExpiredTokenException")
            said = ops(command)
        assert (said.code, said.out) == (1, "")
        assert "Your AWS credentials have expired (ExpiredTokenException)." in said.err
        assert "→ sign in again" in said.err


def test_expired_credentials_are_the_one_fault_that_doctor_finds(world: World) -> None:
    with Stubber(world.stage().client("sts")) as stub:
        stub.add_client_error("get_caller_identity", "ExpiredToken")
        results = world.examine("dynamodb")
    assert "Your AWS credentials have expired" in results["aws"].findings[0].text
    assert "not checked" in results["dynamodb"].findings[0].text


def test_another_region_is_named_where_nothing_of_the_stage_is(empty_world: World, ops: Command) -> None:
    said = ops("status")
    assert "no function of the stage prod is deployed in us-east-1" in said.err
    (finding,) = empty_world.examine("functions")["functions"].findings
    assert finding.text == "no function of the stage prod is deployed in us-east-1"
    assert "AWS_REGION" in finding.fix


def test_without_a_network_the_connection_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("ops.stage.PATIENT", Config(connect_timeout=1, retries={"total_max_attempts": 1}))
    nowhere = boto3.Session(region_name="eu-central-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    for command in ("status", "doctor"):
        assert main(["--stage", "prod", command], lambda name: Stage(name, {}, session=nowhere)) == 1
        printed = capsys.readouterr()
        said = " ".join((printed.out + printed.err).split())
        assert "Could not connect to the endpoint URL" in said
        assert "check the connection and AWS_REGION" in said
        assert "Traceback" not in said


def test_a_throttled_dynamodb_is_shown_beside_what_the_queues_say(empty_world: World, ops: Command) -> None:
    world = empty_world
    world.build_for_discord()
    world.create_queues()
    world.sqs.send_message(QueueUrl=world.queue_url("jobs"), MessageBody="{}")
    with Stubber(world.stage().client("dynamodb")) as stub:
        stub.add_client_error("query", "ThrottlingException")
        said = ops("status")
    assert said.code == 1
    assert "DynamoDB has been away, since when is not on record: AWS refused: ThrottlingException (Query)" in said.out
    assert "1 message waits" in said.out


def test_a_refused_dynamodb_is_one_fault_of_doctor_and_what_needs_it_is_not_checked(world: World) -> None:
    with Stubber(world.stage().client("dynamodb")) as stub:
        stub.add_client_error("get_item", "InternalServerError")
        results = world.examine("answers")
    (finding,) = results["dynamodb"].findings
    assert "InternalServerError" in finding.text
    assert "0 messages wait" in finding.text
    for name in ("tables", "answers"):
        assert "it needs: DynamoDB answers" in results[name].findings[0].text


def test_a_refused_sqs_is_one_fault_of_doctor_and_what_needs_it_is_not_checked(world: World) -> None:
    with Stubber(world.stage().client("sqs")) as stub:
        stub.add_client_error("get_queue_url", "ServiceUnavailable")
        results = world.examine("waiting")
    (finding,) = results["sqs"].findings
    assert "how much waits is not known" in finding.text
    assert "it needs: SQS answers" in results["waiting"].findings[0].text


def test_a_store_that_fails_in_the_middle_of_the_checks_ends_one_check_and_no_command(
    world: World, ops: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = world.stage().client("dynamodb")
    plain = client._make_api_call

    def throttled(operation: str, arguments: dict[str, object]) -> object:
        if operation == "Query":
            raise refused("ThrottlingException", operation)
        return plain(operation, arguments)

    monkeypatch.setattr(client, "_make_api_call", throttled)
    said = ops("doctor")
    assert said.code == 1
    assert "could not be checked: AWS refused: ThrottlingException (Query)" in said.out
    assert "fault" in said.out.splitlines()[-1]


def test_a_discord_that_answers_nobody_is_told_from_one_that_does_not_answer_this_machine(world: World) -> None:
    world.configure(DISCORD_API_BASE_URL="http://127.0.0.1:9/api/v10")
    (finding,) = world.examine("bot-token")["bot-token"].findings
    assert "no answer from 127.0.0.1" in finding.text
    assert "the functions have no such trouble on record" in finding.text
    assert DISCORD.bot_token not in finding.text
