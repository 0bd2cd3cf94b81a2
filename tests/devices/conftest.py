"""What the tests of devices share: a browser of each engine, adb's server, an Appium server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agentenv.devices.browser import BrowserDevice, available_engine, open_browser
from agentenv.devices.browser.launch import CHROMIUM, HEADLESS_SHELL, find_browser
from tests.devices.adb import own_adb_server
from tests.devices.appium_server import serve_appium
from tests.devices.browser_pages import SIZE
from tests.devices.local_sites import Site

ENGINES = ("lockstep", "playwright")
one_engine = pytest.mark.parametrize("browser", ["auto"], indirect=True)
"""For what a page sees of code that the engines share: the better engine there is."""


def open_test_browser(engine: str, timeout: float = 10, load_timeout: float = 30) -> BrowserDevice:
    """A browser of that engine; skips where the engine's Chromium is not installed."""
    skip_without(engine)
    return open_browser(*SIZE, engine, timeout=timeout, load_timeout=load_timeout)


def skip_without(engine: str) -> None:
    """Skip the test where the engine's Chromium is not installed."""
    kinds = [HEADLESS_SHELL] if engine == "lockstep" else [CHROMIUM, HEADLESS_SHELL]
    if not any(find_browser(kind) for kind in kinds):
        pytest.skip(f"no Chromium for the {engine} engine")


@pytest.fixture(scope="package")
def shared_browser() -> Iterator[Callable[[str], BrowserDevice]]:
    """Gives the browser of an engine, one for all tests that break none."""
    opened: dict[str, BrowserDevice] = {}

    def give(engine: str) -> BrowserDevice:
        chosen = available_engine() if engine == "auto" else engine
        if chosen not in opened:
            opened[chosen] = open_test_browser(chosen)
        return opened[chosen]

    yield give
    for device in opened.values():
        device.close()


@pytest.fixture(params=ENGINES)
def browser(
    request: pytest.FixtureRequest, shared_browser: Callable[[str], BrowserDevice]
) -> BrowserDevice:
    return shared_browser(request.param)


@pytest.fixture
def lockstep(shared_browser: Callable[[str], BrowserDevice]) -> BrowserDevice:
    return shared_browser("lockstep")


@pytest.fixture(scope="package")
def adb_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """adb has a server that is the tests' own."""
    with own_adb_server(str(tmp_path_factory.mktemp("adb"))):
        yield


@pytest.fixture(scope="package")
def appium_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a real Appium server that is up."""
    pytest.importorskip("appium")
    with serve_appium(tmp_path_factory.mktemp("appium") / "log") as url:
        yield url


@pytest.fixture
def sites(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The test's folder, served under two addresses that are two sites to a browser.

    /nothing answers without content.
    """
    site = Site(folder=tmp_path)
    site.pages["/nothing"] = None
    yield site.url, site.other_url
    site.close()
