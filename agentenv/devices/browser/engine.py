"""What the device needs of a browser. Two engines provide it: lockstep and Playwright."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

InputEvent = tuple[str, Mapping[str, Any]]
"""Method and parameters of a DevTools call that delivers input."""

START_OF_TIME = 1_735_732_800.0
"""Every page opens at this instant (Unix time: 2025-01-01 12:00 UTC)."""
CALL_TIMEOUT = 10.0
"""Seconds without an answer after which a page counts as hung."""
LOAD_TIMEOUT = 30.0
"""Seconds a page may take to load and become ready."""
NETWORK_PATIENCE = 5.0
"""Seconds for which the page's clock waits for a network request."""


class ScriptError(Exception):
    """A script evaluated in the page threw; the message is the page's."""


class Engine(Protocol):
    """One page in one browser process, whose clock runs only in `advance`.

    Every method may raise `DeviceError` ("page_hung", "browser_crashed").
    """

    name: str
    """"lockstep" or "playwright"."""

    def open(self) -> None:
        """Start the browser and open an empty page."""

    def navigate(self, url: str) -> None:
        """Begin to load a page; returns once it has replaced the old one.

        Raises:
            DeviceError: the address cannot be loaded ("page_not_loaded").
        """

    def evaluate(self, expression: str, *, timeout: float | None = None) -> Any:
        """The JSON value of a JavaScript expression; a promise is awaited.

        Raises:
            ScriptError: it threw.
        """

    def call(self, method: str, **params: Any) -> Mapping[str, Any]:
        """A DevTools call to the page."""

    def send_input(self, events: Sequence[InputEvent]) -> None:
        """Deliver input; returns when the page has handled it."""

    def advance(self, milliseconds: float) -> None:
        """Let the page's clock run, then draw a frame."""

    def screenshot(self) -> bytes:
        """The page as it is now, as PNG."""

    def close(self) -> None:
        """End the browser; may be called twice, and while a call of another thread hangs."""


def call_page(engine: Engine, function: str, *arguments: Any) -> Any:
    """Call one of our functions in the page (see the `page` folder).

    Returns:
        its JSON value.
    """
    listed = ", ".join(json.dumps(argument) for argument in arguments)
    return engine.evaluate(f"window.__agentenv.{function}({listed})")
