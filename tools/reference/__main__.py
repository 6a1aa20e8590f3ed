"""`python -m tools.reference`: bring docs/reference up to date. With `--check`, only say what is not."""

import argparse
import sys

from tools.reference.blocks import ROOT, everything


def main() -> int:
    """Write what differs; with `--check` 1 if anything does."""
    parser = argparse.ArgumentParser(prog="python -m tools.reference", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args()
    differing = {path: text for path, text in everything().items() if not path.exists() or path.read_text() != text}
    for path, text in differing.items():
        print(path.relative_to(ROOT))
        if not options.check:
            path.write_text(text)
    return 1 if options.check and differing else 0


if __name__ == "__main__":
    sys.exit(main())
