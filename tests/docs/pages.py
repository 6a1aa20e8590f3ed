"""The documentation as Markdown: its pages, and what a test may want of them."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tools.reference.markdown import anchor

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *DOCS.rglob("*.md"),
        ROOT / "simulation" / "README.md",
        ROOT / "bench" / "CONCURRENCY.md",
        ROOT / "bench" / "COSTS.md",
        ROOT / "bench" / "RESULTS.md",
        ROOT / "bench" / "SIZES.md",
    ]
)
MARKDOWN = MarkdownIt("commonmark").enable("table")


@dataclass(frozen=True)
class Fence:
    """A block of code: in which page and line, in which language."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{name_of(self.page)}:{self.line}"


def name_of(page: Path) -> str:
    """The page's path within the project."""
    return str(page.relative_to(ROOT))


@cache
def tokens(page: Path) -> list[Token]:
    """The page's blocks."""
    return MARKDOWN.parse(page.read_text())


def fences(*languages: str) -> list[Fence]:
    """All blocks of code, of these languages. Indented ones are shell: they cannot say otherwise."""
    found = [
        Fence(page, (token.map or [0])[0] + 1, token.info.strip() if token.type == "fence" else "sh", token.content)
        for page in PAGES
        for token in tokens(page)
        if token.type in ("fence", "code_block")
    ]
    return [one for one in found if not languages or one.language in languages]


def _inline(page: Path) -> list[Token]:
    return [child for token in tokens(page) if token.type == "inline" for child in token.children or []]


def links(page: Path) -> list[str]:
    """Where the page's links lead to."""
    return [str(child.attrs["href"]) for child in _inline(page) if child.type == "link_open"]


def code_spans(page: Path) -> list[str]:
    """Pieces of code within the page's lines."""
    return [" ".join(child.content.split()) for child in _inline(page) if child.type == "code_inline"]


def anchors(page: Path) -> set[str]:
    """The anchors of the page's headings, as GitHub makes them."""
    found: list[str] = []
    for heading, text in zip(tokens(page), tokens(page)[1:], strict=False):
        if heading.type == "heading_open":
            shown = "".join(child.content for child in text.children or [])
            found.append(anchor(shown))
    counted = [
        f"{name}-{found[:number].count(name)}" if name in found[:number] else name for number, name in enumerate(found)
    ]
    return set(counted)
