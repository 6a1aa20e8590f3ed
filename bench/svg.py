"""Charts as SVG, for a page and for the documentation. Pure: the same values draw the same text.

An SVG stands alone: it carries its colours, for light and for dark, and a background of its own, since a page with
it as a picture may have another scheme than the reader's system. The values are written beside bars; `rows` has them
all, as a table.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from html import escape
from itertools import pairwise
from math import ceil, floor, log10

# Lengths are in SVG's user units: pixels where nothing is scaled.
WIDTH = 600  # of every chart: a phone shows a whole one, and its text can be read
LETTER = 7.5  # that a letter takes at most, on average
LABEL = 320  # that a bar's name may take, left of it
VALUE = 90  # that a bar's value may take, right of it
BAR, BETWEEN = 18, 6  # height of a bar; space below it
PLOT_HEIGHT = 300  # of the area that curves are drawn in
LEFT, RIGHT = 80, 170  # beside that area: numbers; names of the curves
LINE = 18  # from one line of text to the next
EDGE = 16  # around everything
SERIES = 4  # colours that there are

STYLE = """
.chart{--page:#ffffff;--ink:#1f2328;--soft:#59636e;--grid:#d1d9e0;--s0:#0f5fc2;--s1:#d9730d;--s2:#2a9d74;--s3:#8b4fc9;
font:13px system-ui,-apple-system,"Segoe UI",sans-serif}
@media(prefers-color-scheme:dark){.chart{--page:#14181d;--ink:#e9edf1;--soft:#9aa5b1;--grid:#343c45;--s0:#5aa2f5;
--s1:#f7a14a;--s2:#52d0a2;--s3:#c29bf2}}
.chart .page{fill:var(--page)}.chart text{fill:var(--ink)}.chart .soft{fill:var(--soft)}
.chart .title{font-size:15px;font-weight:600}.chart .grid{stroke:var(--grid);stroke-width:1}
.chart .s0{fill:var(--s0)}.chart .s1{fill:var(--s1)}.chart .s2{fill:var(--s2)}.chart .s3{fill:var(--s3)}
.chart polyline{fill:none!important;stroke-width:2}.chart .l0{stroke:var(--s0)}.chart .l1{stroke:var(--s1)}
.chart .l2{stroke:var(--s2)}.chart .l3{stroke:var(--s3)}.chart circle{stroke:var(--page);stroke-width:1.5}
""".replace("\n", "")


@dataclass(frozen=True, slots=True)
class Bars:
    """Groups of horizontal bars from zero, on one scale: in each group a bar for each of `series`.

    `groups` are names with as many values as there are series, none below zero.
    """

    name: str  # of the file, and of the anchor on the page
    title: str
    series: tuple[str, ...]
    groups: tuple[tuple[str, tuple[float, ...]], ...]
    note: str = ""

    def rows(self) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
        """The same as a table: its head, its rows."""
        return ("", *self.series), [(name, *map(number, values)) for name, values in self.groups]


@dataclass(frozen=True, slots=True)
class Curves:
    """Curves over logarithmic axes: each a name and its points, `(x, y)` in ascending x, all above zero."""

    name: str
    title: str
    across: str  # what x is, with its unit
    up: str  # what y is, with its unit
    curves: tuple[tuple[str, tuple[tuple[float, float], ...]], ...]
    note: str = ""

    def rows(self) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
        """The same as a table: its head, its rows; empty where a curve has no such point."""
        known = [dict(points) for _, points in self.curves]
        every = sorted({x for points in known for x in points})
        body = [(number(x), *(number(points[x]) if x in points else "" for points in known)) for x in every]
        return (self.across, *(name for name, _ in self.curves)), body


Chart = Bars | Curves


def draw(chart: Chart) -> str:
    """The chart as an SVG element. Raises ValueError where its values cannot be drawn."""
    return _bars(chart) if isinstance(chart, Bars) else _curves(chart)


def number(value: float) -> str:
    """A number as people write it: thousands with a comma, three digits that count, no exponent."""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{Decimal(f'{value:.3g}'):f}"


# --- bars ---


def _bars(chart: Bars) -> str:
    if not 0 < len(chart.series) <= SERIES or any(len(values) != len(chart.series) for _, values in chart.groups):
        raise ValueError(f"a value for each series, and 1 to {SERIES} series")
    if any(value < 0 for _, values in chart.groups for value in values):
        raise ValueError("bars begin at zero: no value may be below it")
    most = max((value for _, values in chart.groups for value in values), default=0.0) or 1.0
    left = EDGE + max((LETTER * len(name) for name, _ in chart.groups), default=0.0) + 10
    if left > LABEL:
        raise ValueError(f"names of groups may have {LABEL / LETTER:.0f} letters")
    scale = (WIDTH - left - EDGE - VALUE) / most
    top = _below_head(chart.note)
    drawn: list[str] = []
    if len(chart.series) > 1:
        drawn += _legend(chart.series, top)
        top += LINE + BETWEEN
    for name, values in chart.groups:
        drawn += _group(name, values, top, left, scale)
        top += len(values) * (BAR + BETWEEN) + 2 * BETWEEN
    return _svg(chart, top + EDGE, drawn)


def _group(name: str, values: Sequence[float], top: float, left: float, scale: float) -> list[str]:
    middle = top + len(values) * (BAR + BETWEEN) / 2 - BETWEEN / 2
    drawn = [_text(left - 10, middle + 4, name, anchor="end")]
    for place, value in enumerate(values):
        y, length = top + place * (BAR + BETWEEN), max(1.0, value * scale)
        drawn.append(f'<rect class="s{place}" x="{left:.1f}" y="{y:.1f}" width="{length:.1f}" height="{BAR}" rx="2"/>')
        drawn.append(_text(left + length + 8, y + BAR - 5, number(value)))
    return drawn


def _legend(series: Sequence[str], top: float) -> list[str]:
    drawn, left = [], float(EDGE)
    for place, name in enumerate(series):
        drawn.append(f'<rect class="s{place}" x="{left:.1f}" y="{top - 11:.1f}" width="12" height="12" rx="2"/>')
        drawn.append(_text(left + 18, top, name))
        left += 18 + LETTER * len(name) + 24
    return drawn


# --- curves ---


def _curves(chart: Curves) -> str:
    points = [point for _, found in chart.curves for point in found]
    if not points or len(chart.curves) > SERIES or min(min(point) for point in points) <= 0:
        raise ValueError(f"1 to {SERIES} curves, with points above zero: the axes are logarithmic")
    top = _below_head(chart.note) + LINE
    xs, ys = _decades([x for x, _ in points]), _decades([y for _, y in points])
    x_of = _along(xs, LEFT, WIDTH - RIGHT)
    y_of = _along(ys, top + PLOT_HEIGHT, top)
    drawn = [_text(EDGE, top - 12, chart.up, style="soft")]
    for x in xs:
        drawn.append(_grid(x_of(x), top, x_of(x), top + PLOT_HEIGHT))
        drawn.append(_text(x_of(x), top + PLOT_HEIGHT + LINE, number(x), anchor="middle", style="soft"))
    for y in ys:
        drawn.append(_grid(LEFT, y_of(y), WIDTH - RIGHT, y_of(y)))
        drawn.append(_text(LEFT - 8, y_of(y) + 4, number(y), anchor="end", style="soft"))
    bottom = top + PLOT_HEIGHT + 2 * LINE
    drawn.append(_text((LEFT + WIDTH - RIGHT) / 2, bottom, chart.across, anchor="middle", style="soft"))
    ends = _apart([y_of(found[-1][1]) for _, found in chart.curves], top + PLOT_HEIGHT)
    for place, ((name, found), end) in enumerate(zip(chart.curves, ends, strict=True)):
        drawn += _curve(place, name, [(x_of(x), y_of(y)) for x, y in found], end)
    return _svg(chart, bottom + EDGE, drawn)


def _curve(place: int, name: str, points: Sequence[tuple[float, float]], label: float) -> list[str]:
    way = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = [f'<circle class="s{place}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>' for x, y in points]
    square = f'<rect class="s{place}" x="{WIDTH - RIGHT + 14}" y="{label - 6:.1f}" width="12" height="12" rx="2"/>'
    return [
        f'<polyline class="l{place}" points="{way}"/>',
        *dots,
        square,
        _text(WIDTH - RIGHT + 32, label + 4, name),
    ]


def _decades(values: Sequence[float]) -> list[float]:
    """The powers of ten that enclose the values; two at least."""
    low, high = floor(log10(min(values))), ceil(log10(max(values)))
    return [10.0**power for power in range(low, max(high, low + 1) + 1)]


def _along(ticks: Sequence[float], first: float, last: float) -> Callable[[float], float]:
    low, high = log10(ticks[0]), log10(ticks[-1])
    return lambda value: first + (log10(value) - low) / (high - low) * (last - first)


def _apart(places: Sequence[float], lowest: float) -> list[float]:
    """The same places, moved so that a line of text fits between any two, and none lies below `lowest`."""
    order = sorted(range(len(places)), key=lambda number: places[number])
    moved = list(places)
    for before, after in pairwise(order):
        moved[after] = max(moved[after], moved[before] + LINE)
    limit = lowest
    for one in reversed(order):
        moved[one] = min(moved[one], limit)
        limit = moved[one] - LINE
    return moved


# --- what both are made of ---


def _below_head(note: str) -> float:
    """Where the first line below title and note is written."""
    return EDGE + 14 + (LINE if note else 0) + LINE + 8


def _svg(chart: Chart, height: float, drawn: Sequence[str]) -> str:
    if LETTER * max(len(chart.title), len(chart.note)) > WIDTH - 2 * EDGE:
        raise ValueError(f"titles and notes may have {(WIDTH - 2 * EDGE) / LETTER:.0f} letters")
    head = [_text(EDGE, EDGE + 14, chart.title, style="title")]
    if chart.note:
        head.append(_text(EDGE, EDGE + 14 + LINE, chart.note, style="soft"))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 {WIDTH} {height:.0f}" '
        f'role="img" aria-label="{escape(chart.title)}"><style>{STYLE}</style>'
        f'<rect class="page" width="{WIDTH}" height="{height:.0f}"/>{"".join(head)}{"".join(drawn)}</svg>'
    )


def _grid(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="grid" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(x: float, y: float, text: str, *, anchor: str = "start", style: str = "") -> str:
    styled = f' class="{style}"' if style else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{styled}>{escape(text)}</text>'
