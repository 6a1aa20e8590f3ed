"""Nothing that was started may outlive the one who started it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from local.aws.process import CannotStart, Process, port_to_use

A_FAMILY = "sleep 60 & echo $! > {pids}; echo $$ >> {pids}; sleep 60"  # a parent and its child


def started(folder: Path, pids: Path, script: str = A_FAMILY) -> Process:
    folder.mkdir()
    return Process(
        ["sh", "-c", script.format(pids=pids)],
        environment={"PATH": os.environ["PATH"]},
        folder=folder,
        log=folder / "log",
    )


def wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not true():
        assert time.monotonic() < end, "waited 10 s in vain"
        time.sleep(0.02)


def read_pids(path: Path) -> list[int]:
    wait_until(lambda: path.exists() and len(path.read_text().split()) == 2)
    return [int(pid) for pid in path.read_text().split()]


def alive(pid: int) -> bool:
    asked = ["ps", "-o", "stat=", "-p", str(pid)]
    shown = subprocess.run(asked, capture_output=True, text=True, check=False).stdout  # noqa: S603 - fixed words, a number
    return bool(shown.strip()) and not shown.startswith("Z")


def test_stopping_ends_the_command_its_children_and_its_folder(tmp_path: Path) -> None:
    process = started(tmp_path / "own", tmp_path / "pids")
    family = read_pids(tmp_path / "pids")
    assert all(map(alive, family))
    process.stop()
    wait_until(lambda: not any(map(alive, family)))
    assert not (tmp_path / "own").exists()


STARTER = """
import sys, time
from pathlib import Path
from tests.local.aws.test_process import started
started(Path(sys.argv[1]), Path(sys.argv[2]))
time.sleep(60)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "terminated"])
def test_the_command_ends_when_the_one_who_started_it_is(tmp_path: Path, how: signal.Signals) -> None:
    command = [sys.executable, "-c", STARTER, str(tmp_path / "own"), str(tmp_path / "pids")]
    starter = subprocess.Popen(command)  # noqa: S603 - this file's own text
    family = read_pids(tmp_path / "pids")
    starter.send_signal(how)
    starter.wait()
    wait_until(lambda: not any(map(alive, family)))
    wait_until(lambda: not (tmp_path / "own").exists())


SLOW_KEEPER = """
import os, shutil, sys, time
from pathlib import Path
from local.aws import keeper

write, remove = Path.write_text, shutil.rmtree

def write_late(*args, **kwargs):
    time.sleep(0.3)
    return write(*args, **kwargs)

def remove_slowly(folder, **_):
    for name in os.listdir(folder):
        os.unlink(folder / name)
    time.sleep(0.6)
    try:
        os.rmdir(folder)
    except OSError:
        pass

Path.write_text, shutil.rmtree = write_late, remove_slowly
keeper.TRIES = 1
keeper.main(Path(sys.argv[1]), ["sleep", "60"])
"""


def test_nothing_is_left_where_the_end_is_noted_while_the_folder_is_removed(tmp_path: Path) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "log").touch()
    command = [sys.executable, "-c", SLOW_KEEPER, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as keeper:  # noqa: S603 - this file's own text
        time.sleep(0.5)
        assert keeper.stdin is not None
        keeper.stdin.close()
        assert keeper.wait(timeout=10) == 0
    assert not folder.exists()


def test_what_ends_by_itself_is_an_error_that_shows_its_last_words(tmp_path: Path) -> None:
    process = started(tmp_path / "own", tmp_path / "pids", script="echo no room >&2; sleep 0.2; exit 3")
    with pytest.raises(CannotStart, match=r"(?s)ended by itself.*no room"):
        process.wait_until(lambda: False, within=10, what="The thing")
    process.stop()


def test_what_never_gets_ready_is_an_error_that_shows_its_last_words(tmp_path: Path) -> None:
    process = started(tmp_path / "own", tmp_path / "pids", script="echo still loading; sleep 60")
    with pytest.raises(CannotStart, match=r"(?s)not ready.*still loading"):
        process.wait_until(lambda: False, within=0.5, what="The thing")
    process.stop()


def test_a_port_is_found_where_none_is_wanted() -> None:
    assert 1024 <= port_to_use(None) <= 65535


def test_a_port_that_somebody_listens_on_is_refused() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with pytest.raises(CannotStart, match="Port"):
            port_to_use(listener.getsockname()[1])
