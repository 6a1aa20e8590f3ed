"""ministack, the AWS emulator, as a process of its own on a port of its own."""

import os
import shutil
import subprocess
import tempfile
import urllib.request
from pathlib import Path

from local.aws.process import CannotStart, Process, port_to_use

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv" / "aws" / "bin" / "python"
HOST = "127.0.0.1"
REGION = "us-east-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}
ROOM = 4 * 2**30  # bytes; some 60 MB for each process of a function
SLOWEST_START = 30.0  # seconds; about two on an idle machine


class Server:
    """A fresh, empty AWS. Everything in it is gone after `stop`."""

    def __init__(self, *, port: int | None = None, enforce_iam: bool = False) -> None:
        if not PYTHON.exists():
            raise CannotStart("The local AWS is not installed (.venv/aws is missing): run make setup")
        self.port = port_to_use(port)
        self.endpoint_url = f"http://{HOST}:{self.port}"
        self.folder = Path(tempfile.mkdtemp(prefix="rolecall-aws-", dir=_roomy_memory()))
        self.log = self.folder / "ministack.log"
        self._process = Process(
            [str(PYTHON), "-m", "ministack"],
            environment=_environment(self.folder, self.port, enforce_iam=enforce_iam),
            folder=self.folder,
            log=self.log,
        )
        try:
            self._process.wait_until(self._healthy, within=SLOWEST_START, what="The local AWS")
        except BaseException:
            self.stop()
            raise

    @property
    def running(self) -> bool:
        return self._process.running

    def log_end(self) -> str:
        return self._process.last_lines()

    def workers(self, function: str) -> list[int]:
        """The ids of the processes in which the Lambda `function` runs; ministack names their folders after it."""
        listed = subprocess.run(["ps", "-eww", "-o", "pid=,args="], capture_output=True, text=True, check=True)  # noqa: S607
        place = f"{self.folder}/ministack-lambda-{function}-"
        return [int(line.split()[0]) for line in listed.stdout.splitlines() if place in line and "_worker.py" in line]

    def stop(self) -> None:
        self._process.stop()

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.endpoint_url}/_ministack/health", timeout=2) as answer:  # noqa: S310 - loopback
                return bool(answer.status == 200)
        except OSError:
            return False


def _roomy_memory() -> Path | None:
    """The machine's file system in memory, if it has one with room enough.

    Each process of a function unpacks its own copy of the package, thousands of files: on a disk that takes most of a
    cold start.
    """
    memory = Path("/dev/shm")  # noqa: S108 - the folder made in it has a name of its own
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > ROOM
    return memory if roomy else None


def _environment(folder: Path, port: int, *, enforce_iam: bool) -> dict[str, str]:
    """All that ministack gets to see, and with it every function: they inherit its environment."""
    return {
        **CREDENTIALS,
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder),
        "TMPDIR": str(folder),  # the functions' code is unpacked here
        "LANG": "C.UTF-8",
        "GATEWAY_PORT": str(port),
        "BIND_HOST": HOST,
        "MINISTACK_HOST": HOST,  # the host in queue URLs
        "MINISTACK_REGION": REGION,
        "AUTH": str(enforce_iam).lower(),
        "LOG_LEVEL": "INFO",
        "S3_DATA_DIR": str(folder / "s3"),
        "STATE_DIR": str(folder / "state"),
        "LAMBDA_EXECUTOR": "local",
        "DOCKER_HOST": f"unix://{folder}/no-docker.sock",  # it would look for containers to clean up
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",  # binds a fixed port
        "PYTHONDONTWRITEBYTECODE": "1",  # each function's process has a folder of its own: nothing to reuse
    }
