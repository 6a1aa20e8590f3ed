"""Alarms: whether they exist and ring, and whether anybody receives them; and the dashboard."""

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from ops.doctor.base import Finding, Registry, note, warning
from ops.doctor.context import DoctorContext
from ops.stage import FUNCTIONS, error_code

checks = Registry("Alarms")
ABSENT = ("NotFound", "NotFoundException")
WATCHED = "prod"  # has alarms by itself; other stages only where they were asked for
ALARMS = (
    "dead-letters",
    "calls-stopped",
    "changes-late",
    "jobs-not-taken",
    "sweep-held",
    "sweep-failed",
    "sweeps-missing",
)
"""Of .chalice/watch-stack.yaml, without the stage."""
CONFIRMED = "arn:"  # what a subscription has in the place of its ARN before is a word


@checks.check("alarms", "Who hears the alarms", needs=("functions",))
def alarms(context: DoctorContext) -> Iterator[Finding]:
    topic = _topic(context)
    fix = f"{context.deploy} EMAIL=you@example.org, and confirm the mail that AWS sends there"
    try:
        subscribed = _subscriptions(context)
    except ClientError as error:
        yield note(f"AWS does not let you see whether anybody receives the alarms: {error_code(error)}")
        return
    if subscribed is None and context.stage.name != WATCHED:
        yield note(f"{context.stage.name} has no alarms; if it should have some: {fix}")
    elif subscribed is None:
        yield warning(f"there are no alarms: the stack rolecall-{context.stage.name}-watch is missing", fix)
    elif not subscribed:
        yield warning("nobody receives the alarms: no address is subscribed to them", fix)
    elif not any(arn.startswith(CONFIRMED) for arn in subscribed.values()):
        yield warning(
            f"nobody receives the alarms: {', '.join(subscribed)} has not confirmed that it wants them",
            f"follow the link in the mail that AWS sent there; SNS console → Topics → {topic} → Request confirmation "
            "sends it again",
        )


@checks.check("alarm-actions", "Alarms ring", needs=("functions",))
def alarm_actions(context: DoctorContext) -> Iterator[Finding]:
    """What a person may do to an alarm in the console: delete it, switch its actions off, take them away."""
    names = [f"rolecall-{context.stage.name}-{short}" for short in ALARMS]
    cloudwatch = context.stage.client("cloudwatch")
    try:
        said = cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"]
        wanted = bool(said) or _subscriptions(context) is not None
        board = _has_dashboard(context) or not wanted
    except ClientError as error:
        yield note(f"AWS does not let you see the alarms: {error_code(error)}")
        return
    by_name = {one["AlarmName"]: one for one in said}
    for name in names if wanted else ():
        if finding := _why_silent(context, name, by_name.get(name)):
            yield finding
    if not board:
        yield warning(f"the dashboard rolecall-{context.stage.name} is gone", context.revert)


def _why_silent(context: DoctorContext, name: str, alarm: Mapping[str, Any] | None) -> Finding | None:
    """What is wrong with the alarm; None where it rings."""
    if alarm is None:
        return warning(f"the alarm {name} is gone", context.revert)
    if not alarm.get("ActionsEnabled", True):
        return warning(
            f"the alarm {name} tells nobody: its actions are switched off",
            f"CloudWatch console → Alarms → {name} → Actions → Enable; or "
            f"aws cloudwatch enable-alarm-actions --alarm-names {name}",
        )
    topic = _topic(context)
    if not any(arn.endswith(f":{topic}") for arn in alarm.get("AlarmActions", [])):
        return warning(
            f"the alarm {name} tells nobody who is subscribed to {topic}",
            f"{context.revert}; or CloudWatch console → Alarms → {name} → Edit → Notification → {topic}",
        )
    return None


def _has_dashboard(context: DoctorContext) -> bool:
    cloudwatch = context.stage.client("cloudwatch")
    try:
        cloudwatch.get_dashboard(DashboardName=f"rolecall-{context.stage.name}")
    except cloudwatch.exceptions.ClientError as error:
        if error_code(error) not in (*ABSENT, "ResourceNotFound", "DashboardNotFoundError"):
            raise
        return False
    return True


def _topic(context: DoctorContext) -> str:
    return f"rolecall-{context.stage.name}-alarms"


def _subscriptions(context: DoctorContext) -> dict[str, str] | None:
    """Return who is subscribed to the alarms, by protocol; None if there is no topic for them."""
    function = next(one for one in map(context.stage.function, FUNCTIONS) if one)
    _, partition, _, region, account, *_ = function.arn.split(":")
    client = context.stage.client("sns")
    try:
        found = client.list_subscriptions_by_topic(TopicArn=f"arn:{partition}:sns:{region}:{account}:{_topic(context)}")
    except ClientError as error:
        if error_code(error) not in ABSENT:
            raise
        return None
    return {one["Endpoint"]: one["SubscriptionArn"] for one in found["Subscriptions"]}
