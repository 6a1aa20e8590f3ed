"""Where Chromium is on this machine, and how it is started for tests and demos."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PATH = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
MISSING = "no Chromium on this machine (Debian, Ubuntu: apt install chromium)"
FLAGS = (
    "--no-sandbox",  # tests may run as root, in a container
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class NoChromium(Exception):
    """There is no Chromium; the text says where it comes from."""


@contextmanager
def browser() -> Iterator["Browser"]:
    """A Chromium without a window. Raises NoChromium."""
    if PATH is None:
        raise NoChromium(MISSING)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=PATH, args=list(FLAGS))
        try:
            yield started
        finally:
            started.close()
