"""Commands in the documentation: split as a shell does, and looked at by the program's own parser. Nothing is run."""

import argparse
import contextlib
import importlib.util
import io
import re
import shlex
from collections.abc import Iterator

from chalice.cli import cli as chalice

import deploy.__main__
import local.__main__
from ops.cli import command_line as ops_command_line
from tools.reference import commands

HEREDOC = re.compile(r"<<'?(\w+)'?")
SEPARATORS = {"|", "||", "&&", ";", "&"}
OTHERS = {"aws", "cd", "echo", "export", "git", "mysql", "openssl", "tee"}  # programs that are not ours
ALLIANCE_AUTH_COMMANDS = commands.ROOT / "auth_sites" / "allianceauth" / "aa_rolecall" / "management" / "commands"
VALUE = re.compile(r"([A-Z_]+)=(.*)", re.DOTALL)
STANDS_FOR = {"COMMAND": "doctor", "NAME": "AUTH_SITE_SECRET"}  # what a person puts there
PARSERS = {
    "ops": ops_command_line,
    "deploy": deploy.__main__.command_line,
    "local": local.__main__.command_line,
}


class Wrong(Exception):
    """A command that cannot be typed like this."""


def check(text: str) -> list[str]:
    """Check every command of a shell text; the programs that it calls. Raises Wrong."""
    programs = []
    for words in simple_commands(text):
        programs.append(words[0])
        _check_one(words)
    return programs


def simple_commands(text: str) -> Iterator[list[str]]:
    """The words of each command; redirections are left out."""
    for line in logical_lines(text):
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
        lexer.commenters, lexer.whitespace_split = "#", True
        words: list[str] = []
        skip = False
        for word in lexer:
            if word in SEPARATORS:
                if words:
                    yield words
                words = []
            elif word[0] in "<>":
                skip = True
            elif skip:
                skip = False
            else:
                words.append(word)
        if words:
            yield words


def logical_lines(text: str) -> Iterator[str]:
    """Lines as a shell reads them: with those that continue them, without documents that follow (`<<`)."""
    line, until = "", ""
    for part in text.splitlines():
        if until:
            until = "" if part.strip() == until else until
            continue
        line += ("\n" if line and not line.endswith("\\") else "") + part
        line = line.replace("\\\n", "")
        if line.endswith("\\"):
            line = line[:-1] + " "
            continue
        if _is_open(line):
            continue
        if found := HEREDOC.search(line):
            until = found[1]
        if line.strip() and not line.strip().startswith("#"):
            yield line
        line = ""
    if line:
        raise Wrong(f"a quote is left open: {line}")


def _is_open(line: str) -> bool:
    try:
        shlex.split(line, comments=True)
    except ValueError:
        return True
    return False


def _check_one(words: list[str]) -> None:
    program, *rest = words
    if program == "make":
        _check_make(rest)
    elif program in ("python", ".venv/bin/python") and rest[:1] == ["-m"]:
        _check_module(rest[1], rest[2:])
    elif program == "python" and rest[:1] == ["manage.py"]:
        _check_managed(*rest[1:2])
    elif program == ".venv/bin/python" and rest[:1] == ["-c"]:
        compile(rest[1], "-c", "exec")
    elif program == ".venv/bin/chalice":
        _check_chalice(rest)
    elif program not in OTHERS:
        raise Wrong(f"no command of ours, and none that is known: {program}")


def _check_managed(command: str = "") -> None:
    """A command of the Alliance Auth app; without one the program is only named."""
    if command and not (ALLIANCE_AUTH_COMMANDS / f"{command}.py").exists():
        raise Wrong(f"the Alliance Auth app has no {command}")


def _check_make(words: list[str]) -> None:
    for word in words:
        if found := VALUE.fullmatch(word):
            if found[1] not in commands.variables():
                raise Wrong(f"make knows no {found[1]}")
        elif word not in commands.targets():
            raise Wrong(f"nothing to make: {word}")


def _check_module(module: str, words: list[str]) -> None:
    if module in PARSERS:
        _parse(PARSERS[module](), words)
    elif importlib.util.find_spec(module) is None:
        raise Wrong(f"no module {module}")


def _parse(parser: argparse.ArgumentParser, words: list[str]) -> None:
    """`--help` is right wherever it stands; without words the program is only named."""
    words = [STANDS_FOR.get(word, word) for word in words] or ["--help"]
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            parser.parse_args(words)
    except SystemExit as left:
        if left.code:
            raise Wrong(f"{' '.join(words)}: {said.getvalue()}") from None


def _check_chalice(words: list[str]) -> None:
    command = chalice.commands.get(words[0])
    if command is None:
        raise Wrong(f"chalice has no {words[0]}")
    known = {option for parameter in command.params for option in parameter.opts}
    if unknown := [word for word in words[1:] if word.startswith("-") and word not in known]:
        raise Wrong(f"chalice {words[0]} knows no {unknown}")
