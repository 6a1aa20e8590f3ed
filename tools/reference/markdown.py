"""Small pieces of Markdown."""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; bars in its cells are escaped."""
    lines = [_row(head), "|" + "---|" * len(head), *map(_row, rows)]
    return "\n".join(lines)


def code(text: str) -> str:
    """A piece of code within a line."""
    return f"`{text}`" if text else ""


def json_block(value: Any) -> str:  # noqa: ANN401 - any JSON
    """A block of JSON, on one line each for a list of objects."""
    return f"```json\n{json.dumps(value, ensure_ascii=False)}\n```"


def anchor(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")


def sentence(text: str) -> str:
    """The text on one line, beginning with a capital letter and ending with a full stop."""
    text = " ".join(text.split())
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"
