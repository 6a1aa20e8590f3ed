"""`python -m local`: up, demo, demo-allianceauth, link-url, command and conformance."""

import argparse
import sys

from local import link_url, up, use_command
from local.conformance import command


def command_line() -> argparse.ArgumentParser:
    """What can be typed; docs/reference/commands.md is generated from it."""
    parser = argparse.ArgumentParser(
        prog="python -m local", description="Rolecall on one machine, without an account anywhere."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    up.add_options(commands.add_parser("up", help="run all of it until interrupted", description=up.main.__doc__))
    demo = commands.add_parser("demo", help="watch it work, step by step")
    demo.add_argument("--keep", action="store_true", help="leave it running at the end, to play with")
    real = commands.add_parser(
        "demo-allianceauth",
        help="a real Alliance Auth beside it, to click through",
        description="A real Alliance Auth with its app, all of Rolecall and a local Discord, until interrupted.",
        epilog="`make demo-allianceauth` sets up what it needs.",
    )
    instead = real.add_mutually_exclusive_group()
    instead.add_argument("--check", action="store_true", help="drive it in Chromium, and end with 0 if Discord follows")
    instead.add_argument(
        "--conformance", action="store_true", help="examine the app instead, as `conformance` examines any auth site"
    )
    link = commands.add_parser("link-url", help="one more link for what runs", description=link_url.main.__doc__)
    link_url.add_options(link)
    command_on_discord = commands.add_parser(
        "command", help="use a slash command as a member", description=use_command.main.__doc__
    )
    use_command.add_options(command_on_discord)
    conformance = commands.add_parser(
        "conformance", help="does an auth site keep its half of the contract?", description=command.main.__doc__
    )
    command.add_options(conformance)
    return parser


def main() -> int:
    """Run one command; its exit code."""
    options = command_line().parse_args()
    if options.command == "up":
        return up.main(options)
    if options.command == "link-url":
        return link_url.main(options)
    if options.command == "command":
        return use_command.main(options)
    if options.command == "conformance":
        return command.main(options)
    if options.command == "demo-allianceauth":
        return _demo_allianceauth(checking=options.check, conformance=options.conformance)
    return _demo(keep=options.keep)


def _demo_allianceauth(*, checking: bool, conformance: bool) -> int:
    from local.allianceauth import demo, examine

    return examine.run() if conformance else demo.run(checking=checking)


def _demo(*, keep: bool) -> int:
    from local import demo

    return demo.run(keep=keep)


if __name__ == "__main__":
    sys.exit(main())
