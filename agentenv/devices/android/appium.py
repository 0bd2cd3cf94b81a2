"""Android through Appium's UiAutomator2 driver."""

from __future__ import annotations

import base64
import contextlib
import logging
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentenv.devices.android.driver import Pixel
from agentenv.errors import ActionError, ConfigError, DeviceError

if TYPE_CHECKING:
    from appium.webdriver.webdriver import WebDriver
    from selenium.common.exceptions import WebDriverException
    from selenium.webdriver.common.actions.pointer_input import PointerInput

logger = logging.getLogger(__name__)

URL = "http://127.0.0.1:4723"
TIMEOUT = 60.0
"""Seconds Appium may take for one request; starting a session takes the longest."""
UIAUTOMATOR2: Mapping[str, Any] = {
    "platformName": "Android",
    "appium:automationName": "UiAutomator2",
    "appium:noReset": True,
    "appium:newCommandTimeout": 3600,
    "appium:disableWindowAnimation": True,
    "appium:autoGrantPermissions": True,
    "appium:settings[waitForIdleTimeout]": 2000,
}
"""What a session is asked for, if nothing else is said."""
_BACK = 4
_META = {113: 0x1000, 57: 0x02, 59: 0x01, 117: 0x10000}
"""Modifier's key code -> its bit in a meta state."""
_DOUBLE_TAP_PAUSE = 0.08
_DEVTOOLS = "executeCdpCommand"
_LOST_SESSION = "session is either terminated"
_CRASHED = ("instrumentation process", "socket hang up", "could not proxy", "econnre")
_NO_ADB = ("adb: device", "device offline", "device not found", "no devices/emulators")


class AppiumDriver:
    """See `agentenv.devices.android.driver.Driver`.

    Args:
        url: of the Appium server.
        capabilities: of the session, beside those of `UIAUTOMATOR2`: ``{"appium:udid": SERIAL}``
            where the server has several devices; with a "browserName", all there are.
        timeout: seconds one request may take.

    Raises:
        ConfigError: Appium's client is not installed.
    """

    def __init__(
        self,
        url: str = URL,
        capabilities: Mapping[str, Any] | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        try:
            import appium.webdriver  # noqa: F401 (tells early that it is missing)
        except ImportError as error:
            raise ConfigError("for Appium: pip install 'agentenv[android]'") from error
        self.deadline: float | None = None
        self._url = url
        given = capabilities or {}
        self._is_browser = "browserName" in given
        self._capabilities = {**({} if self._is_browser else UIAUTOMATOR2), **given}
        self._timeout = timeout
        self._session: WebDriver | None = None

    def connect(self) -> None:
        from appium import webdriver
        from appium.options.common import AppiumOptions
        from appium.webdriver.client_config import AppiumClientConfig

        self.close()
        options = AppiumOptions().load_capabilities(self._capabilities)
        config = AppiumClientConfig(self._url, timeout=int(self._timeout))
        try:
            with self._errors_told():
                self._session = webdriver.Remote(self._url, options=options, client_config=config)
            path = "/session/$sessionId/goog/cdp/execute"
            self._session.command_executor.add_command(_DEVTOOLS, "POST", path)
        except DeviceError as error:
            if error.cause != "appium_error":
                raise
            raise DeviceError(f"no session begins: {error}", "no_session") from error

    def screenshot(self) -> bytes:
        with self._guarded() as session:
            return session.get_screenshot_as_png()

    def source(self) -> bytes:
        """A server on the device that crashes over a tree is a known failure ("no_ui_tree")."""
        try:
            with self._guarded() as session:
                return session.page_source.encode("utf-8", "replace")
        except DeviceError as error:
            if error.cause not in ("appium_error", "instrumentation_crashed"):
                raise
            raise DeviceError(str(error), "no_ui_tree") from error

    def focus(self) -> str:
        """Package and activity; of a browser the address."""
        with self._guarded() as session:
            if self._is_browser:
                return session.current_url
            package = session.execute_script("mobile: getCurrentPackage")
            return f"{package}/{session.execute_script('mobile: getCurrentActivity')}"

    def touch(self, path: Sequence[Pixel], milliseconds: int) -> None:
        with self._finger() as finger:
            _move(finger, path[0], 0)
            finger.create_pointer_down(button=0)
            if len(path) == 1 and milliseconds:
                finger.create_pause(milliseconds / 1000)
            for at in path[1:]:
                _move(finger, at, milliseconds // (len(path) - 1))
            finger.create_pointer_up(0)

    def double_tap(self, at: Pixel) -> None:
        with self._finger() as finger:
            _move(finger, at, 0)
            for _ in range(2):
                finger.create_pointer_down(button=0)
                finger.create_pointer_up(0)
                finger.create_pause(_DOUBLE_TAP_PAUSE)

    def type_text(self, text: str) -> None:
        if text:
            with self._guarded() as session:
                session.switch_to.active_element.send_keys(text)

    def erase(self, characters: int) -> None:
        if characters:
            with self._guarded() as session:
                field = session.switch_to.active_element
                field.clear()
                if self._is_browser:  # where that takes the focus away
                    field.click()

    def press(self, codes: Sequence[int]) -> None:
        *held, code = codes
        with self._guarded() as session:
            if codes == [_BACK]:
                session.back()
                return
            meta = sum(_META[one] for one in held)
            session.execute_script("mobile: pressKey", {"keycode": code, "metastate": meta})

    def packages(self) -> list[str]:
        listed = self.shell("pm", "list", "packages").split()
        return [line.removeprefix("package:") for line in listed]

    def start_app(self, package: str) -> None:
        self._refusable("mobile: activateApp", f"{package} cannot be started", appId=package)

    def stop_app(self, package: str) -> None:
        self._mobile("mobile: terminateApp", appId=package)

    def clear_app(self, package: str) -> None:
        self._mobile("mobile: clearApp", appId=package)

    def install(self, apk: Path) -> None:
        self._mobile("mobile: installApp", appPath=str(apk.resolve()))

    def grant(self, package: str, permissions: Sequence[str]) -> None:
        given = {"action": "grant", "appPackage": package, "permissions": list(permissions)}
        self._mobile("mobile: changePermissions", **given)

    def set_clipboard(self, text: str) -> None:
        coded = base64.b64encode(text.encode("utf-8", "replace")).decode()
        self._mobile("mobile: setClipboard", content=coded, contentType="plaintext")

    def open_url(self, url: str) -> None:
        self._refusable("mobile: deepLink", f"no app opens {url[:80]}", url=url)

    def shell(self, *words: str) -> str:
        """Run a command on the device; the server must have been started so that it may."""
        command, *rest = (shlex.quote(word) for word in words)  # for the device's own shell
        try:
            return str(self._mobile("mobile: shell", command=command, args=rest))
        except DeviceError as error:
            if "adb_shell" not in str(error):
                raise
            raise DeviceError(
                "Appium runs no commands on the device; start it with "
                "--allow-insecure=uiautomator2:adb_shell",
                "appium_error",
            ) from error

    def devtools(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """A DevTools call to the page of a browser's session, which ChromeDriver hands on."""
        with self._guarded() as session:
            arguments = {"cmd": method, "params": dict(params)}
            answer: Mapping[str, Any] = session.execute(_DEVTOOLS, arguments)["value"]
        return answer

    def load_snapshot(self, name: str) -> None:
        self._mobile("mobile: execEmuConsoleCommand", command=f"avd snapshot load {name}")
        self.connect()

    def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            with contextlib.suppress(DeviceError), self._errors_told():
                session.quit()

    def _mobile(self, command: str, /, **arguments: Any) -> Any:
        with self._guarded() as session:
            return session.execute_script(command, arguments)

    def _refusable(self, command: str, refused: str, /, **arguments: Any) -> None:
        """The same, where an error that Appium itself gives is the agent's."""
        try:
            self._mobile(command, **arguments)
        except DeviceError as error:
            if error.cause != "appium_error":
                raise
            raise ActionError(f"{refused}: {error}"[:200]) from error

    @contextlib.contextmanager
    def _finger(self) -> Iterator[PointerInput]:
        """A finger whose movements are carried out at the end of the block."""
        from selenium.webdriver.common.actions.action_builder import ActionBuilder
        from selenium.webdriver.common.actions.pointer_input import PointerInput

        finger = PointerInput("touch", "finger")
        yield finger
        with self._guarded() as session:
            ActionBuilder(session, mouse=finger, duration=0).perform()

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[WebDriver]:
        """The session, for one request."""
        if self._session is None:
            raise DeviceError("there is no session; reset the device first", "not_connected")
        if self.deadline is not None and time.monotonic() > self.deadline:
            raise DeviceError("the step took too long", "deadline")
        with self._errors_told():
            yield self._session

    @contextlib.contextmanager
    def _errors_told(self) -> Iterator[None]:
        """What fails inside becomes a `DeviceError` with its cause."""
        from selenium.common.exceptions import WebDriverException
        from urllib3.exceptions import HTTPError
        from urllib3.exceptions import TimeoutError as HTTPTimeout

        try:
            yield
        except WebDriverException as error:
            raise DeviceError(f"Appium: {(error.msg or '')[:300]}", _cause(error)) from error
        except (HTTPTimeout, TimeoutError) as error:
            told = f"Appium did not answer within {self._timeout:g} s"
            raise DeviceError(told, "appium_timeout") from error
        except (HTTPError, OSError) as error:
            told = f"there is no Appium at {self._url}: {error}"
            raise DeviceError(told[:300], "appium_gone") from error


def _move(finger: PointerInput, at: Pixel, milliseconds: int) -> None:
    finger.create_pointer_move(duration=milliseconds, x=at[0], y=at[1], origin="viewport")


def _cause(error: WebDriverException) -> str:
    """What an error of Appium's means for the device."""
    from selenium.common.exceptions import InvalidSessionIdException

    said = (error.msg or "").lower()
    if isinstance(error, InvalidSessionIdException) or _LOST_SESSION in said:
        return "session_lost"
    if any(one in said for one in _NO_ADB):
        return "adb_gone"
    if any(one in said for one in _CRASHED):
        return "instrumentation_crashed"
    return "appium_error"
