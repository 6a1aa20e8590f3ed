"""AWS: whether it lets you in, and whether DynamoDB and SQS answer, here and in the functions."""

from collections.abc import Iterator

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.outages import AWS_ERRORS
from chalicelib.store import rows
from ops import outages
from ops.aws_access import SIGN_IN, complaint_of
from ops.doctor.base import Finding, Registry, fault, warning
from ops.doctor.context import DoctorContext
from ops.errors import CommandError
from ops.queues import look_at
from ops.stage import error_code

checks = Registry("AWS")


@checks.check("aws", "AWS lets you in")
def aws_access(context: DoctorContext) -> Iterator[Finding]:
    try:
        context.stage.client("lambda")  # needs a region, which sts does without
        context.stage.client("sts").get_caller_identity()
    except AWS_ERRORS as error:
        complaint = complaint_of(error)
        yield fault(complaint.text, complaint.fix or SIGN_IN)
    except CommandError as error:
        yield fault(str(error), error.fix)


@checks.check("dynamodb", "DynamoDB answers, you and the functions", needs=("aws",))
def dynamodb(context: DoctorContext) -> Iterator[Finding]:
    client, refusal = context.stage.client("dynamodb"), ""
    table = f"rolecall-{context.stage.name}-{rows.TABLE_NAMES[rows.RateLimitRow]}"
    try:
        client.get_item(TableName=table, Key={"key": {"S": "doctor"}})
    except AWS_ERRORS as error:
        refusal = _outage_in(error)
    yield from _finding(context, "DynamoDB", refusal)


@checks.check("sqs", "SQS answers, you and the functions", needs=("aws",))
def sqs(context: DoctorContext) -> Iterator[Finding]:
    refusal = ""
    try:
        look_at(context.stage.client("sqs"), context.stage.queue("jobs"))
    except AWS_ERRORS as error:
        refusal = _outage_in(error)
    yield from _finding(context, "SQS", refusal)


def _outage_in(error: BotoCoreError | ClientError) -> str:
    """What the outage is; empty where a table or queue is missing, which is another check's. Raises what is neither."""
    complaint = complaint_of(error)
    if complaint.away:
        return complaint.text
    if isinstance(error, ClientError) and error_code(error) == "ResourceNotFoundException":
        return ""
    raise error


def _finding(context: DoctorContext, service: str, refusal: str) -> Iterator[Finding]:
    stage = context.stage
    met = outages.met_by_functions(stage.client("cloudwatch"), stage.name, service, stage.now())
    if outage := outages.of_aws(service, refusal, met):
        waits = outages.waits(None if service == "SQS" and refusal else context.waiting)
        level = fault if refusal else warning
        yield level(f"{outage.text(stage.now())}; {waits}", outage.fix(stage.now()))
