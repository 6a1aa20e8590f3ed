"""The recipes of docs/how-to/write-your-auth-sites-half.md, taken from the page."""

from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "write-your-auth-sites-half.md"


def recipe(language: str) -> str:
    """The code in this language."""
    tokens = MarkdownIt("commonmark").parse(PAGE.read_text())
    (found,) = [token.content for token in tokens if token.type == "fence" and token.info == language]
    return found


def python_recipe() -> dict[str, Any]:
    """What the Python recipe defines."""
    names: dict[str, Any] = {}
    exec(compile(recipe("python"), str(PAGE), "exec"), names)  # noqa: S102 - the page's own text
    return names
