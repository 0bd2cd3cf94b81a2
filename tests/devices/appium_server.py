"""A real Appium server, from npm, and sessions on a real browser's driver."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agentenv.devices.android.chrome import desktop_chromium
from agentenv.devices.browser.launch import CHROMIUM, find_browser

HOME = Path(os.environ.get("APPIUM_HOME") or Path(sys.prefix) / "appium")
"""Where `make test` installs it; or Appium's own variable says where it is."""
PROGRAM = HOME / "node_modules" / ".bin" / "appium"
needs_appium = [
    pytest.mark.skipif(not PROGRAM.exists(), reason="no Appium server; make test installs it"),
    pytest.mark.skipif(
        shutil.which("chromedriver") is None or find_browser(CHROMIUM) is None,
        reason="no chromedriver with its Chromium; apt-get install chromium chromium-driver",
    ),
]


@contextmanager
def serve_appium(log: Path) -> Iterator[str]:
    """A server that is up; its address. It prints to `log`."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with log.open("w") as out:
        server = subprocess.Popen(
            [PROGRAM, "--address", "127.0.0.1", "--port", str(port), "--use-drivers", "chromium"],
            env={**os.environ, "APPIUM_HOME": str(HOME)},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        while not is_up(address):
            assert server.poll() is None, log.read_text()
            time.sleep(0.2)
        yield address
    finally:
        server.terminate()
        server.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_up(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/status", timeout=5):
            return True
    except OSError:
        return False


def capabilities() -> dict[str, Any]:
    """Of a session on this machine's Chromium, which takes itself for a phone's browser."""
    asked = desktop_chromium()
    screen = {"width": 360, "height": 640, "pixelRatio": 1.0}
    asked["goog:chromeOptions"]["mobileEmulation"] = {"deviceMetrics": screen}
    return asked
