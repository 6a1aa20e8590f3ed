"""Runs one command and leaves nothing of it behind, however the one who asked for it ends.

    python keeper.py FOLDER COMMAND ARGUMENT…

Standard input is the rope: while its other end is open, the command runs. When it closes, because the other side let
go, was killed or crashed, every process of the command's group is killed and FOLDER, its temporary files, removed.
Ends with the command's exit code if that ends first. Needs only the standard library, so it starts at once.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

STOPPED = 143  # what a shell reports of a command that SIGTERM ended


def main(folder: Path, command: list[str]) -> int:
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(signum, lambda *_: sys.exit(STOPPED))
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        threading.Thread(target=_end_with_rope, args=(child,), daemon=True).start()
        return child.wait()
    finally:
        _kill_group(child)
        child.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _end_with_rope(child: subprocess.Popen[bytes]) -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    _kill_group(child)


def _kill_group(child: subprocess.Popen[bytes]) -> None:
    """Kill the command and what it started. Nothing is asked to finish: nothing here is worth saving."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
