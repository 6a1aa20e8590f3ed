"""Commands: the parsers of `ops`, `deploy` and `local`, and the Makefile."""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import deploy.__main__
import local.__main__
from ops.cli import command_line as ops_command_line
from tools.reference.markdown import anchor, code, sentence, table

ROOT = Path(__file__).resolve().parents[2]
TARGET = re.compile(r"^([a-z-]+):[^#\n]*##\s*(.*)$", re.MULTILINE)
COMMON = ("-h", "--stage", "--json")  # of every command of `ops`
VARIABLES = {
    "STAGE": ("which installation", "dev"),
    "PYTHON": ("which Python makes `.venv`; the functions run on the same version", "python3"),
    "EMAIL": ("where alarms go; kept until another one is given", "nowhere"),
    "AUTH_SITE": ("ARN of the auth site's AWS user, who may send jobs and read notices; kept", "nobody"),
    "PROTECTION": ("`on` or `off`: whether tables refuse to be deleted and can be restored; kept", "`on` for `prod`"),
    "OLDEST_CHANGE": ("seconds that a change may take before an alarm rings; kept", "1800"),
    "HOURS_WITHOUT_SWEEP": ("hours without a finished sweep until an alarm rings; kept", "6"),
    "VISIBILITY_TIMEOUT": ("seconds until a message that nobody finished is delivered again; kept", "360"),
    "REVERT_DRIFT": ("1: also put back what was changed or deleted by hand of what CloudFormation made", "empty"),
    "BUCKET": ("where `make deploy-package` uploads", "one is made"),
    "SEEDS": ("how many worlds `make simulate` runs", "200"),
    "FROM": ("the first seed of `make simulate`", "0"),
    "TRIPLES": ("how many overlaps of three operations `make explore` samples", "none; all overlaps of two are tried"),
    "N": ("how many odd inputs `make fuzz` tries", "100000"),
    "CHECK": ("`make demo-allianceauth CHECK=1`: a browser drives it, then it ends", "empty"),
    "QUICK": ("`make bench QUICK=1`: only the part that fits into two minutes", "empty"),
}


def targets() -> dict[str, str]:
    """The Makefile's targets and what each is for."""
    return dict(TARGET.findall((ROOT / "Makefile").read_text()))


def variables() -> set[str]:
    """The Makefile's variables that a person may give."""
    text = (ROOT / "Makefile").read_text()
    return set(re.findall(r"^([A-Z_]+) \?=", text, re.MULTILINE)) | {"QUICK"}


def make() -> str:
    """A table of all targets."""
    return table(("command", "what it does"), [(code(f"make {name}"), about) for name, about in targets().items()])


def make_variables() -> str:
    """A table of all variables. Raises LookupError for one that nobody has described."""
    missing = variables() ^ set(VARIABLES)
    if missing:
        raise LookupError(f"tools/reference/commands.py and the Makefile differ in {', '.join(sorted(missing))}")
    return table(("variable", "meaning", "default"), [(code(n), *about) for n, about in VARIABLES.items()])


def ops() -> str:
    """Every command of the operator's program, with its options."""
    return _program("python -m ops", ops_command_line(), common=COMMON)


def deployment() -> str:
    """Every command of `python -m deploy`."""
    return _program("python -m deploy", deploy.__main__.command_line(), common=("-h",))


def local_commands() -> str:
    """Every command of `python -m local`."""
    return _program("python -m local", local.__main__.command_line(), common=("-h",))


def contents() -> str:
    """The programs, with links to their commands."""
    lines = []
    for heading, program in (("make", None), ("python -m ops", ops_command_line()), ("Tasks", None)):
        names = [name for name, _ in _subcommands(program)] if program else []
        links = ", ".join(f"[{name}](#{anchor(name)})" for name in names)
        lines.append(f"- [{heading}](#{anchor(heading)})" + (f": {links}" if links else ""))
    lines += [f"- [{heading}](#{anchor(heading)})" for heading in ("python -m deploy", "python -m local")]
    return "\n".join(lines)


def _program(name: str, parser: argparse.ArgumentParser, *, common: tuple[str, ...]) -> str:
    parts = []
    shared = [action for action in parser._actions if action.option_strings and action.option_strings[0] != "-h"]
    if shared:
        parts.append("Every command takes these, before or after its name:")
        parts.append(_options(shared))
    for command, its_parser in _subcommands(parser):
        parts.append(f"### {command}")
        parts.append(_command(f"{name} {command}", its_parser, common, _about(parser, command)))
    return "\n\n".join(parts)


def _command(name: str, parser: argparse.ArgumentParser, common: tuple[str, ...], about: str) -> str:
    parts = [f"```text\n{_usage(name, parser, common)}\n```", _description(parser.description or sentence(about))]
    if parser.epilog:
        parts.append(_description(parser.epilog))
    own = [action for action in parser._actions if not _is_common(action, common) and not _is_subparsers(action)]
    if own:
        parts.append(_options(own))
    for action, its_parser in _subcommands(parser):
        parts.append(f"**{action}**: {sentence(its_parser.description or '')}")
        theirs = [one for one in its_parser._actions if not _is_common(one, common)]
        if theirs:
            parts.append(_options(theirs))
    return "\n\n".join(parts)


def _about(parser: argparse.ArgumentParser, command: str) -> str:
    """What the list of commands says of this one."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return next((one.help or "" for one in action._choices_actions if one.dest == command), "")
    return ""


def _description(text: str) -> str:
    """A command's own words: paragraphs as they are, indented lines as blocks."""
    blocks = re.split(r"\n\s*\n", text.strip("\n"))
    return "\n\n".join(f"```text\n{block}\n```" if block.startswith("  ") else _spare(block) for block in blocks)


def _spare(text: str) -> str:
    """Angle brackets would be taken for HTML."""
    return text.replace("<", "\\<")


def _usage(name: str, parser: argparse.ArgumentParser, common: tuple[str, ...]) -> str:
    parts = [name]
    for action in parser._actions:
        if _is_common(action, common):
            continue
        if _is_subparsers(action):
            parts.append(str(action.metavar))
        elif action.option_strings:
            value = "" if action.nargs == 0 else f" {_value(action)}"
            parts.append(f"[{action.option_strings[0]}{value}]")
        else:
            parts.append(f"[{_value(action)}]" if action.nargs in ("?", "*") else _value(action))
    return " ".join(parts)


def _options(actions: list[argparse.Action]) -> str:
    rows = [(code(_name(action)), _help(action)) for action in actions if action.help != argparse.SUPPRESS]
    return table(("option", "meaning"), rows)


def _name(action: argparse.Action) -> str:
    if not action.option_strings:
        return _value(action)
    return action.option_strings[0] + ("" if action.nargs == 0 else f" {_value(action)}")


def _value(action: argparse.Action) -> str:
    if action.metavar:
        return str(action.metavar)
    if action.choices:
        return "|".join(map(str, action.choices))
    return action.dest.upper() if action.option_strings else action.dest


def _help(action: argparse.Action) -> str:
    return (action.help or "").replace("%(default)s", str(action.default)).replace("%%", "%").replace("<", "\\<")


def _is_common(action: argparse.Action, common: tuple[str, ...]) -> bool:
    return action.help == argparse.SUPPRESS or any(option in common for option in action.option_strings)


def _is_subparsers(action: argparse.Action) -> bool:
    return isinstance(action, argparse._SubParsersAction)


def _subcommands(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.items()
