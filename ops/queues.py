"""SQS queues seen from outside: how much is in them, how old it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from botocore.exceptions import ClientError

from ops.stage import AwsClient, error_code

MISSING = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")
LOOK_BACK = timedelta(minutes=15)  # CloudWatch knows a queue's age with a few minutes' delay


@dataclass(frozen=True)
class Queue:
    """A queue. `waiting` can be received now, `delayed` later, `in_flight` is being worked on."""

    name: str
    url: str
    attributes: Mapping[str, str]

    def _number(self, what: str) -> int:
        return int(self.attributes.get(f"ApproximateNumberOfMessages{what}", 0))

    @property
    def waiting(self) -> int:
        """Messages that somebody could take now."""
        return self._number("")

    @property
    def delayed(self) -> int:
        """Messages whose time comes later."""
        return self._number("Delayed")

    @property
    def in_flight(self) -> int:
        """Messages that somebody has taken and not settled."""
        return self._number("NotVisible")

    @property
    def total(self) -> int:
        """All messages."""
        return self.waiting + self.delayed + self.in_flight

    def oldest(self, cloudwatch: AwsClient, now: float) -> float | None:
        """The age of the oldest message in seconds; None where CloudWatch does not know (yet)."""
        end = datetime.fromtimestamp(now, UTC)
        said = cloudwatch.get_metric_statistics(
            Namespace="AWS/SQS",
            MetricName="ApproximateAgeOfOldestMessage",
            Dimensions=[{"Name": "QueueName", "Value": self.name}],
            StartTime=end - LOOK_BACK,
            EndTime=end,
            Period=60,
            Statistics=["Maximum"],
        )
        points = sorted(said.get("Datapoints", []), key=lambda point: point["Timestamp"])
        return float(points[-1]["Maximum"]) if points else None


def look_at(sqs: AwsClient, name: str) -> Queue | None:
    """The queue as it is now; None where there is none of that name."""
    try:
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    except ClientError as error:
        if error_code(error) not in MISSING:
            raise
        return None
    return Queue(name, url, attributes)
