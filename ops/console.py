"""Output: tables and sentences for people, JSON for programs, and progress next to either.

Results go to standard output, progress and questions to standard error. Colours appear on terminals only, unless
NO_COLOR is set. Names and texts from outside are printed as they are, never interpreted as markup.
"""

import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from ops.formatting import plain

MAX_WORD = 24  # columns; longer ones are broken where there is no room
WIDTH = 100  # columns, where output goes to a file
OPS = r"(?:user \S+|secrets put \w+|dead-letters \w+|removals \w+|sweep(?: \w+(?= --))?|[a-z-]+)(?: --[\w-]+)*"
COMMAND = "|".join(
    (
        rf"python -m ops --stage \S+ {OPS}",
        r"make [a-z-]+(?: [A-Z_]+=[^\s,;]+)*",
        r"aws [a-z]+(?: [a-z-]+(?: \S+)?(?: --[\w-]+ (?:'[^']*'|\S+))+| list-profiles)?",
        r"openssl rand -hex 32",
        r"timedatectl set-ntp true",
    )
)
UNIT = re.compile(rf"(?:→ )?(?:(?:{COMMAND})\S*|\S+)\s*|\s+")  # what a line is broken between
Advance = Callable[[int], None]
Cell = str | int | float | Text | None


class Screen:
    """Where a command writes its output."""

    def __init__(self, *, as_json: bool = False, out: TextIO | None = None, side: TextIO | None = None) -> None:
        self.as_json = as_json
        self.console = _console(out or sys.stdout)
        self.side = _console(side or sys.stderr)

    def data(self, value: object, *, one_of_many: bool = False) -> None:
        """Print the result as JSON; with `one_of_many` on a single line."""
        print(
            json.dumps(value, indent=None if one_of_many else 2, default=str, ensure_ascii=False),
            file=self.console.file,
            flush=True,
        )

    def say(self, text: str = "", style: str = "", *, indent: int = 0) -> None:
        """Print a sentence for a person. Commands and addresses in it stay on one line, so that they can be copied."""
        if not self.as_json:
            _print(self.console, text, style, indent)

    def aside(self, text: str, style: str = "") -> None:
        """Print a sentence next to the result, to standard error: what is happening, what to do next."""
        _print(self.side, text, style)

    def show(self, thing: RenderableType) -> None:
        """Print a table or another renderable; in a file no line ends with spaces."""
        if self.as_json:
            return
        if self.console.is_terminal:
            self.console.print(thing, crop=False)
            return
        with self.console.capture() as drawn:
            self.console.print(thing, crop=False)
        lines = (line.rstrip(" ") for line in drawn.get().split("\n"))
        print("\n".join(lines), end="", file=self.console.file, flush=True)

    @contextmanager
    def progress(self, what: str, total: int | None) -> Iterator[Advance]:
        """Show a progress bar with rate and remaining time; call the yielded function with the number done so far.

        `total` is None if it is not known."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            _Rate(),
            TimeRemainingColumn(elapsed_when_finished=True),
        )
        shown = self.side.is_terminal
        with Progress(*columns, console=self.side, disable=not shown, transient=False) as bar:
            task = bar.add_task(what, total=total)
            yield lambda done: bar.update(task, completed=done, total=max(total, done) if total is not None else None)

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Show a spinner while something of unknown length runs."""
        if not self.side.is_terminal:
            yield
            return
        with self.side.status(Text(what)):
            yield

    def ask(self, question: str) -> bool:
        """Ask a yes-or-no question on the terminal; anything but yes means no."""
        self.side.print(Text(f"{question} [y/N] "), end="")
        try:
            return input().strip().lower() in ("y", "yes")
        except EOFError:  # Ctrl-D
            self.side.print()
            return False


class _Rate(ProgressColumn):
    """Shows how many are done per second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f}/s" if speed >= 10 else f"{speed:.1f}/s", "dim")


def table(columns: Iterable[str], rows: Iterable[Iterable[Cell]], *, right: int = 0) -> Table:
    """Return a table whose last `right` columns hold numbers. However narrow it is, ids and numbers stay whole."""
    names, cells = list(columns), [tuple(map(cell, row)) for row in rows]
    drawn = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for place, name in enumerate(names):
        texts = [name, *(row[place].plain for row in cells)]
        longest = max((cell_len(word) for text in texts for word in text.split()), default=0)
        drawn.add_column(
            name,
            justify="right" if place >= len(names) - right else "left",
            overflow="fold",
            min_width=min(longest, MAX_WORD),
            no_wrap=longest == max(map(cell_len, texts)) <= MAX_WORD,
        )
    for row in cells:
        drawn.add_row(*row)
    return drawn


def facts(rows: Iterable[tuple[str, Cell]], title: str = "") -> RenderableType:
    """Return a table of facts: names on the left, values on the right."""
    drawn = Table(box=None, show_header=False)
    drawn.add_column(style="dim", no_wrap=True)
    drawn.add_column(overflow="fold")
    for name, value in rows:
        drawn.add_row(name, cell(value))
    return Group(Text(plain(title), "bold"), drawn) if title else drawn


def cell(value: Cell) -> Text:
    """Return a value as table text; a dash if it is empty."""
    if isinstance(value, Text):
        return value
    return Text("–" if value is None or value == "" else f"{value:,}" if isinstance(value, int) else plain(value))


def _print(console: Console, text: str, style: str, indent: int = 0) -> None:
    lines = (" " * indent + line for line in filled(plain_lines(text), console.width - indent))
    console.print(Text("\n".join(lines), style), soft_wrap=True)


def filled(text: str, width: int) -> Iterator[str]:
    """Wrap the text between words; commands and addresses stay whole, however long they are."""
    for line in text.split("\n"):
        begun = ""
        for unit in UNIT.findall(line):
            if begun and cell_len(begun + unit.rstrip()) > width:
                yield begun.rstrip()
                begun = ""
            begun += unit
        yield begun.rstrip()


def plain_lines(text: str) -> str:
    """Apply `plain` to each line."""
    return "\n".join(map(plain, text.split("\n")))


def _console(stream: TextIO) -> Console:
    known: dict[str, Any] = {} if stream.isatty() or os.environ.get("COLUMNS") else {"width": WIDTH}
    return Console(file=stream, highlight=False, markup=False, emoji=False, **known)
