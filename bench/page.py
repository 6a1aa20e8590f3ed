"""The page of figures, and the pictures for the documentation, from charts. Pure."""

from collections.abc import Sequence
from html import escape

from bench.svg import WIDTH, Chart, draw

STYLE = f"""
:root{{color-scheme:light dark;--page:#fff;--ink:#1f2328;--soft:#59636e;--grid:#d1d9e0}}
@media(prefers-color-scheme:dark){{:root{{--page:#14181d;--ink:#e9edf1;--soft:#9aa5b1;--grid:#343c45}}}}
body{{margin:2rem auto;max-width:{WIDTH}px;padding:0 1rem;background:var(--page);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}}
figure{{margin:2.5rem 0}}svg{{display:block;width:100%;height:auto}}
details{{color:var(--soft);margin:.25rem 1rem}}table{{border-collapse:collapse;font-variant-numeric:tabular-nums}}
th,td{{padding:.2rem .8rem;text-align:right;border-bottom:1px solid var(--grid)}}
th:first-child,td:first-child{{text-align:left;padding-left:0}}
@media(max-width:{WIDTH}px){{body{{padding:0}}h1,body>p{{margin-left:1rem;margin-right:1rem}}}}
"""


def page(charts: Sequence[Chart], measured: str) -> str:
    """All charts on one page, each with its values as a table; `measured` says where and when, as plain text."""
    figures = "\n".join(_figure(chart) for chart in charts)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>What Rolecall costs</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<h1>What Rolecall costs</h1>\n<p>{escape(measured)}</p>\n{figures}\n</body>\n</html>\n"
    )


def _figure(chart: Chart) -> str:
    head, rows = chart.rows()
    table = "".join(f"<tr>{_cells(row, 'td')}</tr>" for row in rows)
    return (
        f'<figure id="{escape(chart.name)}">{draw(chart)}\n<details><summary>The values</summary>'
        f"<table><tr>{_cells(head, 'th')}</tr>{table}</table></details></figure>"
    )


def _cells(texts: Sequence[str], kind: str) -> str:
    return "".join(f"<{kind}>{escape(text)}</{kind}>" for text in texts)
