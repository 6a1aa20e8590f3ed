"""What an auth site needs in order to be examined: a Rolecall to talk to, and two queues of a local AWS."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3

from chalicelib.clock import SystemClock
from local.aws.process import port_to_use
from local.aws.server import CREDENTIALS, REGION, Server
from local.conformance.driver import Driver
from local.conformance.examination import Examination
from local.conformance.queues import QueueClient
from local.conformance.rolecall import FakeRolecall, serving

VISIBILITY_TIMEOUT = "5"  # seconds until a notice that was received, but not deleted, comes again


@dataclass(frozen=True)
class Environment:
    """Rolecall's end, running."""

    rolecall: FakeRolecall
    queues: QueueClient
    settings: dict[str, str] = field(repr=False)
    """What the auth site must be set to, as environment variables."""

    def examination(self, driver: Driver, *, patience: float) -> Examination:
        """An examination of the auth site behind this driver."""
        return Examination(driver, self.rolecall, self.queues, SystemClock(), patience=patience)


@contextmanager
def environment(secret: str, *, rolecall_port: int | None = None, aws_port: int | None = None) -> Iterator[Environment]:
    """Run it until the block ends. Raises CannotStart."""
    clock = SystemClock()
    rolecall = FakeRolecall(secret=secret, now=clock.now)
    server = Server(port=aws_port)
    try:
        sqs, urls = _sqs(server)
        queues = QueueClient(sqs, jobs_queue_url=urls["jobs"], notices_queue_url=urls["notices"])
        with serving(rolecall, port_to_use(rolecall_port)) as url:
            settings = {
                "ROLECALL_URL": url,
                "AUTH_SITE_SECRET": secret,
                "JOBS_QUEUE_URL": urls["jobs"],
                "NOTICES_QUEUE_URL": urls["notices"],
                "AWS_ENDPOINT_URL": server.endpoint_url,
                **CREDENTIALS,
            }
            yield Environment(rolecall, queues, settings)
    finally:
        server.stop()


def _sqs(server: Server) -> tuple[Any, dict[str, str]]:
    """A client, and the URLs of the two queues."""
    sqs = boto3.client(
        "sqs",
        endpoint_url=server.endpoint_url,
        region_name=REGION,
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
    )
    attributes = {"VisibilityTimeout": VISIBILITY_TIMEOUT}
    names = ("jobs", "notices")
    made = [sqs.create_queue(QueueName=f"rolecall-conformance-{name}", Attributes=attributes) for name in names]
    return sqs, {name: queue["QueueUrl"] for name, queue in zip(names, made, strict=True)}
