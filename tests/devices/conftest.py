"""One browser per engine, shared by the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agentenv.devices.browser import BrowserDevice, open_browser
from agentenv.devices.browser.launch import CHROMIUM, HEADLESS_SHELL, find_browser
from tests.devices.browser_pages import SIZE
from tests.devices.local_sites import Site

ENGINES = ("lockstep", "playwright")


def open_test_browser(engine: str, timeout: float = 10, load_timeout: float = 30) -> BrowserDevice:
    """A browser of that engine; skips where the engine's Chromium is not installed."""
    skip_without(engine)
    return open_browser(*SIZE, engine, timeout=timeout, load_timeout=load_timeout)


def skip_without(engine: str) -> None:
    """Skip the test where the engine's Chromium is not installed."""
    kinds = [HEADLESS_SHELL] if engine == "lockstep" else [CHROMIUM, HEADLESS_SHELL]
    if not any(find_browser(kind) for kind in kinds):
        pytest.skip(f"no Chromium for the {engine} engine")


@pytest.fixture(scope="module", params=ENGINES)
def browser(request: pytest.FixtureRequest) -> Iterator[BrowserDevice]:
    device = open_test_browser(request.param)
    yield device
    device.close()


@pytest.fixture
def lockstep() -> Iterator[BrowserDevice]:
    device = open_test_browser("lockstep")
    yield device
    device.close()


@pytest.fixture
def sites(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The test's folder, served under two addresses that are two sites to a browser.

    /nothing answers without content.
    """
    site = Site(folder=tmp_path)
    site.pages["/nothing"] = None
    yield site.url, site.other_url
    site.close()
