"""What is written down of a measurement."""

import re
from pathlib import Path

from bench import report
from bench.figures import Figure, Result, at_least, at_most
from bench.process import callback
from bench.report import Part, Report
from bench.svg import Bars, Curves, draw
from local.simulated import World

SNOWFLAKE = re.compile(r"\d{17,20}")


FIGURES = [
    at_most("requests", 3, 3),
    at_least("share", 0.5, 0.9, shown="{:.0%}"),
    Figure("size", "5 MB", note="n"),
]
BARS = Bars("requests-of-it", "Requests", ("ours",), (("idle", (3,)),))
CURVES = Curves("by-size", "By size", "members", "seconds", (("quiet", ((1000, 2.0), (10_000, 20.0))),))
ORDER = ("first", "second", "third")


def part(name: str, *results: Result, measured: str = "abc1234 on 2 cores") -> Part:
    return Part(name, measured, results)


def test_the_table_says_what_was_met_and_what_was_missed() -> None:
    text = report.markdown([part("sweeps", *FIGURES, BARS)])
    assert "| requests | 3 | ≤ 3 | met |" in text
    assert "| share | 50% | ≥ 90% | **missed** |" in text
    assert "| size | 5 MB | report | n |" in text
    assert "## Sweeps\n\n![Requests](pictures/requests-of-it.svg)" in text
    assert "Measured at abc1234 on 2 cores." in text


def test_one_measure_is_kept_in_place_of_what_it_was_and_beside_all_others(tmp_path: Path) -> None:
    kept = Report(tmp_path)
    kept.keep(part("second", *FIGURES, BARS), ORDER)
    kept.keep(part("first", CURVES), ORDER)
    kept.keep(part("second", at_most("requests", 2, 3), BARS, measured="def5678 on 2 cores"), ORDER)
    parts = Report(tmp_path).parts()
    assert list(parts) == ["first", "second"]
    assert parts["first"] == Part("first", "abc1234 on 2 cores", [CURVES])
    assert parts["second"].results == [at_most("requests", 2, 3), BARS]
    text = (tmp_path / "RESULTS.md").read_text()
    assert text.index("Measured at abc1234") < text.index("Measured at def5678") < text.index("| requests | 2 |")
    assert "share" not in text
    assert {one.name for one in (tmp_path / "pictures").iterdir()} == {"requests-of-it.svg", "by-size.svg"}
    assert (tmp_path / "figures.html").read_text().count("<figure") == 2


def test_what_is_kept_of_the_last_benchmark_is_what_its_files_show() -> None:
    found = Report().parts()
    assert found, "run `make bench`"
    text = (report.HERE / "RESULTS.md").read_text()
    assert report.markdown(list(found.values())) == text
    assert not SNOWFLAKE.search(text), "ids of members name no route"
    for chart in (chart for one in found.values() for chart in one.charts):
        assert (report.HERE / "pictures" / f"{chart.name}.svg").read_text() == draw(chart) + "\n"


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
