"""The same page on Playwright and ordinary Chromium, where lockstep is not to be had.

About a tenth of lockstep's speed: every frame waits for the display's, and a screenshot is
taken only after two of them, or it would now and then show the page before the action.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from agentenv.devices.browser.cdp import Then, past_deadline
from agentenv.devices.browser.downloads import PATIENCE, Downloads
from agentenv.devices.browser.engine import (
    CALL_TIMEOUT,
    LOAD_TIMEOUT,
    NETWORK_PATIENCE,
    OUTCOME,
    SCREENSHOT,
    InputEvent,
    ScriptError,
    check_navigation,
    tracked,
    value_of,
)
from agentenv.devices.browser.guard import NetworkGuard
from agentenv.devices.browser.launch import (
    CHROMIUM,
    COMMON_FLAGS,
    HEADLESS_SHELL,
    find_browser,
    limit_memory,
    require_browser,
    sandbox_flags,
    scale_flags,
)
from agentenv.devices.browser.notices import Notices
from agentenv.devices.browser.page_script import START_OF_TIME, page_script
from agentenv.devices.browser.playwright_requests import OpenRequests
from agentenv.devices.browser.storage_state import StorageState
from agentenv.devices.browser.touch import as_touch
from agentenv.devices.browser.viewports import Viewport
from agentenv.errors import ConfigError, DeviceError
from agentenv.worker import Worker

_FLAGS = ("--disable-frame-rate-limit", "--disable-gpu-vsync")
_START_TIMEOUT = 60.0
_HEAD_START = 3600.0
_PUMP_MS = 50.0
"""Page time that passes between two looks at a promise."""
_GONE = "the browser or its page ended; the next reset starts another"
_CLOSED = "browser has been closed"
_LOOK_EVERY = 0.2
"""Seconds between two looks at whether the page crashed: then its calls never return."""
_KEEP_FRAMES = """Object.defineProperty(window, '__agentenvFrame', {
  value: window.requestAnimationFrame.bind(window),
});"""
"""Runs before Playwright replaces the page's clocks, frames included."""
_TWO_FRAMES = """new Promise((done) => {
  const frame = window.__agentenvFrame || requestAnimationFrame;
  frame(() => frame(() => done(true)));
})"""
_MOVE_ANIMATIONS = "(ms) => window.__agentenv && window.__agentenv.moveAnimations(ms)"

_Result = TypeVar("_Result")


class PlaywrightEngine:
    """One page of one Chromium.

    Playwright's objects belong to the thread that made them, so a thread of this engine's
    own owns them; that also gives every call a deadline.
    """

    name = "playwright"

    def __init__(self, viewport: Viewport, timeout: float = CALL_TIMEOUT) -> None:
        """`open` starts the browser.

        Args:
            viewport: the page's screen.
            timeout: seconds without an answer after which the page counts as hung.
        """
        self._viewport = viewport
        self._timeout = timeout
        self.deadline: float | None = None
        self.notices = Notices()
        self.downloads = Downloads(self.notices)
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self.file_request: Mapping[str, Any] | None = None
        self._worker: Worker | None = None
        self._pid: int | None = None
        self._guard: NetworkGuard | None = None
        self._requests = OpenRequests()
        self._crashed = False

    def open(self, guard: NetworkGuard | None = None) -> None:
        self._crashed = False
        self._guard = guard
        self._worker = Worker("agentenv-playwright")
        try:
            self._run(self._open, _START_TIMEOUT)
        except DeviceError as error:
            raise DeviceError(f"the browser did not start: {error}", "browser_start") from error

    def renew(self, state: StorageState | None = None) -> None:
        self._run(lambda: self._new_page(state), LOAD_TIMEOUT)

    def storage_state(self) -> StorageState:
        return self._run(self._storage_state, LOAD_TIMEOUT)

    def navigate(self, url: str) -> None:
        result = self.call("Page.navigate", url=url)
        check_navigation(url, result)

    def evaluate(self, expression: str, *, timeout: float | None = None) -> Any:
        limit = timeout or self._timeout
        return self._run(lambda: self._evaluate(expression, time.monotonic() + limit), limit + 1)

    def call(self, method: str, **params: Any) -> Mapping[str, Any]:
        return self._run(lambda: self._send(method, params))

    def send_input(self, events: Sequence[InputEvent]) -> None:
        def send() -> None:
            for method, params in as_touch(events) if self._viewport.mobile else events:
                self._send(method, params)

        self._run(send)

    def advance(self, milliseconds: float) -> None:
        self._run(lambda: self._advance(milliseconds), self._timeout + 2 * NETWORK_PATIENCE)

    def draw(self) -> None:
        self._run(self._draw)

    def screenshot(self, then: str = "") -> bytes:
        def shoot() -> bytes:
            self._draw()
            shot = self._send("Page.captureScreenshot", SCREENSHOT)
            return base64.b64decode(shot["data"])

        return self._run(shoot)

    def await_downloads(self) -> None:
        deadline = time.monotonic() + PATIENCE

        def wait() -> None:
            while self.downloads.pending and time.monotonic() < deadline:
                self._page.wait_for_timeout(5)

        self._run(wait)
        self.downloads.give_up()

    def discard_downloads(self) -> None:
        def stop() -> None:
            for guid in self.downloads.clear():
                self._stop_download(guid)

        self._run(stop)

    def close(self) -> None:
        worker, self._worker = self._worker, None
        if worker is None:
            return
        if self._pid is not None:
            # Killed rather than asked: a page in an endless loop would not listen.
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            self._pid = None
        future = worker.submit(self._stop)
        with suppress(FutureTimeout):
            future.result(self._timeout)
        worker.stop()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _run(self, task: Callable[[], _Result], timeout: float | None = None) -> _Result:
        """Run a task in the thread that owns the browser, with a deadline."""
        if self._worker is None:
            raise DeviceError("the browser is not open; reset the device first", "not_connected")
        limit = timeout or self._timeout
        future: Future[_Result] = self._worker.submit(task)
        give_up = time.monotonic() + limit
        if self.deadline is not None:
            give_up = min(give_up, self.deadline)
        while (left := give_up - time.monotonic()) > 0:
            with suppress(FutureTimeout):
                return future.result(min(_LOOK_EVERY, left))
            if self._crashed:
                raise DeviceError(_GONE, "browser_crashed")
        if self.deadline is not None and time.monotonic() >= self.deadline:
            raise past_deadline()
        raise DeviceError(
            f"the browser did not answer within {limit:g} s; the page may be in a loop",
            "page_hung",
        )

    def _open(self) -> None:
        try:
            from playwright.sync_api import Error, sync_playwright
        except ImportError as error:
            raise ConfigError("this engine needs 'pip install playwright'") from error
        binary = find_browser(CHROMIUM) or require_browser(HEADLESS_SHELL)
        self._error = Error
        self._playwright = sync_playwright().start()
        self._browser = self._launch(binary)
        if self._guard is not None:
            self._browser_session = self._browser.new_browser_cdp_session()
            self._browser_session.on("Fetch.requestPaused", self._on_request)
            self._browser_session.send("Fetch.enable", dict(self._guard.patterns))
        self._new_page(None)

    def _new_page(self, state: StorageState | None) -> None:
        """A page in a new context: no cookies, no history, and a clock that has not run."""
        for context in self._browser.contexts:
            context.close()
        # Playwright fills localStorage from pages that it answers itself, before a guard.
        context = self._browser.new_context(
            storage_state=None if state is None else state.model_dump(),
            viewport={"width": self._viewport.width, "height": self._viewport.height},
            device_scale_factor=self._viewport.scale,
            is_mobile=self._viewport.mobile,
            has_touch=self._viewport.mobile,
            user_agent=self._viewport.user_agent_of(self._browser.version) or None,
            locale="en-US",
            timezone_id="UTC",
            accept_downloads=False,
        )
        context.add_init_script(_KEEP_FRAMES)
        # The clock runs until it is paused, which it can be only in its future.
        context.clock.install(time=START_OF_TIME - _HEAD_START)
        context.clock.pause_at(START_OF_TIME)
        context.add_init_script(page_script())
        self._page = context.new_page()
        context.on("page", lambda another: another.close())
        self._page.on("dialog", self._on_dialog)
        self._page.on("crash", self._on_crash)
        self._requests.watch(self._page)
        self._session = context.new_cdp_session(self._page)
        self._allow_downloads()
        if self._guard is not None:
            self._session.on("Network.webSocketCreated", self._on_websocket)
            self._send("Network.enable", {})
        self._session.on("Page.fileChooserOpened", self._on_file_chooser)
        self._send("Page.enable", {})
        self._send("Page.setInterceptFileChooserDialog", {"enabled": True})
        self._send("Animation.enable", {})
        self._send("Animation.setPlaybackRate", {"playbackRate": 0})

    def _allow_downloads(self) -> None:
        """Not by Playwright's own means, which wait for each file and cannot limit its size."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="agentenv-downloads-")
        context = self._send("Target.getTargetInfo", {})["targetInfo"]["browserContextId"]
        behavior = self.downloads.behavior(Path(self._folder.name))
        behavior["browserContextId"] = context
        self._downloading.send("Browser.setDownloadBehavior", behavior)

    def _on_download(self, progress: Mapping[str, Any]) -> None:
        if self.downloads.progress(progress):
            self._stop_download(progress["guid"])

    def _stop_download(self, guid: str) -> None:
        with suppress(self._error):  # it has just ended
            self._downloading.send("Browser.cancelDownload", {"guid": guid})

    def _launch(self, binary: Path) -> Any:
        scale = scale_flags(self._viewport.scale)
        guard_flags = () if self._guard is None else self._guard.flags
        try:
            browser = self._playwright.chromium.launch(
                executable_path=binary,
                args=[*COMMON_FLAGS, *_FLAGS, *scale, *sandbox_flags(), *guard_flags],
                chromium_sandbox=not sandbox_flags(),
            )
        except self._error as error:
            raise DeviceError(f"{binary} did not start: {error}", "browser_start") from error
        session = self._downloading = browser.new_browser_cdp_session()
        session.on("Browser.downloadWillBegin", self.downloads.begin)
        session.on("Browser.downloadProgress", self._on_download)
        processes = session.send("SystemInfo.getProcessInfo")
        self._pid = next(one["id"] for one in processes["processInfo"] if one["type"] == "browser")
        limit_memory(self._pid)
        return browser

    def _stop(self) -> None:
        with suppress(Exception):  # the browser is dead already; only the driver is to end
            self._playwright.stop()

    def _on_dialog(self, dialog: Any) -> None:
        accept, text = self.notices.answer(dialog.type, dialog.message, dialog.default_value)
        if not accept:
            dialog.dismiss()
        elif dialog.type == "prompt":
            dialog.accept(text)
        else:
            dialog.accept()

    def _on_request(self, paused: Mapping[str, Any]) -> None:
        assert self._guard is not None
        self._guard.on_request(paused, self._tell_browser)

    def _tell_browser(
        self, method: str, params: Mapping[str, Any], then: Then | None = None
    ) -> None:
        result = None
        with suppress(self._error):  # a request that its page has given up
            result = self._browser_session.send(method, dict(params))
        if then is not None:
            then(result)

    def _on_websocket(self, created: Mapping[str, Any]) -> None:
        assert self._guard is not None
        self._guard.on_websocket(created["url"])

    def _storage_state(self) -> StorageState:
        return StorageState.model_validate(self._page.context.storage_state())

    def _on_file_chooser(self, request: Mapping[str, Any]) -> None:
        if "backendNodeId" in request:
            self.file_request = request

    def _on_crash(self, _: Any) -> None:
        self._crashed = True

    def _send(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            result: Mapping[str, Any] = self._session.send(method, dict(params))
        except self._error as error:
            self._raise_if_gone(error)
            raise DeviceError(f"{method}: {error}", "protocol") from error
        self._raise_if_gone(None)
        return result

    def _raise_if_gone(self, error: Exception | None) -> None:
        closed = _CLOSED in str(error)  # where the driver ended, nobody told the browser's object
        if self._crashed or closed or not self._browser.is_connected():
            raise DeviceError(_GONE, "browser_crashed") from error

    def _evaluate(self, expression: str, deadline: float) -> Any:
        outcome = self._evaluate_now(tracked(expression), wait=True)
        while "pending" in outcome:
            if time.monotonic() > deadline:
                raise DeviceError("a promise of the page was not fulfilled", "page_hung")
            self._advance(_PUMP_MS)
            outcome = self._evaluate_now(OUTCOME)
        if "error" in outcome:
            raise ScriptError(outcome["error"])
        return outcome.get("value")

    def _evaluate_now(self, expression: str, *, wait: bool = False) -> Any:
        params = {"expression": expression, "returnByValue": True, "awaitPromise": wait}
        try:
            result = self._send("Runtime.evaluate", params)
        except DeviceError as error:
            if error.cause != "protocol":
                raise
            raise ScriptError(str(error)) from error
        return value_of(result)

    def _advance(self, milliseconds: float) -> None:
        if milliseconds <= 0:
            return
        self._requests.wait(self._page)
        # A page that is being replaced has no clock to run, nor animations to move.
        with suppress(ScriptError, self._error):
            self._page.clock.run_for(round(milliseconds))
            self._evaluate_now(f"window.__agentenv.moveAnimations({json.dumps(milliseconds)})")
            for frame in self._page.frames[1:]:
                frame.evaluate(_MOVE_ANIMATIONS, milliseconds)
        self._raise_if_gone(None)
        self._requests.wait(self._page)

    def _draw(self) -> None:
        with suppress(ScriptError):
            self._evaluate_now(_TWO_FRAMES, wait=True)
