"""DynamoDB and SQS in memory beside moto's, for the same calls."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from local.memory.clock import VirtualClock
from local.memory.dynamodb import MemoryDynamoDB


@pytest.fixture(scope="session")
def moto_clients() -> dict[str, Any]:
    """Made once: each takes a tenth of a second. Usable only while `mock_aws` is in force."""
    secret = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    with mock_aws():
        return {name: boto3.client(name, region_name="us-east-1", **secret) for name in ("dynamodb", "sqs")}  # type: ignore[call-overload]  # of many services


@pytest.fixture(scope="module")
def moto_dynamodb(moto_clients: dict[str, Any]) -> Iterator[Any]:
    """moto's, for all tests of a module: each uses keys of its own."""
    with mock_aws():
        yield moto_clients["dynamodb"]


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def memory(clock: VirtualClock) -> MemoryDynamoDB:
    return MemoryDynamoDB(clock, stage="test")
