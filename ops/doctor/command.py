"""`doctor`: run every check and show the findings."""

import argparse
from collections.abc import Iterator
from dataclasses import asdict

from rich.text import Text

from ops.console import Screen
from ops.doctor import account, alarms, aws, discord, guild, queues, running, services, setup
from ops.doctor.base import Finding, Level, Registry, Result, examine
from ops.doctor.context import DoctorContext
from ops.errors import FINE, WRONG
from ops.formatting import count
from ops.stage import Stage

ABOUT = """\
Check the whole installation, from settings to Discord's roles, and say how to fix each fault.
Changes nothing.

  ✓ fine   i worth knowing   ! warning   ✗ fault   – not checked, because of a fault above

Exit code 1 if there is a fault."""
# In the order in which they are made: what others need comes before them.
REGISTRIES = (
    services.checks,
    aws.checks,
    account.checks,
    setup.checks,
    queues.checks,
    discord.checks,
    guild.checks,
    running.checks,
    alarms.checks,
)
INDENT = 5  # columns, of what was found below its check
MARKS = {
    Level.OK: ("✓", "green"),
    Level.NOTE: ("i", "blue"),
    Level.WARNING: ("!", "yellow"),
    Level.FAULT: ("✗", "bold red"),
    Level.SKIPPED: ("–", "dim"),
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options of `doctor`."""
    parser.add_argument("--problems", action="store_true", help="show only what is not fine")


def run(options: argparse.Namespace, stage: Stage, screen: Screen) -> int:
    """Check the installation; return 1 if there is a fault."""
    results: list[tuple[Registry, Result]] = []
    theme = ""
    for registry, result in examine_all(DoctorContext(stage), screen):
        if not screen.as_json and not (options.problems and result.level is Level.OK):
            _show(screen, registry, result, first=theme != registry.theme)
            theme = registry.theme
        results.append((registry, result))
    levels = [result.level for _, result in results]
    if screen.as_json:
        screen.data([_plain(registry, result) for registry, result in results])
    else:
        _summarise(screen, levels)
    return WRONG if Level.FAULT in levels else FINE


def examine_all(context: DoctorContext, screen: Screen) -> Iterator[tuple[Registry, Result]]:
    """Run every check, one after the other."""
    earlier: dict[str, Result] = {}
    for registry in REGISTRIES:
        for check in registry.checks:
            with screen.waiting(check.title):
                result = earlier[check.name] = examine(check, context, earlier)
            yield registry, result


def _show(screen: Screen, registry: Registry, result: Result, *, first: bool) -> None:
    if first:
        screen.say()
        screen.say(registry.theme, "bold")
    mark, style = MARKS[result.level]
    title = Text(f" {mark} ", style).append(result.check.title, "dim" if result.level is Level.SKIPPED else "none")
    screen.show(title)
    for finding in result.findings:
        _show_finding(screen, finding)


def _show_finding(screen: Screen, finding: Finding) -> None:
    style = "dim" if finding.level is Level.SKIPPED else "none"
    screen.say(finding.text, style, indent=INDENT)
    if finding.fix:
        screen.say(f"→ {finding.fix}", "cyan", indent=INDENT)


def _summarise(screen: Screen, levels: list[Level]) -> None:
    faults, warnings, skipped = (levels.count(level) for level in (Level.FAULT, Level.WARNING, Level.SKIPPED))
    fine = len(levels) - faults - warnings - skipped
    parts = [count(faults, "fault"), count(warnings, "warning"), f"{fine} fine"]
    if skipped:
        parts.append(f"{skipped} not checked, because of those")
    screen.say()
    screen.say(", ".join(parts) + ".", "bold red" if faults else "bold yellow" if warnings else "bold green")


def _plain(registry: Registry, result: Result) -> dict[str, object]:
    return {
        "theme": registry.theme,
        "check": result.check.name,
        "title": result.check.title,
        "level": result.level,
        # `cure` is what `fix` was called before 0.2: programs may still read it.
        "findings": [asdict(finding) | {"cure": finding.fix} for finding in result.findings],
    }
