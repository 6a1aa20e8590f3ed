"""SQS queues seen from outside: how many messages, and how old."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from botocore.exceptions import ClientError

from ops.stage import AwsClient, error_code

WORK = ("jobs", "bulk")  # the queues whose messages wait for work, or for an outage to end
MISSING = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")
LOOK_BACK = timedelta(minutes=15)  # CloudWatch knows a queue's age with a few minutes' delay


@dataclass(frozen=True)
class Queue:
    """A queue: messages to be received now (`waiting`), later (`delayed`), or being processed (`in_flight`)."""

    name: str
    url: str
    attributes: Mapping[str, str]

    def _number(self, what: str) -> int:
        return int(self.attributes.get(f"ApproximateNumberOfMessages{what}", 0))

    @property
    def waiting(self) -> int:
        """Messages that can be received now."""
        return self._number("")

    @property
    def delayed(self) -> int:
        """Messages whose delay has not ended."""
        return self._number("Delayed")

    @property
    def in_flight(self) -> int:
        """Messages that were received and not deleted yet."""
        return self._number("NotVisible")

    @property
    def total(self) -> int:
        """The number of all messages."""
        return self.waiting + self.delayed + self.in_flight

    def oldest(self, cloudwatch: AwsClient, now: float) -> float | None:
        """Return the age of the oldest message in seconds; None if CloudWatch does not know it (yet)."""
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
    """Return the queue as it is now; None if it does not exist."""
    try:
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    except ClientError as error:
        if error_code(error) not in MISSING:
            raise
        return None
    return Queue(name, url, attributes)
