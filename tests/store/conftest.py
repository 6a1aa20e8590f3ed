"""The store on both DynamoDBs: the one in memory and moto's. Every test here runs on each, and must pass on each."""

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from chalicelib.store import rows
from local.memory.clock import VirtualClock
from local.memory.dynamodb import MemoryDynamoDB
from local.memory.tables import schemas

STAGE = "test"


class Database:
    """A client of either DynamoDB, between whose calls somebody else may act, and which may perform a call twice."""

    meta = None  # attributes of a botocore client that PynamoDB looks at
    _request_signer = None

    def __init__(self, client: Any) -> None:
        self._client = client
        self._planned: list[tuple[str, Callable[[], object]]] = []
        self._twice: list[str] = []

    def meanwhile(self, operation: str, act: Callable[[], object]) -> None:
        """Right before the next call of that operation, once, `act` is done."""
        self._planned.append((operation, act))

    def twice(self, operation: str) -> None:
        """The next call of that operation is performed twice, as if botocore repeated it after a lost answer."""
        self._twice.append(operation)

    def _make_api_call(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        due = [act for planned, act in self._planned if planned == operation][:1]
        self._planned = [plan for plan in self._planned if plan[1] not in due]
        for act in due:
            act()
        if operation in self._twice:
            self._twice.remove(operation)
            self._client._make_api_call(operation, arguments)
        answer: dict[str, Any] = self._client._make_api_call(operation, arguments)
        return answer


@pytest.fixture(scope="session")
def moto_client() -> Any:
    """Made once: it takes a tenth of a second. Usable only while `mock_aws` is in force."""
    with mock_aws():
        return boto3.client(
            "dynamodb", region_name="us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing"
        )


@pytest.fixture(params=["memory", "moto"])
def dynamodb(request: pytest.FixtureRequest) -> Iterator[Database]:
    """The tables of a stage, empty, and `chalicelib.store` connected to them."""
    if request.param == "memory":
        yield connected(MemoryDynamoDB(VirtualClock(), stage=STAGE))
        return
    client = request.getfixturevalue("moto_client")
    with mock_aws():
        for schema in schemas(STAGE):
            client.create_table(**schema)
        yield connected(client)


def connected(client: Any) -> Database:
    """That DynamoDB, as the one that `chalicelib.store` uses from now on."""
    database = Database(client)
    rows.connect(STAGE, client=database)
    return database


@pytest.fixture(autouse=True)
def _connected(dynamodb: Database) -> None:
    """No test of the store runs without one."""
