"""`python -m local up` and `python -m local demo`."""

import argparse
import sys

from local import up


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m local", description="Rolecall on one machine, without an account anywhere."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    up.add_options(commands.add_parser("up", help="run all of it until interrupted", description=up.main.__doc__))
    demo = commands.add_parser("demo", help="watch it work, step by step")
    demo.add_argument("--keep", action="store_true", help="leave it running at the end, to play with")
    options = parser.parse_args()
    if options.command == "up":
        return up.main(options)
    return _demo(keep=options.keep)


def _demo(*, keep: bool) -> int:
    from local import demo

    return demo.run(keep=keep)


if __name__ == "__main__":
    sys.exit(main())
