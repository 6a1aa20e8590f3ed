"""Rolecall as it stands in the local AWS, seen from outside."""

import json
import urllib.request

import pytest

from chalicelib import settings
from local.aws import LocalAws
from local.aws.server import Server

pytestmark = pytest.mark.stack


def test_the_packaged_api_answers_at_the_address_that_was_known_before_it(aws: LocalAws) -> None:
    with urllib.request.urlopen(f"{aws.api_url}/health") as answer:  # noqa: S310 - loopback
        assert json.load(answer)["status"] == "ok"
    assert aws.settings["DISCORD_CALLBACK_URL"] == f"{aws.api_url}/discord/callback"


def test_functions_get_every_setting_but_no_secret(aws: LocalAws) -> None:
    for name in aws.functions.values():
        config = aws.client("lambda").get_function_configuration(FunctionName=name)
        environment = config["Environment"]["Variables"]
        assert environment["DISCORD_GUILD_ID"] == aws.settings["DISCORD_GUILD_ID"]
        assert environment[settings.STAGE] == aws.stage
        assert not set(settings.SECRETS) & set(environment)


def test_secrets_lie_encrypted_in_the_parameter_store(aws: LocalAws) -> None:
    names = [f"/rolecall/{aws.stage}/{name}" for name in settings.REQUIRED_SECRETS]
    found = aws.client("ssm").get_parameters(Names=names, WithDecryption=True)["Parameters"]
    assert {parameter["Name"].rpartition("/")[2]: parameter["Value"] for parameter in found} == {
        name: aws.settings[name] for name in settings.REQUIRED_SECRETS
    }
    assert {parameter["Type"] for parameter in found} == {"SecureString"}


def test_functions_bear_their_names_of_app_py(aws: LocalAws) -> None:
    # Chalice gives the HTTP API's function no name of its own.
    others = {name: f"rolecall-{aws.stage}-{name}" for name in aws.functions}
    assert aws.functions == others | {"api_handler": f"rolecall-{aws.stage}"}
    assert {"api_handler", "sync_jobs", "sync_bulk", "update_all", "update_all_on_schedule"} <= set(aws.functions)


@pytest.mark.parametrize("kind", ["jobs", "bulk"])
def test_a_worker_reads_its_queue_ten_messages_at_a_time(aws: LocalAws, kind: str) -> None:
    mappings = aws.client("lambda").list_event_source_mappings(FunctionName=aws.functions[f"sync_{kind}"])
    (mapping,) = mappings["EventSourceMappings"]
    assert mapping["EventSourceArn"].endswith(f":rolecall-{aws.stage}-{kind}")
    assert mapping["BatchSize"] == 10


def test_links_are_read_in_the_order_of_their_discord_ids_as_numbers(aws: LocalAws) -> None:
    table, db = f"rolecall-{aws.stage}-users", aws.client("dynamodb")
    for discord_id in (1_000_000_000_000_000_000, 9, 100):
        number = {"N": str(discord_id)}
        user = {"S": f"order-{discord_id}"}
        db.put_item(TableName=table, Item={"user_id": user, "guild_id": {"S": "order"}, "discord_id": number})
    found = db.query(
        TableName=table,
        IndexName="by-discord-id",
        KeyConditionExpression="guild_id = :guild AND discord_id > :after",
        ExpressionAttributeValues={":guild": {"S": "order"}, ":after": {"N": "10"}},
    )
    assert [int(item["discord_id"]["N"]) for item in found["Items"]] == [100, 1_000_000_000_000_000_000]


def test_the_processes_of_a_function_can_be_found(aws: LocalAws) -> None:
    with urllib.request.urlopen(f"{aws.api_url}/health"):  # noqa: S310 - loopback
        pass
    assert len(aws.workers("api_handler")) == 1


def test_what_a_function_logged_can_be_read(aws: LocalAws) -> None:
    with urllib.request.urlopen(f"{aws.api_url}/health"):  # noqa: S310 - loopback
        pass
    assert any(line.startswith("REPORT") for line in aws.logs("api_handler"))


def test_a_stopped_server_leaves_its_port_and_its_folder() -> None:
    server = Server()
    assert server.running
    server.stop()
    assert not server.running
    assert not server.folder.exists()
    again = Server(port=server.port)
    again.stop()
