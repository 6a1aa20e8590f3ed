"""`python -m local up`, `python -m local demo` and `python -m local link-url`."""

import argparse
import sys

from local import link_url, up


def command_line() -> argparse.ArgumentParser:
    """What can be typed; docs/reference/commands.md is generated from it."""
    parser = argparse.ArgumentParser(
        prog="python -m local", description="Rolecall on one machine, without an account anywhere."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    up.add_options(commands.add_parser("up", help="run all of it until interrupted", description=up.main.__doc__))
    demo = commands.add_parser("demo", help="watch it work, step by step")
    demo.add_argument("--keep", action="store_true", help="leave it running at the end, to play with")
    link = commands.add_parser("link-url", help="one more link for what runs", description=link_url.main.__doc__)
    link_url.add_options(link)
    return parser


def main() -> int:
    """Run one command; its exit code."""
    options = command_line().parse_args()
    if options.command == "up":
        return up.main(options)
    if options.command == "link-url":
        return link_url.main(options)
    return _demo(keep=options.keep)


def _demo(*, keep: bool) -> int:
    from local import demo

    return demo.run(keep=keep)


if __name__ == "__main__":
    sys.exit(main())
