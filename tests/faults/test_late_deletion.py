"""A deletion that became a dead letter and is redriven days later must not remove a link made meanwhile."""

from local.simulated import STAGE, World
from tests.members.support import fault, linked


def test_a_redriven_deletion_spares_a_newer_link() -> None:
    world = World({"DISCORD_TASKS_MAX_RETRIES": "1"})
    world.link("1", "anna", groups=["Member"])
    world.clock.advance(60)
    world.guild.inject(fault(method="DELETE", path="/members/", times=2))
    world.site.delete("1")
    world.run()
    assert list(world.dead_letters())
    world.clock.advance(3 * 86_400)
    world.site.groups("1", ["Member"])
    world.run()
    world.link("1", "anna", groups=["Member"])
    world.clock.advance(3600)
    for record in world.sqs.receive(f"rolecall-{STAGE}-dead-letters"):
        since = record["messageAttributes"].get("since")  # what `ops dead-letters redrive` may send along
        kept = {"since": {"DataType": "String", "StringValue": since["stringValue"]}} if since else {}
        url = world.queue_url("jobs")
        world.sqs.send_message(QueueUrl=url, MessageBody=record["body"], MessageAttributes=kept)
    world.run()
    assert linked(world, "1")
    assert world.roles("anna") == {"Member"}
