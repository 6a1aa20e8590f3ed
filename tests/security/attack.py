"""One attempt at a door."""

from collections.abc import Callable
from dataclasses import dataclass

from local.simulated import World
from tests.linking.doors import Answer, Browser


@dataclass(frozen=True)
class Attack:
    """`play` attacks a world in which `VICTIM` is linked as @kira; `answers` are the status or reason it may get."""

    name: str
    play: Callable[[World, Browser], Answer]
    answers: tuple[str, ...]

    def answer(self, world: World, browser: Browser) -> str:
        """The reason it was refused for, or the status where there is none."""
        got = self.play(world, browser)
        return got.reason or str(got.status)
