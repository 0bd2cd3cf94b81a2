"""Which engine a browser gets when nobody says."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

import agentenv.devices.browser as browser
from agentenv.devices.base import BrowserSetup
from agentenv.devices.browser.launch import CHROMIUM, HEADLESS_SHELL, find_browser


@pytest.fixture(autouse=True)
def forget_the_choice() -> Iterator[None]:
    browser.available_engine.cache_clear()
    yield
    browser.available_engine.cache_clear()


@pytest.mark.skipif(not find_browser(HEADLESS_SHELL), reason="no headless shell")
def test_lockstep_is_chosen_where_the_headless_shell_is_and_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    assert browser.available_engine() == browser.available_engine() == "lockstep"
    assert [record.message.split(",")[0] for record in caplog.records] == ["browser: lockstep"]


@pytest.mark.skipif(not find_browser(CHROMIUM), reason="no ordinary Chromium")
def test_without_the_headless_shell_the_same_device_runs_on_ordinary_chromium(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(browser, "find_browser", lambda kind: None)
    page = tmp_path / "page.html"
    page.write_text("<button>Ok</button>")
    device = browser.open_browser(160, 210)
    try:
        device.reset(BrowserSetup(page.as_uri()))
        assert [element.name for element in device.observe().elements] == ["Ok"]
    finally:
        device.close()
    assert "through Playwright" in caplog.text
