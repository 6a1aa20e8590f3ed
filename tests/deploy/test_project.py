"""Chalice, run on a copy of the project."""

import signal
import subprocess
import sys
import time
from pathlib import Path

DEPLOY = """
import signal, sys
from pathlib import Path
from deploy.__main__ import main

signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs in the background was told to ignore it
sys.exit(main({}, root=Path({})))
"""
SLOW_APP = "import time; open({}, 'w').close(); time.sleep(60)"


def test_ctrl_c_ends_chalice_too_and_says_how_to_go_on(project: Path) -> None:
    (project / "app.py").write_text(SLOW_APP.format(repr(str(project / "read"))))
    command = [sys.executable, "-c", DEPLOY.format(["package", "dev"], repr(str(project)))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as deploying:  # noqa: S603 - this file's own text
        end = time.monotonic() + 60
        while not (project / "read").exists():
            assert time.monotonic() < end, "chalice did not read app.py"
            time.sleep(0.02)
        deploying.send_signal(signal.SIGINT)
        _, said = deploying.communicate(timeout=10)  # which ends once chalice has let go of its end, too
    assert deploying.returncode == 1
    assert said.startswith("Stopped.")
    assert "Traceback" not in said
