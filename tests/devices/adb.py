"""The real adb for tests: a server of its own, on a port of its own."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

needs_adb = pytest.mark.skipif(shutil.which("adb") is None, reason="no adb; apt-get install adb")


@contextmanager
def own_adb_server(folder: str) -> Iterator[None]:
    """While the block runs, adb's server is another one than this machine's."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANDROID_ADB_SERVER_PORT", str(port))
        patch.setenv("ANDROID_SDK_HOME", folder)  # where adb keeps its keys
        yield
        subprocess.run(["adb", "kill-server"], stderr=subprocess.DEVNULL, check=False, timeout=30)


def adb(serial: str, *words: str, timeout: float = 60) -> subprocess.CompletedProcess[bytes]:
    """One call of adb, to its end."""
    command = ["adb", "-s", serial, *words]
    return subprocess.run(command, capture_output=True, check=False, timeout=timeout)


def connect(serial: str) -> None:
    """Make a device known to adb."""
    silent = subprocess.DEVNULL
    # Into nothing: the server keeps the pipes of whoever starts it.
    subprocess.run(["adb", "start-server"], stdout=silent, stderr=silent, check=True, timeout=60)
    said = subprocess.run(
        ["adb", "connect", serial], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert "connected to" in said, said
