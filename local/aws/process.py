"""Starting programs that must not outlive this one."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

KEEPER = Path(__file__).with_name("keeper.py")
LAST_LINES = 25  # of a log, shown with an error


class CannotStart(Exception):
    """Something of the local stack did not come up; the text is for the person who asked for it."""


class Process:
    """A running command with a temporary folder of its own; both are gone when `stop` returns.

    They also go when this process ends in any other way, SIGKILL included: see keeper.py.
    """

    def __init__(self, command: Sequence[str], *, environment: Mapping[str, str], folder: Path, log: Path) -> None:
        self.log = log
        self._folder = folder
        with log.open("wb") as output:
            self._keeper = subprocess.Popen(
                [sys.executable, "-I", "-S", str(KEEPER), str(folder), *command],
                env=dict(environment),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C is for the person's own program, which then lets go of the rope
            )

    @property
    def running(self) -> bool:
        return self._keeper.poll() is None and not (self._folder / "ended").exists()

    def wait_until(self, ready: Callable[[], bool], *, within: float, what: str) -> None:
        """Return once `ready()` is true; raise CannotStart if the command ends or `within` seconds pass first."""
        end = time.monotonic() + within
        while not ready():
            if not self.running:
                raise CannotStart(f"{what} ended by itself:\n{self.last_lines()}")
            if time.monotonic() > end:
                raise CannotStart(f"{what} is not ready after {within:.0f} s:\n{self.last_lines()}")
            time.sleep(0.05)

    def last_lines(self) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-LAST_LINES:])

    def stop(self) -> None:
        assert self._keeper.stdin is not None  # noqa: S101 - it was opened as a pipe
        self._keeper.stdin.close()
        try:
            self._keeper.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(self._keeper.pid, signal.SIGKILL)
            self._keeper.wait()


def port_to_use(wanted: int | None) -> int:
    """`wanted`, or a port of the loopback interface that is free right now. Raises CannotStart if `wanted` is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # one that was used a minute ago will do
        try:
            probe.bind(("127.0.0.1", wanted or 0))
        except (OSError, OverflowError) as error:
            raise CannotStart(f"Port {wanted} cannot be used: {error}") from error
        port: int = probe.getsockname()[1]
        return port
