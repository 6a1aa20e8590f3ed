"""What is written down of a measurement."""

import re

from bench import report
from bench.figures import Figure, at_least, at_most
from bench.process import callback
from bench.svg import Bars
from local.simulated import World

SNOWFLAKE = re.compile(r"\d{17,20}")


def test_the_table_says_what_was_met_and_what_was_missed() -> None:
    figures = [at_most("requests", 3, 3), at_least("share", 0.5, 0.9, shown="{:.0%}"), Figure("size", "5 MB", note="n")]
    chart = Bars("requests-of-it", "Requests", ("ours",), (("idle", (3,)),))
    text = report.markdown(figures, [chart], "abc1234 on 2 cores")
    assert "| requests | 3 | ≤ 3 | met |" in text
    assert "| share | 50% | ≥ 90% | **missed** |" in text
    assert "| size | 5 MB | report | n |" in text
    assert "![Requests](pictures/requests-of-it.svg)" in text
    assert "abc1234 on 2 cores" in text


def test_the_calls_of_a_callback_are_named_by_their_routes_and_not_by_ids() -> None:
    note = next(figure.note for figure in callback() if "Discord calls" in figure.name)
    assert "PUT /guilds/{guild_id}/members/{user_id}" in note
    assert not SNOWFLAKE.search(note)


def test_discord_and_rolecall_name_the_route_of_every_request_without_ids() -> None:
    world = World({"DISCORD_SYNC_NAMES": "True"})
    world.link("1", "kira", groups=["Member", "Pilot"], nickname="Kira")
    world.site.groups("1", ["Member"])
    world.run(seconds=60)
    world.sweep()
    world.run(seconds=600)
    world.session.get("https://discord.test/api/v10/guilds/999999999999999999/nothing/888888888888888888", timeout=5)
    named = {one.route for one in world.guild.received()} | {one.route for one in world.counts.requests}
    assert {"GET member", "PATCH /guilds/{guild_id}/members/{user_id}"} & named
    assert {name for name in named if SNOWFLAKE.search(name)} == set()
