"""Alarms: whether they exist, and whether anybody receives them."""

from collections.abc import Iterator

from botocore.exceptions import ClientError

from ops.doctor.base import Finding, Registry, note, warning
from ops.doctor.context import DoctorContext
from ops.stage import FUNCTIONS, error_code

checks = Registry("Alarms")
ABSENT = ("NotFound", "NotFoundException")
WATCHED = "prod"  # has alarms by itself; other stages only where they were asked for
CONFIRMED = "arn:"  # what a subscription has in the place of its ARN before is a word


@checks.check("alarms", "Who hears the alarms", needs=("functions",))
def alarms(context: DoctorContext) -> Iterator[Finding]:
    topic = f"rolecall-{context.stage.name}-alarms"
    fix = f"{context.deploy} EMAIL=you@example.org, and confirm the mail that AWS sends there"
    try:
        subscribed = _subscriptions(context, topic)
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


def _subscriptions(context: DoctorContext, topic: str) -> dict[str, str] | None:
    """Return who is subscribed to the alarms, by protocol; None if there is no topic for them."""
    function = next(one for one in map(context.stage.function, FUNCTIONS) if one)
    _, partition, _, region, account, *_ = function.arn.split(":")
    client = context.stage.client("sns")
    try:
        found = client.list_subscriptions_by_topic(TopicArn=f"arn:{partition}:sns:{region}:{account}:{topic}")
    except ClientError as error:
        if error_code(error) not in ABSENT:
            raise
        return None
    return {one["Endpoint"]: one["SubscriptionArn"] for one in found["Subscriptions"]}
