"""Tests are run against one changed module at a time, each time in a fork of an interpreter that is warm.

Warm: what the tests import is imported already, but for the changed module and all that imports it. The change is made
in memory, where the fork imports the module, so no file is touched however it ends. A process that a test starts, and a
test that reads the module's file, do not see the change.
"""

import gc
import importlib
import importlib.util
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

import grimp

ROOT = Path(__file__).resolve().parents[2]
SHARED = ("chalicelib", "local")  # packages of the project that are imported beforehand, where they may be
MIN_TIME = 20.0  # seconds a run of tests may take at least
PATIENCE = 10  # times what it takes without a change: then a loop is endless
POLL = 0.01  # seconds
OPTIONS = ("-q", "-x", "--assert=plain", "-p", "no:cacheprovider", "-p", "no:xdist")


class Outcome(StrEnum):
    """What became of a change."""

    KILLED = "killed"
    OVERDUE = "overdue"  # the tests did not end, which counts as noticed
    SURVIVED = "survived"


class TestsFail(Exception):
    """The tests fail without any change."""

    __test__ = False  # not a class of tests


class _Loader(SourceFileLoader):
    """Loads a module from another text than its file's."""

    def __init__(self, name: str, path: str, text: str) -> None:
        super().__init__(name, path)
        self._text = text

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002 - of the interface
        return compile(self._text, self.path, "exec", dont_inherit=True)


class _Finder(MetaPathFinder):
    """Finds one module, and gives it another text."""

    def __init__(self, name: str, path: Path, text: str) -> None:
        self._name, self._path, self._text = name, str(path), text

    def find_spec(self, name: str, _path: Sequence[str] | None, _target: ModuleType | None = None) -> ModuleSpec | None:
        if name != self._name:
            return None
        return importlib.util.spec_from_file_location(name, self._path, loader=_Loader(name, self._path, self._text))


@dataclass
class _Run:
    """A fork that runs tests."""

    index: int
    ends: float  # by time.monotonic()


def warm(module: str, tests: Sequence[str]) -> float:
    """Import what the tests need, but for the module and what imports it. Returns the time that tests may take.

    Raises TestsFail if they fail as they are.
    """
    name = dotted(module)
    kept_out = grimp.build_graph(*SHARED, cache_dir=None).find_downstream_modules(name) | {name}
    for loaded, file in _loaded_by(tests):
        path = Path(file)
        foreign = not path.is_relative_to(ROOT) or path.is_relative_to(sys.prefix)
        if (foreign or loaded.split(".")[0] in SHARED) and loaded not in kept_out and loaded not in sys.modules:
            _import(loaded)
    began = time.monotonic()
    if os.waitstatus_to_exitcode(os.waitpid(fork(lambda: _pytest(tests)), 0)[1]) != 0:
        raise TestsFail(f"{' '.join(tests)} do not pass with {module} as it is")
    return max(MIN_TIME, PATIENCE * (time.monotonic() - began))


def dotted(module: str) -> str:
    """The name by which a file's module is imported."""
    return module.removesuffix(".py").replace("/", ".")


def outcomes(
    module: str, texts: Sequence[str], tests: Sequence[str], *, most: float, jobs: int
) -> Iterator[tuple[int, Outcome]]:
    """What becomes of each text of the module, by its index, as it becomes known; after `warm`.

    `most`: the seconds that a run may take; `jobs`: how many run at once.
    """
    gc.collect()
    gc.freeze()  # the forks need not look through what they share
    running: dict[int, _Run] = {}  # by process id
    waiting = list(enumerate(texts))[::-1]
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                index, text = waiting.pop()
                pid = fork(lambda text=text: _changed(module, text, tests))  # type: ignore[misc]  # it has a default
                running[pid] = _Run(index, time.monotonic() + most)
            time.sleep(POLL)
            yield from _ended(running)
    finally:
        for pid in running:  # somebody pressed Ctrl-C
            _kill(pid)


def _ended(running: dict[int, _Run]) -> Iterator[tuple[int, Outcome]]:
    """The runs that ended, or whose time is over, with what became of them; they are no longer running."""
    now = time.monotonic()
    for pid, run in list(running.items()):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if not ended and now <= run.ends:
            continue
        if not ended:
            _kill(pid)
        del running[pid]
        yield run.index, Outcome.OVERDUE if not ended else Outcome.KILLED if status else Outcome.SURVIVED


def _import(name: str) -> None:
    with suppress(Exception):  # then each fork imports it, or fails
        importlib.import_module(name)


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):  # it may be so young that it has no group of its own yet
        os.killpg(pid, signal.SIGKILL)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def _changed(module: str, text: str, tests: Sequence[str]) -> int:
    os.setsid()  # a group of its own, with all that the tests start
    sys.meta_path.insert(0, _Finder(dotted(module), ROOT / module, text))
    return _pytest(tests)


def _pytest(tests: Sequence[str]) -> int:
    import pytest  # here, since a change is to be in force before anything is imported

    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)
    os.dup2(null, 2)
    return int(pytest.main([*OPTIONS, *tests]))


def fork(do: Callable[[], int]) -> int:
    """Do it in a child, and return its id.

    The child's exit code is what is returned, or 99 if anything is raised.
    """
    sys.stdout.flush()
    if pid := os.fork():
        return pid
    code = 99
    try:
        code = do()
        sys.stdout.flush()
    except BaseException:  # noqa: BLE001 - a child never goes on with what its parent does
        traceback.print_exc()
    finally:
        os._exit(code)


def _loaded_by(tests: Sequence[str]) -> list[tuple[str, str]]:
    """The names and files of the modules that a run of the tests imports."""
    reader, writer = os.pipe()

    def run() -> int:
        code = _pytest(tests)
        files = [(name, getattr(module, "__file__", None)) for name, module in sys.modules.items()]
        with os.fdopen(writer, "w") as told:
            json.dump([(name, file) for name, file in files if file and name != "__main__"], told)
        return code

    pid = fork(run)
    os.close(writer)
    with os.fdopen(reader) as told:
        loaded: list[tuple[str, str]] = json.loads(told.read() or "[]")
    os.waitpid(pid, 0)
    return loaded
