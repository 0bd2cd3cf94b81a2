"""A browser as a device: `open_browser` picks the engine that this machine has."""

from __future__ import annotations

import logging
from functools import cache

from agentenv.devices.browser.device import (
    BROWSER_DEVICE_ACTIONS,
    SETTLE_MS,
    BrowserDevice,
    Evaluate,
)
from agentenv.devices.browser.engine import CALL_TIMEOUT, LOAD_TIMEOUT, Engine
from agentenv.devices.browser.launch import HEADLESS_SHELL, find_browser
from agentenv.devices.browser.lockstep import LockstepEngine
from agentenv.devices.browser.playwright_engine import PlaywrightEngine
from agentenv.devices.browser.viewports import (
    DEFAULT_VIEWPORT,
    VIEWPORTS,
    Viewport,
    get_viewport,
)
from agentenv.errors import ConfigError

logger = logging.getLogger(__name__)

__all__ = [
    "BROWSER_DEVICE_ACTIONS",
    "SETTLE_MS",
    "VIEWPORTS",
    "BrowserDevice",
    "Evaluate",
    "Viewport",
    "open_browser",
]


def open_browser(
    width: int = DEFAULT_VIEWPORT.width,
    height: int = DEFAULT_VIEWPORT.height,
    engine: str = "auto",
    *,
    viewport: Viewport | str | None = None,
    timeout: float = CALL_TIMEOUT,
    load_timeout: float = LOAD_TIMEOUT,
    draw_whole: bool = False,
    still: bool = False,
) -> BrowserDevice:
    """A browser that starts at its first `reset`.

    Args:
        width, height: of the page, in CSS pixels.
        engine: "lockstep" (fast and exactly repeatable, needs chromium-headless-shell),
            "playwright" (ordinary Chromium), or "auto": lockstep where it is installed.
        viewport: a screen instead of `width` and `height`, or the name of one (`VIEWPORTS`).
        timeout: seconds without an answer after which a page counts as hung.
        load_timeout: seconds a page may take to become ready.
        draw_whole: a part of the screen that is drawn anew may differ by a shade, where it is
            round, from the same drawn with the whole. Draw all of it, for a tenth of the time
            more: for pages whose pictures must follow from their state alone (lockstep only).
        still: see `BrowserDevice`.

    Raises:
        ConfigError: no such engine, or no such viewport.
    """
    screen = Viewport(width, height) if viewport is None else viewport
    screen = get_viewport(screen) if isinstance(screen, str) else screen
    if engine not in ("auto", "lockstep", "playwright"):
        raise ConfigError(
            f"engine is 'auto', 'lockstep' or 'playwright', not {engine!r} (tasks of the suites "
            "phone and android run on Android too)"
        )

    def make_engine() -> Engine:
        chosen = available_engine() if engine == "auto" else engine
        if chosen == "lockstep":
            return LockstepEngine(screen, timeout, draw_whole=draw_whole)
        return PlaywrightEngine(screen, timeout)

    return BrowserDevice(screen, make_engine, load_timeout, still=still)


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
