"""A browser as a device: `open_browser` picks the engine that this machine has."""

from __future__ import annotations

from agentenv.devices.browser.device import BrowserDevice
from agentenv.devices.browser.engine import CALL_TIMEOUT, LOAD_TIMEOUT
from agentenv.devices.browser.lockstep import LockstepEngine

__all__ = ["BrowserDevice", "open_browser"]


def open_browser(
    width: int,
    height: int,
    engine: str = "auto",
    *,
    timeout: float = CALL_TIMEOUT,
    load_timeout: float = LOAD_TIMEOUT,
) -> BrowserDevice:
    return BrowserDevice(
        width, height, lambda: LockstepEngine(width, height, timeout), load_timeout
    )
