"""`python -m tests.security.table`: every attack of the list, played, with the answer that it got."""

import sys

import tests.conftest  # noqa: F401 - the environment that every test relies on
from local.simulated import World
from tests.linking.doors import Browser, Doors, logged
from tests.security.attacks import ATTACKS, VICTIM


def main() -> int:
    """Print the table; 1 if any answer is not the right one."""
    wrong = 0
    for attack in ATTACKS:
        world = World()
        world.link(VICTIM, "kira", groups=["Member"])
        with logged():
            answer = attack.answer(world, Browser(Doors(world)))
        wrong += answer not in attack.answers
        sys.stdout.write(f"| {attack.name} | {answer} |{'' if answer in attack.answers else '  WRONG'}\n")
    sys.stdout.write(f"\n{len(ATTACKS)} attacks, {wrong} with a wrong answer\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
