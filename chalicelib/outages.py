"""Tells an outage of AWS from a fault of ours: an outage says nothing about the message that met it."""

from botocore.exceptions import BotoCoreError, ClientError

AWS_ERRORS = (BotoCoreError, ClientError)
MIN_PAUSE = 30.0  # seconds until a message that met an outage is tried again
PAUSE_SHARE = 1 / 8  # of the time that an outage has lasted: so much longer, at most, a message waits after its end
MAX_PAUSE = 900.0  # seconds; SQS delays no message for longer
# Answers of DynamoDB and SQS that are about what the message asks for: trying it again cannot help.
ABOUT_THE_REQUEST = frozenset(
    {
        "BatchRequestTooLong",
        "InvalidMessageContents",
        "InvalidParameterValue",
        "ItemCollectionSizeLimitExceededException",
        "MalformedQueryString",
        "SerializationException",
        "ValidationException",
    }
)

# Answers that last until an operator acts: no permission, no such table or queue.
LASTING = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AWS.SimpleQueueService.NonExistentQueue",
        "QueueDoesNotExist",
        "ResourceNotFoundException",
        "UnrecognizedClientException",
    }
)

# The metric that counts meetings with an outage of each service: a record that needs neither of the two.
METRICS = {"DynamoDB": "StoreOutages", "SQS": "QueueOutages"}

# Another worker was faster. Those who write handle it where they write; what is left of it is a fault of ours.
_CONTENTION = frozenset(
    {"ConditionalCheckFailedException", "TransactionCanceledException", "TransactionConflictException"}
)


def outage_in(error: BaseException) -> str | None:
    """What is away, for the log: an error code of AWS or the name of a connection error. None if it is no outage.

    Throttling, refused access and missing tables count too: they concern the installation, not one message. The error
    may be botocore's, or one of PynamoDB, which keeps botocore's as its `cause`.
    """
    cause = getattr(error, "cause", None) or error
    if isinstance(cause, ClientError):
        code = str(cause.response.get("Error", {}).get("Code", "unknown"))
        return None if code in ABOUT_THE_REQUEST or code in _CONTENTION else code
    return type(cause).__name__ if isinstance(cause, BotoCoreError) else None


def will_pass(error: BaseException) -> bool:
    """Whether the error is an outage that ends by itself, so that it helps to try again later."""
    outage = outage_in(error)
    return outage is not None and outage not in LASTING


def metric_of(error: BaseException) -> str | None:
    """The metric that counts the outage that the error is; None if it is none, or not one of DynamoDB or SQS.

    PynamoDB keeps botocore's error as its cause. Whatever else the functions ask of AWS while they work is SQS's, and
    at their start the secrets of Parameter Store.
    """
    if outage_in(error) is None or getattr(error, "operation_name", "") == "GetParameters":
        return None
    return METRICS["DynamoDB" if getattr(error, "cause", None) else "SQS"]


def pause_after(age: float) -> float:
    """Seconds until a message of this age (seconds) is tried again: longer, the longer the outage lasts."""
    return min(MAX_PAUSE, max(MIN_PAUSE, age * PAUSE_SHARE))
