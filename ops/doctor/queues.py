"""The queues and what is waiting in them."""

import json
from collections.abc import Iterator

from ops.doctor.base import Finding, Registry, fault, warning
from ops.doctor.context import DoctorContext
from ops.formatting import count, span
from ops.queues import Queue, look_at

checks = Registry("Queues")
QUEUES = ("jobs", "bulk", "dead-letters", "notices")
READ_BY = {"jobs": "sync_jobs", "bulk": "sync_bulk"}
TIMES_TIMEOUT = 6  # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
MAX_KEPT = 14 * 86_400  # seconds; the most that SQS keeps a message
OLD_JOB = 15 * 60  # seconds that a single change may wait
OLD_NOTICE = 24 * 3600  # seconds


def _found(context: DoctorContext) -> dict[str, Queue]:
    sqs = context.stage.client("sqs")
    found = {short: look_at(sqs, context.stage.queue(short)) for short in QUEUES}
    return {short: queue for short, queue in found.items() if queue}


@checks.check("queues", "Every queue is there", needs=("aws", "sqs"))
def queues(context: DoctorContext) -> Iterator[Finding]:
    found = _found(context)
    for short in QUEUES:
        if short not in found:
            yield fault(f"the queue {context.stage.queue(short)} is missing", f"{context.revert} (it creates it)")


@checks.check("redrive", "Messages that fail again and again", needs=("queues",))
def redrive(context: DoctorContext) -> Iterator[Finding]:
    for short, queue in _found(context).items():
        if short in READ_BY:
            policy = json.loads(queue.attributes.get("RedrivePolicy", "{}"))
            if not policy.get("deadLetterTargetArn", "").endswith(f":{context.stage.queue('dead-letters')}"):
                yield fault(f"{queue.name} has no dead-letter queue for what fails", context.revert)
        kept = int(queue.attributes.get("MessageRetentionPeriod", MAX_KEPT))
        if kept < MAX_KEPT:
            yield warning(f"{queue.name} forgets messages after {span(kept)}, not 14 days", context.revert)


@checks.check("visibility", "Nobody gets a message while another works on it", needs=("queues", "functions"))
def visibility(context: DoctorContext) -> Iterator[Finding]:
    for short, queue in _found(context).items():
        function = context.stage.function(READ_BY[short]) if short in READ_BY else None
        if function is None:
            continue
        seconds, wanted = int(queue.attributes["VisibilityTimeout"]), TIMES_TIMEOUT * function.timeout
        if seconds < wanted:
            yield fault(
                f"{queue.name} delivers a message again after {seconds} s; {function.name} may take "
                f"{function.timeout} s, so it should be {wanted} s",
                f"{context.revert} VISIBILITY_TIMEOUT={wanted}",
            )


@checks.check("waiting", "How long messages wait", needs=("queues",))
def waiting(context: DoctorContext) -> Iterator[Finding]:
    found = _found(context)
    for short, longest in (("jobs", OLD_JOB), ("notices", OLD_NOTICE)):
        if short not in found or not found[short].waiting:
            continue
        age = found[short].oldest(context.stage.client("cloudwatch"), context.stage.now())
        if age is None or age <= longest:
            continue
        fix = f"{context.command('status')} shows what holds it up"
        if short == "notices":
            fix = "the auth site does not read its notices: is its task running, and may it read the queue?"
        yield warning(f"the oldest message in {found[short].name} has waited for {span(age)}", fix)


@checks.check("dead-letters", "Dead letters", needs=("queues",))
def dead_letters(context: DoctorContext) -> Iterator[Finding]:
    letters = _found(context).get("dead-letters")
    if letters and letters.total:
        yield warning(
            f"{count(letters.total, 'message')} could not be processed"
            if letters.total == 1
            else f"{count(letters.total, 'message')} could not be done and were set aside",
            f"{context.command('dead-letters list')}, then redrive or discard them",
        )
