"""What can go wrong besides the page: memory, disk, pipe, time. Each has a name of its own."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from agentenv.actions import Tap, Wait
from agentenv.devices.base import BrowserSetup
from agentenv.devices.browser import BrowserDevice, launch
from agentenv.devices.browser.cdp import Connection
from agentenv.env import DeviceEnv
from agentenv.errors import DeviceError
from tests.devices.browser_pages import find, open_page, write_page
from tests.devices.conftest import ENGINES, open_test_browser
from tests.fakes import FakeDevice, PressTask


def assert_fails(device: BrowserDevice, folder: Path, script: str, cause: str) -> None:
    """A button that runs `script` breaks the device with that cause; the next reset works."""
    open_page(device, folder, f"<button onclick='{script}'>Go</button>")
    button = find(device, "Go").index
    with pytest.raises(DeviceError) as caught:
        device.act(Tap(element=button))
    assert caught.value.cause == cause
    open_page(device, folder, "<p>Fine</p>")
    find(device, "Fine")


def test_a_page_that_hoards_memory_breaks_only_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = [flag for flag in launch.COMMON_FLAGS if not flag.startswith("--js-flags")]
    small = (*flags, "--js-flags=--max-old-space-size=32")
    monkeypatch.setattr(launch, "COMMON_FLAGS", small)
    device = open_test_browser("lockstep", timeout=60)
    hoard = "window.hoard = []; while (true) hoard.push(new Array(10000).fill(0.5));"
    try:
        assert_fails(device, tmp_path, hoard, "out_of_memory")
    finally:
        device.close()


@pytest.mark.parametrize("engine", ENGINES)
def test_every_process_of_a_browser_has_a_limit_of_memory(engine: str, tmp_path: Path) -> None:
    before = set(psutil.Process().children(recursive=True))
    device = open_test_browser(engine)
    try:
        open_page(device, tmp_path, "x")
        limits: set[tuple[int, int]] = set()
        for one in set(psutil.Process().children(recursive=True)) - before:
            with suppress(psutil.Error):  # helpers come and go
                if "chrom" in one.name() and "crashpad" not in one.name():
                    limits.add(one.rlimit(psutil.RLIMIT_DATA))
        assert limits == {(launch.MEMORY_MB << 20, launch.MEMORY_MB << 20)}
    finally:
        device.close()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_step_that_takes_too_long_is_past_its_deadline(engine: str, tmp_path: Path) -> None:
    device = open_test_browser(engine, timeout=60)
    try:
        open_page(device, tmp_path, "<button onclick='while (true) {}'>Go</button>")
        button = find(device, "Go").index
        device.deadline = time.monotonic() + 0.5
        with pytest.raises(DeviceError) as caught:
            device.act(Tap(element=button))
        assert caught.value.cause == "deadline"
        device.deadline = None
        open_page(device, tmp_path, "<p>Fine</p>")
        find(device, "Fine")
    finally:
        device.close()


def test_the_environment_gives_each_step_its_deadline() -> None:
    deadlines: list[float | None] = []

    class Watched(FakeDevice):
        def _called(self, method: str) -> None:
            super()._called(method)
            deadlines.append(self.deadline)

    device = Watched()
    env = DeviceEnv(PressTask(), device, step_timeout=5)
    env.reset(seed=0)
    assert set(deadlines) == {None}
    deadlines.clear()
    before = time.monotonic()
    env.step(Wait())
    assert deadlines
    assert all(one is not None and before + 5 <= one for one in deadlines)
    device.fail("act", cause="deadline")
    info = env.step(Wait())[4]
    assert info["infra_error"] == "deadline"
    assert info["infra_errors"] == {"deadline": 1}
    assert device.deadline is None


def test_no_room_for_a_profile_is_said_so(
    lockstep: BrowserDevice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    lockstep.close()
    url = write_page(tmp_path, "x")
    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "mkdtemp", full)
        with pytest.raises(DeviceError, match="TMPDIR") as caught:
            lockstep.reset(BrowserSetup(url))
    assert caught.value.cause == "disk_full"
    lockstep.reset(BrowserSetup(url))


def test_a_browser_that_may_write_no_file_is_a_device_error(tmp_path: Path) -> None:
    """As on a full disk; it may start or not, but nothing hangs and nothing is left."""
    code = (
        "import resource, sys\n"
        "from agentenv.devices.base import BrowserSetup\n"
        "from agentenv.devices.browser import open_browser\n"
        "from agentenv.errors import DeviceError\n"
        "device = open_browser(160, 210, 'lockstep', timeout=20)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
        "try:\n"
        "    device.reset(BrowserSetup(sys.argv[1]))\n"
        "except DeviceError as error:\n"
        "    print(error.cause)\n"
        "else:\n"
        "    print('works')\n"
        "device.close()\n"
    )
    home = tmp_path / "tmp"
    home.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", code, write_page(tmp_path, "x")],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "TMPDIR": str(home)},
    )
    assert done.stdout.strip() in ("browser_start", "disk_full", "works"), done.stderr
    assert not list(home.glob("agentenv-*"))


class Pipe:
    """A connection, and the ends of a browser that is not there."""

    def __init__(self) -> None:
        to_browser, from_us = os.pipe()
        to_us, from_browser = os.pipe()
        self.taking, self.giving = os.fdopen(to_browser, "rb"), os.fdopen(from_browser, "wb", 0)
        self.ours = [os.fdopen(to_us, "rb"), os.fdopen(from_us, "wb", 0)]
        self.connection = Connection(to_us, from_us, lambda event: None, self.explain)

    def explain(self, seen: str) -> DeviceError:
        return DeviceError(seen, "connection_lost")


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    for end in (made.taking, made.giving, *made.ours):
        end.close()


def test_a_lost_pipe_is_a_lost_connection(pipe: Pipe) -> None:
    for end in (pipe.giving, pipe.taking):
        end.close()
        with pytest.raises(DeviceError) as caught:
            pipe.connection.call("Page.enable", {})
        assert caught.value.cause == "connection_lost"


def test_what_is_no_message_is_a_lost_connection(pipe: Pipe) -> None:
    pipe.giving.write(b"Segmentation fault\0")
    with pytest.raises(DeviceError) as caught:
        pipe.connection.call("Page.enable", {})
    assert caught.value.cause == "connection_lost"


def test_a_browser_that_reads_nothing_does_not_block_a_long_message(pipe: Pipe) -> None:
    connection = pipe.connection
    connection.deadline = time.monotonic() + 0.2
    with pytest.raises(DeviceError) as caught:
        connection.send("Runtime.evaluate", {"expression": "x" * 1_000_000})
    assert caught.value.cause == "deadline"


@pytest.mark.parametrize("victim", ["owner", "driver"])
def test_playwrights_browser_ends_with_its_owner_and_its_driver(
    victim: str, tmp_path: Path
) -> None:
    """Its page is in an endless loop, so that nothing ends by being asked to."""
    open_test_browser("playwright").close()
    loop = "<button style='position: fixed; inset: 0' onclick='while (true) {}'>Go</button>"
    url = write_page(tmp_path, loop)
    code = (
        "import sys\n"
        "from agentenv.actions import Tap\n"
        "from agentenv.devices.base import BrowserSetup\n"
        "from agentenv.devices.browser import open_browser\n"
        "from agentenv.errors import DeviceError\n"
        "device = open_browser(160, 210, 'playwright', timeout=60)\n"
        "device.reset(BrowserSetup(sys.argv[1]))\n"
        "print('ready', flush=True)\n"
        "try:\n"
        "    device.act(Tap(point=(0.5, 0.5)))\n"
        "except DeviceError as error:\n"
        "    print(error.cause, flush=True)\n"
    )
    owner = subprocess.Popen([sys.executable, "-c", code, url], stdout=subprocess.PIPE)
    assert owner.stdout is not None
    assert owner.stdout.readline() == b"ready\n"
    children = psutil.Process(owner.pid).children(recursive=True)
    drivers = [one for one in children if one.name().startswith("node")]
    assert drivers
    if victim == "owner":
        os.kill(owner.pid, signal.SIGKILL)
    else:
        drivers[0].kill()
        assert owner.stdout.readline() == b"browser_crashed\n"
    owner.wait()
    _, alive = psutil.wait_procs(children, timeout=20)
    assert not alive
