"""Chromium in lockstep: it draws a frame, and its clock runs, only when told to.

No stale frame can be seen, and the page stands still while the agent thinks. It needs
chromium-headless-shell; ordinary Chromium cannot be driven this way.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from agentenv.devices.browser.cdp import Connection, Event, ProtocolError, Then
from agentenv.devices.browser.context import BrowserContext
from agentenv.devices.browser.downloads import PATIENCE, Downloads
from agentenv.devices.browser.engine import (
    CALL_TIMEOUT,
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
    HEADLESS_SHELL,
    BrowserProcess,
    require_browser,
    scale_flags,
)
from agentenv.devices.browser.lockstep_clock import LockstepClock
from agentenv.devices.browser.notices import Notices
from agentenv.devices.browser.page_script import page_script
from agentenv.devices.browser.storage_state import StorageState
from agentenv.devices.browser.touch import as_touch
from agentenv.devices.browser.viewports import TOUCH_POINTS, Viewport, user_agent_override
from agentenv.errors import DeviceError

_FLAGS: tuple[str, ...] = (
    "--enable-begin-frame-control",
    "--run-all-compositor-stages-before-draw",
    "--disable-new-content-rendering-timeout",
    "--disable-checker-imaging",
    "--disable-image-animation-resync",
    "--disable-threaded-animation",
    "--disable-threaded-scrolling",
    "--deterministic-mode",
    "--block-new-web-contents",
    # The screen of one page needs neither a process nor several threads of its own.
    "--in-process-gpu",
    "--num-raster-threads=1",
)
# One tile for the whole of a phone's screen is drawn and joined sooner than six.
_DRAW_WHOLE: tuple[str, ...] = (
    "--disable-partial-raster",
    "--default-tile-width=384",
    "--default-tile-height=640",
)
_FRAME_MS = 50.0
"""Page time between frames while something is awaited."""
_HANDLED_WITH_FRAMES = ("mouseMoved", "mouseWheel")
"""Input that Chromium holds back until the next frame."""
_STORED_BY_FILES = "local_storage,indexeddb,cache_storage,file_systems,service_workers"
_INPUT_PATIENCE = 0.02
"""Seconds to wait for input to be handled before drawing a frame, for which hardly any waits."""
_FRAME_INPUT_PATIENCE = 0.003
"""The same for input that often waits for one."""
_FRAME = "agentenvFrame"
"""What a page calls as it begins to make a frame."""
_TELL_FRAMES = f"""(() => {{
  const tell = window.{_FRAME};
  delete window.{_FRAME};
  if (tell && window.__agentenv) window.__agentenv.tellFrames(tell);
}})()"""
_DYING = 1.0
"""Seconds a browser may take to end once it has closed its pipe."""
_NEXT = "the next reset starts another"


class LockstepEngine:
    """One page of one chromium-headless-shell."""

    name = "lockstep"

    def __init__(
        self, viewport: Viewport, timeout: float = CALL_TIMEOUT, *, draw_whole: bool = False
    ) -> None:
        """`open` starts the browser.

        Args:
            viewport: the page's screen.
            timeout: seconds without an answer after which the page counts as hung.
            draw_whole: see `agentenv.devices.browser.open_browser`.
        """
        self._viewport = viewport
        self._draw_whole = draw_whole
        self._timeout = timeout
        self.deadline: float | None = None
        self.notices = Notices()
        self.downloads = Downloads(self.notices)
        self.file_request: Mapping[str, Any] | None = None
        self._process: BrowserProcess | None = None
        self._connection: Connection | None = None
        self._guard: NetworkGuard | None = None
        self._context: BrowserContext | None = None
        self._clock = LockstepClock(lambda: self._open_connection, self.call)
        self._then = ""
        self._asked: tuple[str, int] | None = None
        """An expression that the page works on already, and the call's id."""

    def open(self, guard: NetworkGuard | None = None) -> None:
        whole = _DRAW_WHOLE if self._draw_whole else ()
        flags = (*_FLAGS, *whole, *scale_flags(self._viewport.scale))
        process = BrowserProcess(
            require_browser(HEADLESS_SHELL), flags if guard is None else (*flags, *guard.flags)
        )
        self._guard = guard
        self._process = process
        connection = Connection(process.reader, process.writer, self._on_event, self._explain_loss)
        self._connection = connection
        try:
            if guard is not None:
                connection.call("Fetch.enable", guard.patterns)
            self._open_page()
        except (DeviceError, ProtocolError) as error:
            why = process.last_words() or str(error)
            raise DeviceError(f"the browser did not start: {why}", "browser_start") from error

    def _open_page(self) -> None:
        """A page in a context of its own: no cookies, storage, caches or history."""
        assert self._process is not None
        connection = self._open_connection
        connection.session = None
        context = self._context = BrowserContext(connection, self._timeout)
        behavior = self.downloads.behavior(self._process.folder / "downloads")
        context.call_here("Browser.setDownloadBehavior", **behavior)
        target = context.call_here("Target.createTarget", **self._target())["targetId"]
        session = connection.call("Target.attachToTarget", {"targetId": target, "flatten": True})
        connection.session = session["sessionId"]
        self._prepare_page()

    def _target(self) -> dict[str, Any]:
        return {
            "url": "about:blank",
            "width": self._viewport.width,
            "height": self._viewport.height,
            "enableBeginFrameControl": True,
        }

    def _prepare_page(self) -> None:
        self.call("Page.enable")
        self.call("Page.setInterceptFileChooserDialog", enabled=True)
        self.call("Inspector.enable")
        self._emulate_screen()
        if self._guard is not None:
            self.call("Network.enable")  # tells of WebSockets
        self.call("Emulation.setFocusEmulationEnabled", enabled=True)
        self.call("Emulation.setTimezoneOverride", timezoneId="UTC")
        self.call("Page.addScriptToEvaluateOnNewDocument", source=page_script())
        self._clock.start()

    def _emulate_screen(self) -> None:
        screen = self._viewport
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=screen.width,
            height=screen.height,
            deviceScaleFactor=screen.scale,
            mobile=screen.mobile,
        )
        if screen.mobile:
            self.call(
                "Emulation.setTouchEmulationEnabled", enabled=True, maxTouchPoints=TOUCH_POINTS
            )
        product = self.call("Browser.getVersion")["product"]
        override = user_agent_override(screen, product.rpartition("/")[2])
        if override:
            self.call("Emulation.setUserAgentOverride", **override)

    def renew(self, state: StorageState | None = None) -> None:
        context = self._open_context
        if context.used or state is not None:
            context.call_here("Target.disposeBrowserContext")
            self._open_page()
        else:
            # Only files were opened: much cheaper than another page.
            with suppress(ScriptError):
                self.evaluate("sessionStorage.clear()")
            self.call("Network.clearBrowserCookies")
            self.call(
                "Storage.clearDataForOrigin", origin="file:///", storageTypes=_STORED_BY_FILES
            )
        if state is not None:
            self._open_context.remember(state)

    def storage_state(self) -> StorageState:
        return self._open_context.storage_state()

    def navigate(self, url: str) -> None:
        self._clock.be_patient()
        call_id = self._send("Page.navigate", {"url": url})
        try:
            result = self._wait_drawing(call_id, self._timeout)
        except ProtocolError as error:
            raise DeviceError(f"cannot open {url}: {error}", "page_not_loaded") from error
        check_navigation(url, result)

    def evaluate(self, expression: str, *, timeout: float | None = None) -> Any:
        deadline = time.monotonic() + (timeout or self._timeout)
        asked, self._asked = self._asked, None
        if asked is None or asked[0] != expression:
            asked = expression, self._send_evaluation(tracked(expression))
        outcome = self._value(asked[1], deadline)
        while "pending" in outcome:
            if time.monotonic() > deadline:
                raise DeviceError("a promise of the page was not fulfilled", "page_hung")
            self._clock.run(_FRAME_MS, deadline)
            self._clock.draw(deadline)
            outcome = self._value(self._send_evaluation(OUTCOME), deadline)
        if "error" in outcome:
            raise ScriptError(outcome["error"])
        return outcome.get("value")

    def _send_evaluation(self, expression: str) -> int:
        params = {"expression": expression, "returnByValue": True, "awaitPromise": True}
        return self._send("Runtime.evaluate", params)

    def _value(self, call_id: int, deadline: float) -> Any:
        try:
            left = max(0.1, deadline - time.monotonic())
            result = self._open_connection.wait(call_id, left)
        except ProtocolError as error:
            raise ScriptError(str(error)) from error
        return value_of(result)

    def call(self, method: str, **params: Any) -> Mapping[str, Any]:
        try:
            return self._open_connection.call(method, params, self._timeout)
        except ProtocolError as error:
            raise DeviceError(f"{method}: {error}", "protocol") from error

    def send_input(self, events: Sequence[InputEvent]) -> None:
        if self._viewport.mobile:
            events = as_touch(events)
        calls = self._open_connection.send_all(events)
        deadline = time.monotonic() + self._timeout
        patience = _FRAME_INPUT_PATIENCE if self._viewport.mobile else _INPUT_PATIENCE
        if events and events[-1][1].get("type") in _HANDLED_WITH_FRAMES:
            patience = _FRAME_INPUT_PATIENCE
            self._clock.draw(deadline)
        for call_id in calls:
            while not self._receive_until(call_id, patience):
                if time.monotonic() > deadline:  # frames may go on while scripts do not
                    raise DeviceError("the page does not take input", "page_hung")
                self._clock.draw(deadline)
            with suppress(ProtocolError):
                self._open_connection.wait(call_id)

    def advance(self, milliseconds: float) -> None:
        self._clock.run(milliseconds, time.monotonic() + self._timeout)

    def draw(self) -> None:
        self._clock.draw(time.monotonic() + self._timeout)

    def screenshot(self, then: str = "") -> bytes:
        deadline = time.monotonic() + self._timeout
        while True:
            self._then, self._asked = then, None
            frame = self._clock.draw(deadline, screenshot=SCREENSHOT)
            self._then = ""
            if "screenshotData" in frame:
                return base64.b64decode(frame["screenshotData"])
            # Nothing to be seen: a page that is being replaced, or that just crashed.
            if time.monotonic() > deadline:
                raise DeviceError("the browser draws nothing", "page_hung")
            self._open_connection.receive(0.02)

    def await_downloads(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while self.downloads.pending:
            if not self._open_connection.receive(deadline - time.monotonic()):
                self.downloads.give_up()
                return

    def discard_downloads(self) -> None:
        for guid in self.downloads.clear():
            self._stop_download(guid)

    def _stop_download(self, guid: str) -> None:
        params = {"guid": guid, "browserContextId": self._open_context.id}
        self._tell_browser("Browser.cancelDownload", params)

    def close(self) -> None:
        process, self._process, self._connection = self._process, None, None
        if process is not None:
            process.kill()

    @property
    def _open_connection(self) -> Connection:
        if self._connection is None:
            raise DeviceError("the browser is not open; reset the device first", "not_connected")
        self._connection.deadline = self.deadline
        return self._connection

    @property
    def _open_context(self) -> BrowserContext:
        assert self._context is not None  # it is made with the connection
        return self._context

    def _send(self, method: str, params: Mapping[str, Any]) -> int:
        return self._open_connection.send(method, params)

    def _receive_until(self, call_id: int, timeout: float) -> bool:
        """Whether a call was answered within `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while not self._open_connection.poll(call_id):
            if not self._open_connection.receive(deadline - time.monotonic()):
                return False
        return True

    def _wait_drawing(self, call_id: int, timeout: float) -> Mapping[str, Any]:
        """The result of a call that may need frames and time to be answered."""
        deadline = time.monotonic() + timeout
        while not self._receive_until(call_id, 0.005):
            if time.monotonic() > deadline:
                raise DeviceError(f"the page did not answer within {timeout:g} s", "page_hung")
            self._clock.run(_FRAME_MS, deadline)
            self._clock.draw(deadline)
        return self._open_connection.wait(call_id)

    def _on_event(self, event: Event) -> None:
        match event["method"]:
            case "Emulation.virtualTimeBudgetExpired":
                self._clock.budget_spent()
            case "Runtime.bindingCalled" if self._then:
                # It comes to this once the frame is made, while the picture of it is drawn.
                self._asked = self._then, self._send_evaluation(tracked(self._then))
                self._then = ""
            case "Fetch.requestPaused":
                self._on_request(event)
            case "Network.webSocketCreated" if self._guard is not None:
                self._guard.on_websocket(event["params"]["url"])
            case "Page.frameNavigated":
                self._open_context.visited(event["params"]["frame"]["url"])
                if "parentId" not in event["params"]["frame"]:
                    self._have_frames_told(event.get("sessionId"))
            case "Page.fileChooserOpened" if "backendNodeId" in event["params"]:
                self.file_request = event["params"]
            case "Page.javascriptDialogOpening":
                self._answer_dialog(event["params"])
            case "Browser.downloadWillBegin":
                self.downloads.begin(event["params"])
            case "Browser.downloadProgress":
                if self.downloads.progress(event["params"]):
                    self._stop_download(event["params"]["guid"])
            case "Inspector.targetCrashed":
                raise self._crash("the page crashed")

    def _have_frames_told(self, session: str | None) -> None:
        """Have a document that was just opened call us with each frame."""
        connection = self._open_connection
        params = {"expression": _TELL_FRAMES}
        with connection.addressing(session):
            connection.send("Runtime.addBinding", {"name": _FRAME}, ignore_result=True)
            connection.send("Runtime.evaluate", params, ignore_result=True)

    def _explain_loss(self, seen: str) -> DeviceError:
        process = self._process
        if process is not None and process.wait(_DYING):
            return self._crash("the browser ended")
        return DeviceError(
            f"the connection to the browser broke ({seen}); {_NEXT}", "connection_lost"
        )

    def _crash(self, what: str) -> DeviceError:
        if self._process is not None and self._process.ran_out_of_memory:
            return DeviceError(f"{what}: out of memory; {_NEXT}", "out_of_memory")
        return DeviceError(f"{what}; {_NEXT}", "browser_crashed")

    def _on_request(self, event: Event) -> None:
        if not self._open_context.answer(event) and self._guard is not None:
            self._guard.on_request(event["params"], self._tell_browser)

    def _tell_browser(
        self, method: str, params: Mapping[str, Any], then: Then | None = None
    ) -> None:
        connection = self._open_connection
        with connection.addressing(None):
            connection.send(method, params, ignore_result=True, then=then)

    def _answer_dialog(self, dialog: Mapping[str, Any]) -> None:
        connection = self._connection
        if connection is not None:
            accept, text = self.notices.answer(
                dialog["type"], dialog.get("message", ""), dialog.get("defaultPrompt", "")
            )
            params = {"accept": accept, "promptText": text}
            connection.send("Page.handleJavaScriptDialog", params, ignore_result=True)
