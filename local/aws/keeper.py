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
from pathlib import Path


def main(folder: Path, command: list[str]) -> None:
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    threading.Thread(target=_note_end, args=(child, folder / "ended"), daemon=True).start()
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(signum, lambda *_: sys.exit())
    try:
        while os.read(sys.stdin.fileno(), 1024):
            pass
    finally:
        if child.returncode is None:
            _kill_group(child.pid)
        child.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _note_end(child: subprocess.Popen[bytes], note: Path) -> None:
    code = child.wait()
    _kill_group(child.pid)  # what the command left behind; later the number may be somebody else's
    with contextlib.suppress(FileNotFoundError):  # the folder is gone when the rope was let go first
        note.write_text(str(code))


def _kill_group(group: int) -> None:
    """Nothing here is worth saving, so nobody is asked to finish."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
