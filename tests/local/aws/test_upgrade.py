"""An installation from before the audit trail had its index of months gets it in place, with all that it keeps."""

import re
from collections.abc import Iterator

import pytest

from chalicelib.store import audit, rows
from chalicelib.store.audit import Entry, Wanted
from local.aws.server import ROOT, Server
from local.aws.stack import AwsClient, _client, _session

STACK, TABLE, NOW = "rolecall-x-data", "rolecall-x-audit", 1_796_000_000.0
TEMPLATE = (ROOT / ".chalice" / "data-stack.yaml").read_text()
INDEX = re.compile(
    r"      GlobalSecondaryIndexes:\n        - IndexName: by-month.*?\{ProjectionType: ALL\}\n", flags=re.DOTALL
)
BEFORE = INDEX.sub("", TEMPLATE).replace("        - {AttributeName: month, AttributeType: S}\n", "")
SAID = {"Stage": "x", "Protection": "on", "PlainConnections": "allowed"}
PARAMETERS = [{"ParameterKey": name, "ParameterValue": value} for name, value in SAID.items()]


@pytest.fixture
def server() -> Iterator[Server]:
    started = Server()
    yield started
    started.stop()


def test_the_index_is_added_to_the_table_that_is_there(server: Server) -> None:
    session = _session()
    stacks: AwsClient = _client(session, server, "cloudformation")
    tables: AwsClient = _client(session, server, "dynamodb")
    assert "by-month" not in BEFORE
    stacks.create_stack(StackName=STACK, TemplateBody=BEFORE, Parameters=PARAMETERS)
    stacks.get_waiter("stack_create_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})
    assert "GlobalSecondaryIndexes" not in tables.describe_table(TableName=TABLE)["Table"]
    rows.connect("x", client=tables)
    old = audit.row(Entry("1", 5, NOW, "before", "t"))
    old.month = None
    old.save()
    stacks.update_stack(StackName=STACK, TemplateBody=TEMPLATE, Parameters=PARAMETERS)
    stacks.get_waiter("stack_update_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})
    audit.keep(Entry("1", 5, NOW + 1, "after", "t"))
    events = stacks.describe_stack_events(StackName=STACK)["StackEvents"]
    assert not [one for one in events if one["ResourceStatus"].startswith("DELETE")], "nothing was replaced"
    assert [one["cause"] for one in audit.of_user("1", now=NOW)] == ["after", "before"]
    assert [one["cause"] for one in audit.search(Wanted(), now=NOW + 2).entries] == ["after"]
