"""A device that fails says so, and the next reset works."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from agentenv.actions import Tap
from agentenv.devices.base import BrowserSetup, DeviceFeatures, Setup
from agentenv.devices.browser import BROWSER_DEVICE_ACTIONS, BrowserDevice, open_browser
from agentenv.errors import ConfigError, DeviceError
from tests.devices.browser_pages import SIZE, find, open_page, write_page
from tests.devices.conftest import ENGINES, one_engine, open_test_browser
from tests.devices.local_sites import Site


def test_features_are_known_before_the_browser_starts() -> None:
    features = open_browser(160, 210).features
    assert features == DeviceFeatures("browser", 210, 160, BROWSER_DEVICE_ACTIONS)
    assert "answer" not in features.action_types


@one_engine
def test_only_a_browser_setup_sets_up_a_browser(browser: BrowserDevice) -> None:
    with pytest.raises(ConfigError):
        browser.reset(Setup())
    with pytest.raises(ConfigError, match="lockstep"):
        open_browser(10, 10, "selenium")


def test_a_device_that_was_not_reset_says_so() -> None:
    device = open_browser(160, 210)
    for call in (device.observe, device.state, lambda: device.act(Tap(point=(0, 0)))):
        with pytest.raises(DeviceError) as caught:
            call()
        assert caught.value.cause == "not_connected"


def assert_works(device: BrowserDevice, folder: Path) -> None:
    open_page(device, folder, "<button onclick='log.push(1)'>Fine</button>")
    device.act(Tap(element=find(device, "Fine").index))
    assert device.state() == {"log": [1]}


def test_a_page_that_throws_is_a_page(browser: BrowserDevice, tmp_path: Path) -> None:
    open_page(browser, tmp_path, "<script>throw new Error('no')</script><p>Still here</p>")
    find(browser, "Still here")


@pytest.mark.parametrize(
    ("engine", "ready", "start", "cause"),
    [
        ("lockstep", "window.never === true", "", "page_not_ready"),
        ("playwright", "window.no.such.thing", "", "page_not_ready"),
        ("lockstep", "true", "throw new Error('bad start')", "start_failed"),
        ("lockstep", "true", "await Promise.reject(new Error('no'))", "start_failed"),
        ("playwright", "true", "await Promise.reject(new Error('no'))", "start_failed"),
        ("lockstep", "true", "await new Promise(() => {})", "page_hung"),
        ("lockstep", "true", "while (true) {}", "page_hung"),
    ],
)
def test_a_page_that_cannot_be_started_is_a_device_error(
    engine: str, tmp_path: Path, ready: str, start: str, cause: str
) -> None:
    device = open_test_browser(engine, timeout=3, load_timeout=10 if start else 3)
    try:
        with pytest.raises(DeviceError) as caught:
            device.reset(BrowserSetup(write_page(tmp_path, "x"), ready=ready, start=start))
        assert caught.value.cause == cause
        assert_works(device, tmp_path)
    finally:
        device.close()


def test_an_address_that_is_not_there_is_a_device_error(
    browser: BrowserDevice, tmp_path: Path
) -> None:
    for url in ((tmp_path / "none.html").as_uri(), "http://127.0.0.1:1/"):
        with pytest.raises(DeviceError) as caught:
            browser.reset(BrowserSetup(url))
        assert caught.value.cause == "page_not_loaded"
    assert_works(browser, tmp_path)


def test_a_broken_state_expression_is_a_device_error(
    browser: BrowserDevice, tmp_path: Path
) -> None:
    for expression in ("no.such.thing", "42", "{", "a) + (", "window", "(a => (a.a = a))({})"):
        browser.reset(BrowserSetup(write_page(tmp_path, "x"), state=expression))
        with pytest.raises(DeviceError) as caught:
            browser.state()
        assert caught.value.cause == "state_failed"
        assert browser.observe().elements


@pytest.mark.parametrize(
    ("engine", "loop"),
    [
        ("lockstep", "while (true) {}"),
        ("lockstep", "setTimeout(() => { while (true) {} }, 5)"),
        ("playwright", "while (true) {}"),
    ],
)
def test_an_endless_loop_is_a_hung_page(engine: str, tmp_path: Path, loop: str) -> None:
    device = open_test_browser(engine, timeout=3)
    try:
        open_page(device, tmp_path, f"<button onclick='{loop}'>Go</button>")
        with pytest.raises(DeviceError) as caught:
            device.act(Tap(element=find(device, "Go").index))
        assert caught.value.cause == "page_hung"
        assert_works(device, tmp_path)
    finally:
        device.close()


def browser_children() -> list[psutil.Process]:
    """Chromium's processes started by this one (or by Playwright's driver for it)."""
    children = psutil.Process().children(recursive=True)
    return [child for child in children if "chrom" in child.name()]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("victim", ["browser", "page"])
def test_a_killed_browser_is_reported_and_replaced(
    engine: str, tmp_path: Path, victim: str
) -> None:
    before = {child.pid for child in browser_children()}
    device = open_test_browser(engine)
    try:
        open_page(device, tmp_path, "<button>Go</button>")
        mine = [child for child in browser_children() if child.pid not in before]
        if victim == "browser":
            chosen = [one for one in mine if "--type=" not in " ".join(one.cmdline())]
        else:
            chosen = [one for one in mine if "--type=renderer" in " ".join(one.cmdline())]
        for one in chosen:
            one.kill()
        with pytest.raises(DeviceError) as caught:
            device.act(Tap(point=(0.5, 0.5)))
        assert caught.value.cause == "browser_crashed"
        assert_works(device, tmp_path)
    finally:
        device.close()


def profiles_of(processes: list[psutil.Process]) -> set[Path]:
    arguments = [argument for process in processes for argument in process.cmdline()]
    start = "--user-data-dir="
    return {Path(one.removeprefix(start)) for one in arguments if one.startswith(start)}


@pytest.mark.parametrize("engine", ENGINES)
def test_closing_leaves_no_process_and_no_profile(engine: str, tmp_path: Path) -> None:
    before = {child.pid for child in browser_children()}
    device = open_test_browser(engine)
    open_page(device, tmp_path, "x")
    mine = [child for child in browser_children() if child.pid not in before]
    profiles = profiles_of(mine)
    device.close()
    device.close()
    _, alive = psutil.wait_procs(mine, timeout=10)
    assert mine
    assert not alive
    if engine == "lockstep":
        assert profiles
        assert not any(profile.exists() for profile in profiles)
    assert_works(device, tmp_path)
    device.close()


def test_the_browser_ends_with_a_process_that_was_killed(
    lockstep: BrowserDevice, tmp_path: Path
) -> None:
    """Lockstep only: Playwright's driver sees to it on the other engine."""
    lockstep.close()  # cleaning up is done at a start
    url = write_page(tmp_path, "x")
    code = (
        "import sys, time\n"
        "from agentenv.devices.base import BrowserSetup\n"
        "from agentenv.devices.browser import open_browser\n"
        "device = open_browser(160, 210, 'lockstep')\n"
        "device.reset(BrowserSetup(sys.argv[1]))\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)\n"
    )
    owner = subprocess.Popen([sys.executable, "-c", code, url], stdout=subprocess.PIPE)
    assert owner.stdout is not None
    assert owner.stdout.readline() == b"ready\n"
    browsers = psutil.Process(owner.pid).children(recursive=True)
    profiles = profiles_of(browsers)
    os.kill(owner.pid, signal.SIGKILL)
    owner.wait()
    _, alive = psutil.wait_procs(browsers, timeout=10)
    assert browsers
    assert not alive
    open_page(lockstep, tmp_path, "The next browser cleans up.")
    assert profiles
    assert not any(profile.exists() for profile in profiles)


@pytest.fixture
def site() -> Iterator[str]:
    """/a, /b: pages; /slow: after half a second; /never: not at all."""
    site = Site()

    def page(path: str, seconds: float = 0) -> Callable[[bytes], str]:
        def answer(_: bytes) -> str:
            time.sleep(seconds)
            return f"""<title>{path}</title><p>This is {path}</p>
            <a href='{site.other_url}/b'>Other</a>
            <button onclick="fetch('/slow').then(() => {{ document.title = 'got' }})">Fetch</button>
            <button onclick="location = '/slow'">Slow</button>
            <button onclick="fetch('/never')">Never</button>"""

        return answer

    site.pages |= {path: page(path) for path in ("/a", "/b")}
    site.pages |= {"/slow": page("/slow", 0.5), "/never": page("/never", 20)}
    yield site.url
    site.close()


def test_what_a_click_fetches_is_there_when_it_returns(browser: BrowserDevice, site: str) -> None:
    setup = BrowserSetup(site + "/a", state="{title: document.title}")
    browser.reset(setup)
    browser.act(Tap(element=find(browser, "Fetch").index))
    assert browser.state() == {"title": "got"}
    browser.act(Tap(element=find(browser, "Slow").index))
    find(browser, "This is /slow")


def test_a_link_to_another_site_can_be_followed(browser: BrowserDevice, site: str) -> None:
    browser.reset(BrowserSetup(site + "/a"))
    browser.act(Tap(element=find(browser, "Other", "link").index))
    find(browser, "This is /b")
    browser.act(Tap(element=find(browser, "Other", "link").index))
    browser.reset(BrowserSetup(site + "/a"))
    find(browser, "This is /a")


def test_a_request_that_is_never_answered_does_not_stop_the_page(
    browser: BrowserDevice, site: str
) -> None:
    browser.reset(BrowserSetup(site + "/a"))
    browser.act(Tap(element=find(browser, "Never").index))
    find(browser, "This is /a")


def load_pages_of_miniwob(device: BrowserDevice, every: int) -> int:
    miniwob = pytest.importorskip("miniwob")
    folder = Path(miniwob.__file__).parent / "html" / "miniwob"
    pages = sorted(folder.glob("*.html"))[::every]
    start = "core.EPISODE_MAX_TIME = 1e9; Math.seedrandom('1'); core.startEpisodeReal();"
    for page in pages:
        device.reset(BrowserSetup(page.as_uri(), start=start, state="{done: WOB_DONE_GLOBAL}"))
        assert device.observe().location == page.as_uri()
        assert device.state() == {"done": False}
        assert device.observe().elements, page.name
    assert device.observe().screenshot.shape == (SIZE[1], SIZE[0], 3)
    return len(pages)


def test_twenty_different_pages_load_in_one_browser(lockstep: BrowserDevice) -> None:
    assert load_pages_of_miniwob(lockstep, every=6) >= 20


def test_several_pages_load_in_one_playwright_browser(
    shared_browser: Callable[[str], BrowserDevice],
) -> None:
    assert load_pages_of_miniwob(shared_browser("playwright"), every=30) >= 4
