"""A browser as a device: `open_browser` picks the engine that this machine has."""

from __future__ import annotations

import logging
from functools import cache

from agentenv.devices.browser.device import BROWSER_DEVICE_ACTIONS, SETTLE_MS, BrowserDevice
from agentenv.devices.browser.engine import CALL_TIMEOUT, LOAD_TIMEOUT, Engine
from agentenv.devices.browser.launch import HEADLESS_SHELL, find_browser
from agentenv.devices.browser.lockstep import LockstepEngine
from agentenv.devices.browser.playwright_engine import PlaywrightEngine
from agentenv.errors import ConfigError

logger = logging.getLogger(__name__)

__all__ = ["BROWSER_DEVICE_ACTIONS", "SETTLE_MS", "BrowserDevice", "open_browser"]


def open_browser(
    width: int,
    height: int,
    engine: str = "auto",
    *,
    timeout: float = CALL_TIMEOUT,
    load_timeout: float = LOAD_TIMEOUT,
) -> BrowserDevice:
    """A browser that starts at its first `reset`.

    Args:
        width, height: of the page, in pixels.
        engine: "lockstep" (fast and exactly repeatable, needs chromium-headless-shell),
            "playwright" (ordinary Chromium), or "auto": lockstep where it is installed.
        timeout: seconds without an answer after which a page counts as hung.
        load_timeout: seconds a page may take to become ready.

    Raises:
        ConfigError: no such engine.
    """
    if engine not in ("auto", "lockstep", "playwright"):
        raise ConfigError(f"engine is 'auto', 'lockstep' or 'playwright', not {engine!r}")

    def make_engine() -> Engine:
        chosen = available_engine() if engine == "auto" else engine
        if chosen == "lockstep":
            return LockstepEngine(width, height, timeout)
        return PlaywrightEngine(width, height, timeout)

    return BrowserDevice(width, height, make_engine, load_timeout)


@cache
def available_engine() -> str:
    """The better of the engines that this machine can run; said in the log once."""
    found = find_browser(HEADLESS_SHELL)
    if found:
        logger.info("browser: lockstep, with %s", found)
        return "lockstep"
    logger.info(
        "browser: ordinary Chromium through Playwright, several times slower; "
        "chromium-headless-shell is not installed"
    )
    return "playwright"
