"""`python -m tests.fuzz --examples 100000 [--seed N] [--only tokens,answers]`: bad input in bulk.

Prints what was thrown and how it went; 1 if anything that must hold did not, with the input that broke it.
"""

import argparse
import sys
import time

from hypothesis import HealthCheck, Phase, given, seed, settings

import tests.conftest  # noqa: F401 - the environment that every test relies on
from tests.fuzz.targets import quiet, targets

SHARES = {"tokens": 0.5, "requests": 0.3, "messages": 0.15, "answers": 0.05}  # by what one costs


def throw(name: str, examples: int, with_seed: int) -> str | None:
    """Throw that many at one target; what broke, if anything did."""
    target, strategy = targets()[name]()

    @seed(with_seed)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def one(example: object) -> None:
        target(example)

    try:
        one()
    except Exception as error:  # noqa: BLE001 - whatever broke is what is looked for
        notes = "\n".join(getattr(error, "__notes__", []))
        return f"{type(error).__name__}: {str(error)[:1000]}\n{notes[:2000]}"
    return None


def main() -> int:
    """Throw all of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--examples", type=int, default=100_000, help="of all kinds together (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default=",".join(SHARES), help="kinds, comma-separated: %(default)s")
    options = parser.parse_args()
    quiet()
    kinds, broken = options.only.split(","), 0
    whole = sum(SHARES[kind] for kind in kinds)
    for kind in kinds:
        examples = max(1, round(options.examples * SHARES[kind] / whole))
        began = time.monotonic()
        fault = throw(kind, examples, options.seed)
        took = time.monotonic() - began
        sys.stdout.write(f"{kind:9} {examples:7} inputs in {took:6.1f} s: {'BROKEN' if fault else 'all held'}\n")
        if fault:
            broken += 1
            sys.stdout.write(f"{fault}\n")
        sys.stdout.flush()
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
