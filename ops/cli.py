"""The command line, `python -m ops COMMAND`: parses it, calls one module, turns errors into messages and exit codes."""

import argparse
import logging
import sys
from collections.abc import Callable, Sequence

from chalicelib import log
from chalicelib.errors import BadSettings, RolecallError
from ops import audit, aws_access, bot, dead_letters, new_stage, removals, roles, secrets, status, sweep, user
from ops import commands as slash_commands
from ops.console import Screen
from ops.doctor import command as doctor
from ops.errors import WRONG, CommandError
from ops.links import export, load
from ops.options import add_common, common
from ops.stage import Stage
from ops.stages import refuse_unknown

DESCRIPTION = """\
Operate Rolecall: check it, look into it, repair it.

  doctor          check the whole installation and say how to fix each fault
  status          what is going on right now
  user ID         everything known about one user
  audit           what was changed of all users, newest first
  sweep           compare the whole server with the auth site, and repair it
  roles           which role stands for which group
  removals        what the removal limit withholds; release or drop it
  dead-letters    messages that could not be processed
  commands        register the slash commands of Discord, or list them
  resume          resume calls to Discord after they were halted
  stages new NAME write what a new stage needs: one for each Discord server
  secrets put     store a secret where the functions read it
  add-bot-url     print the page on which the server's owner adds the bot
  import-links    migrate from Alliance Auth
  export-links    migrate back to Alliance Auth"""
EPILOG = """\
Settings are read from the deployed functions, secrets from Parameter Store; this shell's environment overrides both.
AWS_PROFILE, AWS_REGION and AWS_ENDPOINT_URL work as for every AWS program.

Exit codes: 0 success; 1 a fault was found, or the command failed; 2 usage error.
`python -m ops COMMAND --help` describes each command."""
Run = Callable[[argparse.Namespace, Stage, Screen], int]


def main(arguments: Sequence[str] | None = None, stage_of: Callable[[str], Stage] = Stage) -> int:
    """Run one command and return its exit code. `stage_of` builds the stage from its name."""
    options = command_line().parse_args(arguments)
    screen = Screen(as_json=options.as_json)
    _keep_quiet()
    aws_access.honour_region()
    try:
        if options.run is not new_stage.run:  # which works on the project alone
            refuse_unknown(options.stage)
        run: Run = options.run
        return run(options, stage_of(options.stage), screen)
    except CommandError as error:
        return _report(screen, str(error), error.fix, error.code)
    except BadSettings as error:
        return _report(screen, str(error), _command(options.stage, "doctor") + " says how to set them")
    except aws_access.ERRORS as error:
        complaint = aws_access.complaint_of(error)
        return _report(screen, complaint.text, complaint.fix or _doctor(options.stage))
    except RolecallError as error:
        return _report(screen, str(error), _doctor(options.stage))
    except BrokenPipeError:
        sys.stderr.close()
        return WRONG
    except KeyboardInterrupt:
        screen.aside(f"Stopped. {_what_goes_on(options)}")
        return WRONG


def _report(screen: Screen, text: str, fix: str, code: int = WRONG) -> int:
    screen.aside(log.redacted(text), "bold red")
    if fix:
        screen.aside(f"→ {fix}", "cyan")
    return code


def _what_goes_on(options: argparse.Namespace) -> str:
    """Say what continues after Ctrl-C."""
    if options.command == "sweep" or getattr(options, "sync", False):
        return "What was started in the cloud goes on."
    if options.command == "import-links":
        return "What was imported stays; run it again for the rest."
    return ""


def _doctor(stage: str) -> str:
    return _command(stage, "doctor") + " looks for the cause"


def _command(stage: str, words: str) -> str:
    return f"python -m ops --stage {stage} {words}"


def _keep_quiet() -> None:
    """Silence the log lines that Rolecall's own parts write in Lambda: they are of no use on a terminal."""
    logger = logging.getLogger("rolecall")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False


# --- the parser ---------------------------------------------------------------------------------------------------


def command_line() -> argparse.ArgumentParser:
    """Return the parser of all commands; docs/reference/commands.md is generated from it."""
    parser = argparse.ArgumentParser(
        prog="python -m ops",
        usage="python -m ops [--stage STAGE] [--json] COMMAND …",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_common(parser)
    commands = parser.add_subparsers(
        prog="python -m ops", dest="command", metavar="COMMAND", required=True, help=argparse.SUPPRESS
    )
    for name, run, add_options, about in (
        ("doctor", doctor.run, doctor.add_options, doctor.ABOUT),
        ("status", status.run, status.add_options, status.ABOUT),
        ("user", user.run, user.add_options, user.ABOUT),
        ("audit", audit.run, audit.add_options, audit.ABOUT),
        ("sweep", sweep.run, sweep.add_options, sweep.ABOUT),
        ("roles", roles.run, roles.add_options, roles.ABOUT),
        ("removals", removals.run, removals.add_options, removals.ABOUT),
        ("dead-letters", dead_letters.run, dead_letters.add_options, dead_letters.ABOUT),
        ("commands", slash_commands.run, slash_commands.add_options, slash_commands.ABOUT),
        ("resume", bot.resume, bot.add_no_options, bot.ABOUT_RESUME),
        ("stages", new_stage.run, new_stage.add_options, new_stage.ABOUT),
        ("secrets", secrets.run, secrets.add_options, secrets.ABOUT),
        ("add-bot-url", bot.show_url, bot.add_no_options, bot.ABOUT_URL),
        ("import-links", load.run, load.add_options, load.ABOUT),
        ("export-links", export.run, export.add_options, export.ABOUT),
    ):
        command = commands.add_parser(
            name, description=about, formatter_class=argparse.RawDescriptionHelpFormatter, parents=[common()]
        )
        add_options(command)
        command.set_defaults(run=run)
    return parser
