# mypy: ignore-errors
"""Moments of one run at which it may be killed, to which one can go back: the account's, and the folder's on disk.

A moment is recorded after each call that differs from the one before in what a further run would find: something was
written to the account, time passed there, or a file changed. Calls in between are the same moment as the last one.

The account of a moment is a copy of this process, which waits until it is visited; then a copy of that one serves.
"""

import gc
import os
import shutil
from pathlib import Path

import clock

READING = ("Describe", "Get", "List", "GET ", "HEAD ")


class Moments:
    """Of the run that goes on. `recorded`: for each, the number of its call, what it was, and its folder's copy."""

    def __init__(self):
        self.recorded, self._pipes = [], []
        self.begin(None, None)

    def begin(self, folder, into):
        """Record from here on what happens in `folder`, with copies of it in `into`; nothing, where it is None."""
        self._folder, self._into = folder and Path(folder), into and Path(into)
        self._last, self._copied, self._writes, self._due = None, None, 0, False
        if folder:
            for wake, _ in self._pipes:
                os.close(wake)  # who waits for it ends
            self.recorded, self._pipes = [], []

    def note(self, number, call):
        """After a call, before it is answered."""
        if not self._folder:
            return
        self._writes += not call.startswith(READING)
        files = _signature(self._folder)
        if self._copied != files:
            self._copied = files
            shutil.copytree(self._folder, self._into / str(number))
            self._copy = str(self._into / str(number))
        if self._last != (self._writes, clock.now(), files):
            self._last = (self._writes, clock.now(), files)
            self.recorded.append((number, call, self._copy))
            self._due = True

    def park(self):
        """Once it is answered: leave a copy of this process behind, where a moment was recorded."""
        if not self._due:
            return
        self._due = False
        gc.freeze()
        (wait, wake), (left, leave) = os.pipe(), os.pipe()
        if os.fork():
            os.close(wait)
            os.close(leave)
            self._pipes.append((wake, left))
            return
        os.close(wake)
        self._folder = None
        while os.read(wait, 1):
            visitor = os.fork()
            if not visitor:
                return
            os.waitpid(visitor, 0)
            os.write(leave, b"!")
        os._exit(0)

    def visit(self, moment):
        """Let that moment's copy serve, until it is left."""
        wake, left = self._pipes[moment]
        os.write(wake, b"!")
        os.read(left, 1)


def _signature(folder):
    found = []
    for path, _, names in os.walk(folder):
        for name in names:
            stat = Path(path, name).stat()
            found.append((path, name, stat.st_mtime_ns, stat.st_size))
    return sorted(found)
