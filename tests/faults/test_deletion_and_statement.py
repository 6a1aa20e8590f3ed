"""A deletion and a newer statement, in whichever order SQS delivers them: the table in "The life of a link"."""

import pytest

from chalicelib.queues import message_of
from local.simulated import STAGE, World

KEPT: set[str] = {"Member"}
ENDED = None  # the link, and with it their place in the server


@pytest.mark.parametrize(
    ("grace_days", "dated", "first", "roles"),
    [
        (3, True, "update_groups", KEPT),
        (3, True, "delete_user", KEPT),
        (3, False, "update_groups", KEPT),
        (3, False, "delete_user", KEPT),
        (0, True, "update_groups", KEPT),
        (0, True, "delete_user", ENDED),
        (0, False, "update_groups", ENDED),
        (0, False, "delete_user", ENDED),
    ],
)
def test_a_newer_statement_cancels_a_deletion_as_the_page_says(
    grace_days: int, dated: bool, first: str, roles: set[str] | None
) -> None:
    world = World({"DISCORD_EXPIRE_GRACE_DAYS": str(grace_days)})
    world.link("101", "kira", groups=["Member"])
    world.run()
    when = {"changed_at": world.site.stamp()} if dated else {}
    world.site.delete("101", notify=False, **when)
    world.clock.advance(1)
    world.site.groups("101", ["Member"])
    records = sorted(world.sqs.receive(f"rolecall-{STAGE}-jobs"), key=lambda record: first not in record["body"])
    assert len(records) == 2
    for record in records:
        world.container().delivery.batch([message_of(record)], bulk=False, seconds_left=lambda: 60.0)
        world.sqs.delete_all([record])
    world.run(seconds=600)
    assert world.roles("kira") == roles
