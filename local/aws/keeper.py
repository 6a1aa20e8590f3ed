"""Runs one command and leaves nothing of it behind, however the one who asked for it ends.

    python keeper.py FOLDER COMMAND ARGUMENT…

Standard input is the rope: while its other end is open, the command runs. When it closes, because the other side let
go, was killed or crashed, every process of the command's group is killed and FOLDER, its temporary files, removed.
A command that ends by itself leaves its exit code in FOLDER/ended, for as long as the rope holds.
Needs only the standard library, so it starts at once.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
TRIES = 20  # to remove the folder, in a second


def main(folder: Path, command: list[str]) -> None:
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    noting = threading.Thread(target=_note_end, args=(child, folder / "ended"), daemon=True)
    noting.start()
    for signum in ENDING:
        signal.signal(signum, lambda *_: sys.exit())
    try:
        while os.read(sys.stdin.fileno(), 1024):
            pass
    finally:
        for signum in ENDING:  # it is ending: nothing may cut the tidying up short
            signal.signal(signum, signal.SIG_IGN)
        if child.returncode is None:
            _kill_group(child.pid)
        noting.join()  # first, lest it write into a folder that is being removed
        _remove(folder)


def _note_end(child: subprocess.Popen[bytes], note: Path) -> None:
    code = child.wait()
    _kill_group(child.pid)  # what the command left behind; later the number may be somebody else's
    with contextlib.suppress(FileNotFoundError):  # somebody else may have removed the folder
        note.write_text(str(code))


def _remove(folder: Path) -> None:
    """Again, where one of those who were killed finished a file meanwhile."""
    for _ in range(TRIES):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.05)


def _kill_group(group: int) -> None:
    """Nothing here is worth saving, so nobody is asked to finish."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
