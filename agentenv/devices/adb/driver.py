"""Android by adb alone: nothing is installed on the device."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Sequence
from pathlib import Path

from agentenv.devices.adb.client import TIMEOUT, Adb, CommandError
from agentenv.devices.android.driver import Pixel
from agentenv.errors import ActionError, ConfigError, DeviceError

KEYBOARD = "com.android.adbkeyboard/.AdbIME"
"""An input method, an app of its own, that types what adb is not able to."""
BOOT_TIMEOUT = 180.0
_FOCUS = re.compile(r"mCurrentFocus=Window\{\S+ \S+ (?P<what>[^}]*)\}")
_END, _DELETE = "123", "67"
_DELETES_AT_ONCE = 50
_DUMP = "/sdcard/agentenv_tree.xml"


class AdbDriver:
    """See `agentenv.devices.android.driver.Driver`.

    Texts beyond ASCII need the app ADBKeyboard on the device. A double tap is two taps, as
    fast as the device starts programs: some take it for two.

    Args:
        serial: of the device, or its address.
        timeout: seconds one command may take.
    """

    def __init__(self, serial: str, timeout: float = TIMEOUT) -> None:
        self.adb = Adb(serial, timeout)
        self._types_anything: bool | None = None

    @property
    def deadline(self) -> float | None:
        return self.adb.deadline

    @deadline.setter
    def deadline(self, value: float | None) -> None:
        self.adb.deadline = value

    def connect(self) -> None:
        """See `Driver`.

        Raises:
            ConfigError: there is no `adb`.
        """
        self.adb.connect()
        self._types_anything = None
        until = time.monotonic() + BOOT_TIMEOUT
        while self.shell("getprop", "sys.boot_completed").strip() != "1":
            if time.monotonic() > until:
                raise DeviceError(f"{self.adb.serial} has not booted", "not_booted")
            time.sleep(0.5)

    def screenshot(self) -> bytes:
        picture = self.adb.exec_out("screencap", "-p")
        if not picture.startswith(b"\x89PNG"):
            raise DeviceError(f"screencap gave no picture: {picture[:200]!r}", "no_screenshot")
        return picture

    def source(self) -> bytes:
        """uiautomator waits until the screen stands still; where that never happens it fails."""
        said = self.adb.exec_out("uiautomator", "dump", "/dev/tty")
        if b"</hierarchy>" not in said:  # on some devices it cannot write there
            said = self.adb.exec_out("uiautomator", "dump", _DUMP)
            if b"dumped to" in said:
                said = self.adb.exec_out("cat", _DUMP)
        begin, end = said.find(b"<"), said.rfind(b"</hierarchy>")
        if begin < 0 or end < 0:
            told = said.decode("utf-8", "replace").strip()[:200]
            raise DeviceError(f"uiautomator gave no tree: {told}", "no_ui_tree")
        return said[begin : end + len(b"</hierarchy>")]

    def focus(self) -> str:
        said = self.adb.shell_line("dumpsys window | grep mCurrentFocus")
        found = _FOCUS.search(said)
        return found["what"] if found else ""

    def touch(self, path: Sequence[Pixel], milliseconds: int) -> None:
        (x1, y1), (x2, y2) = path[0], path[-1]
        if (x1, y1) == (x2, y2) and not milliseconds:
            self.shell("input", "tap", str(x1), str(y1))
        else:
            numbers = (x1, y1, x2, y2, milliseconds)
            self.shell("input", "swipe", *map(str, numbers))

    def double_tap(self, at: Pixel) -> None:
        tap = f"input tap {at[0]} {at[1]}"
        self.adb.shell_line(f"{tap} && {tap}")

    def type_text(self, text: str) -> None:
        for index, line in enumerate(text.split("\n")):
            if index:
                self.press([66])
            if line.isascii() and line.isprintable():
                self._type_plain(line)
            elif self._can_type_anything():
                coded = base64.b64encode(line.encode("utf-8", "replace")).decode()
                self.shell("am", "broadcast", "-a", "ADB_INPUT_B64", "--es", "msg", coded)
            else:
                raise ActionError(
                    "by adb alone this device types ASCII only; for other texts install the app "
                    "ADBKeyboard on it, or use Appium"
                )

    def _type_plain(self, text: str) -> None:
        """`input` takes "%s" for a space, so that a text with it is typed in two pieces."""
        for piece in re.sub(r"%(?=s)", "%\n", text).split("\n"):
            if piece:
                self.shell("input", "text", piece.replace(" ", "%s"))

    def _can_type_anything(self) -> bool:
        if self._types_anything is None:
            self._types_anything = KEYBOARD in self.shell("ime", "list", "-s", "-a")
            if self._types_anything:
                self.shell("ime", "enable", KEYBOARD)
                self.shell("ime", "set", KEYBOARD)
        return self._types_anything

    def erase(self, characters: int) -> None:
        if not characters:
            return
        if self._types_anything:
            self.shell("am", "broadcast", "-a", "ADB_CLEAR_TEXT")
            return
        self.shell("input", "keyevent", _END)
        for done in range(0, characters, _DELETES_AT_ONCE):
            count = min(_DELETES_AT_ONCE, characters - done)
            self.shell("input", "keyevent", *[_DELETE] * count)

    def press(self, codes: Sequence[int]) -> None:
        kind = "keyevent" if len(codes) == 1 else "keycombination"
        self.shell("input", kind, *map(str, codes))

    def packages(self) -> list[str]:
        listed = self.shell("pm", "list", "packages").split()
        return [line.removeprefix("package:") for line in listed]

    def start_app(self, package: str) -> None:
        category = "android.intent.category.LAUNCHER"
        try:
            said = self.shell("monkey", "-p", package, "-c", category, "1")
        except CommandError as error:
            said = str(error)
        if "Events injected: 1" not in said:
            raise ActionError(f"{package} cannot be started: {said.strip()[-160:]}")

    def stop_app(self, package: str) -> None:
        self.shell("am", "force-stop", package)

    def clear_app(self, package: str) -> None:
        said = self.shell("pm", "clear", package)
        if "Success" not in said:
            raise DeviceError(f"the data of {package} stay: {said.strip()[:160]}", "not_cleared")

    def install(self, apk: Path) -> None:
        self.adb.call("install", "-r", "-g", str(apk))

    def grant(self, package: str, permissions: Sequence[str]) -> None:
        for permission in permissions:
            self.shell("pm", "grant", package, permission)

    def set_clipboard(self, text: str) -> None:
        """Android lets only apps do that.

        Raises:
            ConfigError: always.
        """
        raise ConfigError("by adb alone the clipboard cannot be filled; use Appium")

    def open_url(self, url: str) -> None:
        said = self.shell("am", "start", "-W", "-a", "android.intent.action.VIEW", "-d", url)
        if "Error" in said:
            raise ActionError(f"no app opens {url[:80]}: {said.strip()[-160:]}")

    def shell(self, *words: str) -> str:
        return self.adb.shell(*words)

    def load_snapshot(self, name: str) -> None:
        said = self.adb.call("emu", "avd", "snapshot", "load", name)
        if b"OK" not in said:
            told = said.decode("utf-8", "replace").strip()
            raise DeviceError(f"snapshot {name!r} was not loaded: {told[:200]}", "no_snapshot")
        self.connect()

    def close(self) -> None:
        """Nothing stays open between two commands."""
