"""What AWS asks for, and what that makes of counted calls. Pure.

Copied by hand from AWS's price pages, without taxes; a bill decides, not this list. Where one row has the same price in
both regions, AWS asks the same. Sources: https://aws.amazon.com/lambda/pricing/, /sqs/pricing/,
/dynamodb/pricing/on-demand/, /api-gateway/pricing/, /cloudwatch/pricing/.
"""

from dataclasses import dataclass

AS_OF = "November 2026"
MILLION = 1_000_000
SECONDS_A_MONTH = 30 * 24 * 3600
LONG_POLL = 20  # seconds that one poll of an idle queue takes
POLLERS = {True: 5, False: 2}
"""Pollers on an idle queue, by whether its concurrency is limited: Lambda "can optimize to as few as 2 … not available
when you enable the maximum concurrency setting", https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html"""
LIMITED = {"True": (True, True), "jobs": (True, False), "False": (False, False)}
"""Whether a stage's two queues are limited, by the setting LIMIT_CONCURRENCY."""


@dataclass(frozen=True)
class Prices:
    """Dollars; each for one of its unit."""

    lambda_call: float
    lambda_gb_second: float  # arm64
    sqs_request: float
    dynamodb_write: float  # on demand, up to 1 KB
    dynamodb_read: float  # on demand, consistent, up to 4 KB
    dynamodb_gb: float  # storage with point-in-time recovery, a month
    api_request: float  # a REST API's
    alarm: float
    log_gb: float


REGIONS = {
    "us-east-1": Prices(
        lambda_call=0.20 / MILLION,
        lambda_gb_second=0.0000133334,
        sqs_request=0.40 / MILLION,
        dynamodb_write=0.625 / MILLION,
        dynamodb_read=0.125 / MILLION,
        dynamodb_gb=0.25 + 0.20,
        api_request=3.50 / MILLION,
        alarm=0.10,
        log_gb=0.50,
    ),
    "eu-central-1": Prices(
        lambda_call=0.20 / MILLION,
        lambda_gb_second=0.0000133334,
        sqs_request=0.40 / MILLION,
        dynamodb_write=0.7625 / MILLION,
        dynamodb_read=0.1525 / MILLION,
        dynamodb_gb=0.306 + 0.245,
        api_request=3.70 / MILLION,
        alarm=0.10,
        log_gb=0.63,
    ),
}


@dataclass(frozen=True)
class Usage:
    """What an account uses in a month. Numbers of calls, GB-seconds, GB."""

    lambda_calls: float = 0
    lambda_gb_seconds: float = 0
    sqs_requests: float = 0
    dynamodb_writes: float = 0
    dynamodb_reads: float = 0
    dynamodb_gb: float = 0
    api_requests: float = 0
    alarms: float = 0
    log_gb: float = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(**{name: getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__})


FREE = Usage(  # every month, for ever: https://aws.amazon.com/free/
    lambda_calls=MILLION, lambda_gb_seconds=400_000, sqs_requests=MILLION, dynamodb_gb=25, alarms=10, log_gb=5
)


def idle(stages: int, *, limited: str, watched: int = 1) -> Usage:
    """What stages use by standing there: polls of empty queues, and the alarms of `watched` of them.

    `limited` is what LIMIT_CONCURRENCY says.
    """
    polls = sum(POLLERS[one] for one in LIMITED[limited]) * SECONDS_A_MONTH / LONG_POLL
    return Usage(sqs_requests=stages * polls, alarms=7 * watched)


def bill(usage: Usage, prices: Prices, free: Usage = FREE) -> dict[str, float]:
    """Dollars a month, by service, for what `usage` has beyond `free`."""
    used = {name: max(0.0, getattr(usage, name) - getattr(free, name)) for name in usage.__dataclass_fields__}
    return {
        "Lambda": used["lambda_calls"] * prices.lambda_call + used["lambda_gb_seconds"] * prices.lambda_gb_second,
        "SQS": used["sqs_requests"] * prices.sqs_request,
        "DynamoDB": used["dynamodb_writes"] * prices.dynamodb_write
        + used["dynamodb_reads"] * prices.dynamodb_read
        + used["dynamodb_gb"] * prices.dynamodb_gb,
        "API Gateway": used["api_requests"] * prices.api_request,
        "CloudWatch": used["alarms"] * prices.alarm + used["log_gb"] * prices.log_gb,
    }
