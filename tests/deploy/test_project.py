"""Chalice, run on a copy of the project."""

import signal
import subprocess
import sys
from pathlib import Path

DEPLOY = """
import signal, sys
from pathlib import Path
from deploy.__main__ import main

signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs in the background was told to ignore it
sys.exit(main({}, root=Path({})))
"""
SLOW_APP = "import time; print('chalice reads app.py', flush=True); time.sleep(60)"


def test_ctrl_c_ends_chalice_too_and_says_how_to_go_on(project: Path) -> None:
    (project / "app.py").write_text(SLOW_APP)
    command = [sys.executable, "-c", DEPLOY.format(["package", "dev"], repr(str(project)))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as deploying:  # noqa: S603 - this file's own text
        assert deploying.stdout is not None
        assert "chalice reads app.py" in deploying.stdout.readline()
        deploying.send_signal(signal.SIGINT)
        _, said = deploying.communicate(timeout=10)  # which ends once chalice has let go of its end, too
    assert deploying.returncode == 1
    assert said.startswith("Stopped.")
    assert "Traceback" not in said
