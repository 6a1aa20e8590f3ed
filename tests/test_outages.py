"""What counts as an outage of AWS, and when a message that met one is tried again."""

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError
from pynamodb.exceptions import GetError, PutError

from chalicelib.outages import MAX_PAUSE, MIN_PAUSE, metric_of, outage_in, pause_after, will_pass
from chalicelib.queues import MAX_DELAY

DAY = 86_400


def refused(code: str, operation: str = "PutItem") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "…"}}, operation)


AWAY = EndpointConnectionError(endpoint_url="https://dynamodb.test")


@pytest.mark.parametrize(
    ("error", "outage"),
    [
        (AWAY, "EndpointConnectionError"),
        (ReadTimeoutError(endpoint_url="https://sqs.test"), "ReadTimeoutError"),
        (GetError("no answer", cause=AWAY), "EndpointConnectionError"),
        (refused("ServiceUnavailable"), "ServiceUnavailable"),
        (refused("InternalServerError"), "InternalServerError"),
        (refused("ProvisionedThroughputExceededException"), "ProvisionedThroughputExceededException"),
        (refused("AccessDeniedException"), "AccessDeniedException"),
        (PutError("throttled", cause=refused("ThrottlingException")), "ThrottlingException"),
    ],
)
def test_what_concerns_every_message_is_an_outage(error: Exception, outage: str) -> None:
    assert outage_in(error) == outage


@pytest.mark.parametrize(
    "error",
    [
        refused("ValidationException"),
        PutError("too large", cause=refused("ValidationException")),
        refused("InvalidMessageContents"),
        refused("TransactionCanceledException"),
        PutError("no cause"),
        KeyError("groups"),
        RuntimeError("changed 4 times"),
    ],
)
def test_what_concerns_one_message_is_no_outage(error: Exception) -> None:
    assert outage_in(error) is None


def test_the_pause_grows_with_the_outage_up_to_a_limit() -> None:
    assert pause_after(0) == MIN_PAUSE
    assert pause_after(600) == 75.0
    assert pause_after(86_400) == MAX_PAUSE == MAX_DELAY


def test_a_message_is_sent_anew_hardly_more_often_in_a_day_than_sqs_makes_necessary() -> None:
    age, times = 0.0, 0
    while age < DAY:
        age, times = age + pause_after(age), times + 1
    assert times <= DAY / MAX_DELAY + 30  # these 30 are the first two hours, in which people wait for the end


@pytest.mark.parametrize(
    ("error", "metric"),
    [
        (GetError("no answer", cause=AWAY), "StoreOutages"),
        (PutError("throttled", cause=refused("ThrottlingException")), "StoreOutages"),
        (PutError("too large", cause=refused("ValidationException")), None),
        (ReadTimeoutError(endpoint_url="https://sqs.test"), "QueueOutages"),
        (refused("AccessDenied", "SendMessage"), "QueueOutages"),
        (refused("ThrottlingException", "GetParameters"), None),
        (KeyError("groups"), None),
    ],
)
def test_an_outage_is_counted_by_the_service_that_is_away(error: Exception, metric: str | None) -> None:
    assert metric_of(error) == metric


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (AWAY, True),
        (GetError("no answer", cause=AWAY), True),
        (PutError("throttled", cause=refused("ThrottlingException")), True),
        (refused("AccessDeniedException"), False),
        (GetError("no table", cause=refused("ResourceNotFoundException")), False),
        (refused("ValidationException"), False),
        (KeyError("groups"), False),
    ],
)
def test_an_outage_ends_by_itself_unless_an_operator_has_to_act(error: Exception, passes: bool) -> None:
    assert will_pass(error) is passes
