"""What the device needs of a browser. Two engines provide it: lockstep and Playwright."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

from agentenv.devices.browser.downloads import Downloads
from agentenv.devices.browser.guard import NetworkGuard
from agentenv.devices.browser.notices import Notices
from agentenv.devices.browser.page_script import page_script
from agentenv.devices.browser.storage_state import StorageState
from agentenv.errors import DeviceError

logger = logging.getLogger(__name__)

InputEvent = tuple[str, Mapping[str, Any]]
"""Method and parameters of a DevTools call that delivers input."""

CALL_TIMEOUT = 10.0
"""Seconds without an answer after which a page counts as hung."""
LOAD_TIMEOUT = 30.0
"""Seconds a page may take to load and become ready."""
NETWORK_PATIENCE = 3.0
"""Seconds for which the page's clock waits for a network request."""
IMPATIENCE = 0.2
"""The same, once a request of the page has used up that patience."""
SCREENSHOT: Mapping[str, Any] = {"format": "png", "optimizeForSpeed": True}
"""How both engines ask for one: half the time for a fifth more bytes."""
_ATTEMPTS = 3
_ATTEMPT_MS = 20.0


class ScriptError(Exception):
    """A script evaluated in the page threw; the message is the page's."""


class Engine(Protocol):
    """One page in one browser process, whose clock runs only in `advance`.

    Every method may raise `DeviceError` ("page_hung", "browser_crashed").
    """

    name: str
    """"lockstep" or "playwright"."""
    deadline: float | None
    """Instant of `time.monotonic()` after which every call raises `DeviceError` ("deadline")."""
    notices: Notices
    """Answers the page's dialogs; keeps what the agent is to be told."""
    downloads: Downloads
    """Files that the browser saved."""
    file_request: Mapping[str, Any] | None
    """The last `Page.fileChooserOpened` that was not dealt with yet."""

    def open(self, guard: NetworkGuard | None = None) -> None:
        """Start the browser and open an empty page; a guard sees every request of it."""

    def renew(self, state: StorageState | None = None) -> None:
        """Forget all that pages have left in the browser, before one is opened anew.

        Args:
            state: cookies and localStorage to begin with.
        """

    def storage_state(self) -> StorageState:
        """Cookies and localStorage as they are now."""

    def navigate(self, url: str) -> None:
        """Begin to load a page; returns once it has replaced the old one.

        Raises:
            DeviceError: the address cannot be loaded ("page_not_loaded"), or is that of a
                file which the browser now downloads ("download").
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
        """Let the page's clock run: timers fire, but no frame is drawn."""

    def draw(self) -> None:
        """Draw a frame: requestAnimationFrame's callbacks run, CSS animations move on."""

    def screenshot(self, then: str = "") -> bytes:
        """The page as it is now, as PNG.

        Args:
            then: the expression that `evaluate` is given next. An engine may have the page work
                on it while the picture is still being drawn.
        """

    def await_downloads(self) -> None:
        """Give the downloads that were asked for some seconds to begin and to finish."""

    def discard_downloads(self) -> None:
        """Stop those that have not finished, and delete the files of the others."""

    def close(self) -> None:
        """End the browser; may be called twice, and while a call of another thread hangs."""


def call_page(engine: Engine, function: str, *arguments: Any) -> Any:
    """Call one of our functions in the page (see the `page` folder) with JSON arguments.

    Returns and raises like `ask_page`.
    """
    listed = ", ".join(json.dumps(argument) for argument in arguments)
    return ask_page(engine, f"window.__agentenv.{function}({listed})")


def ask_page(engine: Engine, expression: str) -> Any:
    """Evaluate an expression that uses our functions in the page.

    A page that is just being replaced by another is given time to be.

    Returns:
        its JSON value.

    Raises:
        ScriptError: it threw, or no page is there to be asked.
    """
    for _ in range(_ATTEMPTS):
        try:
            return engine.evaluate(expression)
        except ScriptError as error:
            logger.debug("asking the page again: %s", error)
            engine.advance(_ATTEMPT_MS)
            engine.draw()
            with suppress(ScriptError):
                engine.evaluate(page_script())
    return engine.evaluate(expression)


def check_navigation(url: str, result: Mapping[str, Any]) -> None:
    """Whether `Page.navigate` opened a page.

    Raises:
        DeviceError: it did not ("page_not_loaded"), or began a download ("download").
    """
    if result.get("isDownload"):
        raise DeviceError(f"{url} is a file to download and no page", "download")
    if result.get("errorText"):
        raise DeviceError(f"cannot open {url}: {result['errorText']}", "page_not_loaded")


def value_of(answer: Mapping[str, Any]) -> Any:
    """The value in the answer to `Runtime.evaluate`.

    Raises:
        ScriptError: the expression threw.
    """
    if "exceptionDetails" in answer:
        details = answer["exceptionDetails"]
        thrown = details.get("exception", {}).get("description") or details.get("text", "")
        raise ScriptError(thrown)
    return answer["result"].get("value")


OUTCOME = "window.__agentenvOutcome"
"""Gives the outcome of the last `tracked` expression whose value was a promise."""


def tracked(expression: str) -> str:
    """The expression's outcome: `{value}`, `{error}` or `{pending}`, after some microtasks.

    A promise may wait for the page's clock, which does not run while an evaluation waits;
    so it cannot simply be awaited. How long it takes must be a matter of page time alone.
    """
    return f"""(() => {{
  const value = ({expression}
  );
  if (!(value instanceof Promise)) return {{ value }};
  const outcome = {{ pending: true }};
  Object.defineProperty(window, '__agentenvOutcome', {{ value: outcome, configurable: true }});
  const settle = (result) => {{ delete outcome.pending; Object.assign(outcome, result); }};
  value.then((value) => settle({{ value }}),
    (error) => settle({{ error: String((error && error.stack) || error) }}));
  return (async () => {{
    for (let turn = 0; turn < 5 && outcome.pending; turn++) await null;
    return outcome;
  }})();
}})()"""
