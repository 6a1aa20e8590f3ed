"""Charts, drawn: what stands where."""

import re
from xml.etree import ElementTree

import pytest

from bench.page import page
from bench.svg import WIDTH, Bars, Curves, draw, number

SVG = "{http://www.w3.org/2000/svg}"
BARS = Bars("auth", "Requests <all>", ("ours", "theirs"), (("idle", (3, 600)), ("drifted", (203, 1200))))
CURVES = Curves(
    "sizes", "By size", "members", "seconds",
    (("quiet", ((1000, 2.0), (10_000, 20.0), (100_000, 200.0))), ("busy", ((1000, 2.1), (100_000, 205.0)))),
)  # fmt: skip


def elements(svg: str, kind: str, style: str = "") -> list[ElementTree.Element]:
    found = ElementTree.fromstring(svg).iter(SVG + kind)  # noqa: S314 - our own text
    return [one for one in found if style in one.get("class", "").split() or not style]


def texts(svg: str) -> dict[str, ElementTree.Element]:
    return {one.text or "": one for one in elements(svg, "text")}


def test_bars_are_as_long_as_their_values_and_each_value_is_written() -> None:
    svg = draw(BARS)
    ours, theirs = elements(svg, "rect", "s0")[1:], elements(svg, "rect", "s1")[1:]  # the first is the legend's
    lengths = [float(one.get("width", 0)) for one in (*ours, *theirs)]
    assert lengths[3] / lengths[2] == pytest.approx(2, rel=0.01)
    assert lengths[1] / lengths[3] == pytest.approx(203 / 1200, rel=0.01)
    assert {"3", "203", "600", "1,200", "idle", "drifted", "ours", "theirs"} <= set(texts(svg))


def test_what_is_written_stays_inside_and_is_escaped() -> None:
    for svg in (draw(BARS), draw(CURVES)):
        assert all(0 <= float(one.get("x", -1)) <= WIDTH - 40 for one in elements(svg, "text"))
        assert "<all>" not in svg


def test_a_tenfold_value_is_a_decade_further_up_and_along() -> None:
    svg = draw(CURVES)
    first, second, third = elements(svg, "circle", "s0")
    steps = [float(second.get(axis, 0)) - float(first.get(axis, 0)) for axis in ("cx", "cy")]
    assert [float(third.get(axis, 0)) - float(second.get(axis, 0)) for axis in ("cx", "cy")] == pytest.approx(
        steps, abs=0.11
    )
    assert steps[0] > 0 > steps[1]
    written = {one.text or "": one for one in elements(svg, "text") if one.get("text-anchor") == "middle"}
    for tick in ("1,000", "10,000", "100,000"):
        assert float(written[tick].get("y", 0)) > float(first.get("cy", 0)), "below all points"
    assert float(written["10,000"].get("x", 0)) == pytest.approx(float(second.get("cx", 0)), abs=0.11)


def test_names_of_curves_that_end_at_one_place_do_not_cover_each_other() -> None:
    written = texts(draw(CURVES))
    assert abs(float(written["quiet"].get("y", 0)) - float(written["busy"].get("y", 0))) >= 18


@pytest.mark.parametrize(
    "chart",
    [
        Bars("b", "Below zero", ("one",), (("a", (-1,)),)),
        Bars("b", "A name too long", ("one",), (("a" * 60, (1,)),)),
        Bars("b", "A value too few", ("one", "two"), (("a", (1,)),)),
        Bars("b", "A note too long", ("one",), (("a", (1,)),), note="a" * 76),
        Curves("c", "No logarithm", "x", "y", (("a", ((0, 1),)),)),
        Curves("c", "Nothing", "x", "y", ()),
    ],
    ids=lambda chart: chart.title,
)
def test_what_cannot_be_drawn_is_refused(chart: Bars | Curves) -> None:
    with pytest.raises(ValueError, match=r"zero|series|curves|letters"):
        draw(chart)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1_000_000, "1,000,000"), (0.01, "0.01"), (0.00001, "0.00001"), (2.345, "2.35"), (757.4, "757")],
)
def test_numbers_are_written_as_people_write_them(value: float, shown: str) -> None:
    assert number(value) == shown


def test_light_and_dark_have_every_colour() -> None:
    light, dark = draw(BARS).split("prefers-color-scheme:dark")
    assert (
        set(re.findall(r"--\w+(?=:#)", light)) == set(re.findall(r"--\w+(?=:#)", dark)) >= {"--page", "--ink", "--s3"}
    )


def test_the_page_holds_every_chart_and_its_values_as_a_table() -> None:
    html = page([BARS, CURVES], "Measured on <this> machine")
    assert html.count("<svg") == html.count("<table>") == 2
    assert "<td>10,000</td><td>20</td><td></td>" in html, "a curve without that point has an empty cell"
    assert "<td>drifted</td><td>203</td><td>1,200</td>" in html
    assert "&lt;this&gt;" in html
