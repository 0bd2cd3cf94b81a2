"""A handset with one screen (a field, a button, a list), which fails on demand.

What is behind both a scripted shell for the real adb and a W3C server for Appium's client.
"""

from __future__ import annotations

import base64
import io
import threading
import time
from collections import Counter
from collections.abc import Mapping
from functools import cache

from PIL import Image, ImageDraw

from agentenv.devices.android.pins import PINNED
from agentenv.phone.adb_server import Result

WIDTH, HEIGHT = 720, 1280
PACKAGE = "com.example.notes"
_FIELD, _BUTTON, _LIST = (0, 100, 720, 200), (0, 300, 360, 400), (0, 500, 720, 1200)


class FakeAndroid:
    """What the handset shows and what was done to it."""

    def __init__(self) -> None:
        self.package = PACKAGE
        self.said = ""
        """What a screen reader says of the field."""
        self.text = ""
        self.focused = False
        self.saved: list[str] = []
        self.granted: list[str] = []
        self.clipboard = ""
        self.scrolled = 0
        self.touches: list[tuple[tuple[int, int], tuple[int, int], int]] = []
        self.keys: list[tuple[int, ...]] = []
        self.started: list[str] = []
        self.settings = {**PINNED, ("global", "window_animation_scale"): "1.0"}
        """All that we would pin is so already, but for one."""
        self.failing: Counter[str] = Counter()
        """How many more times an operation fails: "tree", "torn tree", "blank", "anr", ..."""
        self.hang = threading.Event()
        """While set, nothing is answered."""

    def fails(self, operation: str) -> bool:
        """Whether it does this time."""
        failing = self.failing[operation] > 0
        self.failing[operation] -= failing
        return failing

    def screenshot(self) -> bytes:
        """A picture that depends on the state, or all black or white."""
        blank = _BLANK[self.failing["blank"] % 2]
        return blank if self.fails("blank") else _drawn(self.text, self.scrolled)

    def tree(self) -> str:
        """The UI tree; cut off if it fails so."""
        buttons = ""
        if self.failing["anr"] > 0:
            for name in ("aerr_close", "aerr_wait"):
                buttons += _node("android.widget.Button", name, _BUTTON, f"android:id/{name}")
        else:
            buttons += _node("android.widget.Button", "Save", _BUTTON, "save")
        focused = str(self.focused).lower()
        about = {"focused": focused} | ({"content-desc": self.said} if self.said else {})
        name = "" if self.said else "field"  # as of screens whose fields have no ids
        field = _node("android.widget.EditText", self.text, _FIELD, name, **about)
        rows = _node("android.widget.ListView", "", _LIST, scrollable="true")
        tree = f'<hierarchy rotation="0">{field}{buttons}{rows}</hierarchy>'
        return (
            tree.replace("</hierarchy>", "<oops></hierarchy>") if self.fails("torn tree") else tree
        )

    def focus(self) -> str:
        """What has it."""
        return f"{self.package}/{self.package}.MainActivity"

    def touch(self, start: tuple[int, int], end: tuple[int, int], milliseconds: int) -> None:
        """A finger from one point to another."""
        self.touches.append((start, end, milliseconds))
        if start != end:
            self.scrolled += start[1] - end[1]
        elif self.failing["anr"] > 0 and _inside(start, _BUTTON):
            self.failing["anr"] -= 1
        elif _inside(start, _FIELD):
            self.focused = True
        elif _inside(start, _BUTTON):
            self.saved.append(self.text)

    def press(self, *codes: int) -> None:
        """Keys, together."""
        self.keys.append(codes)
        if codes == (67,):
            self.text = self.text[:-1]

    def type_text(self, text: str) -> None:
        """Into the field, if it has the focus."""
        if self.focused:
            self.text += text


@cache
def _drawn(text: str, scrolled: int) -> bytes:
    picture = Image.new("RGB", (WIDTH, HEIGHT))
    draw = ImageDraw.Draw(picture)
    for number, bounds in enumerate((_FIELD, _BUTTON, _LIST)):
        draw.rectangle(bounds, fill=(200, 60 * number, 40 + scrolled % 200))
    draw.text((20, 120), text.encode("ascii", "replace").decode(), fill="white")
    return _png(picture)


def _png(picture: Image.Image) -> bytes:
    content = io.BytesIO()
    picture.save(content, "PNG")
    return content.getvalue()


_BLANK = tuple(_png(Image.new("RGB", (WIDTH, HEIGHT), color)) for color in ("black", "white"))


def _inside(point: tuple[int, int], bounds: tuple[int, int, int, int]) -> bool:
    left, top, right, bottom = bounds
    return left <= point[0] < right and top <= point[1] < bottom


def _node(
    kind: str, text: str, bounds: tuple[int, int, int, int], name: str = "", **flags: str
) -> str:
    left, top, right, bottom = bounds
    given = {
        "class": kind,
        "text": text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;"),
        "resource-id": name,
        "clickable": str(kind != "android.widget.ListView").lower(),
        "bounds": f"[{left},{top}][{right},{bottom}]",
        **flags,
    }
    written = " ".join(f'{name}="{value}"' for name, value in given.items())
    return f"<node {written}/>"


class FakeShell:
    """The handset's shell, as Android 14 answers; for `agentenv.phone.adb_server`."""

    properties: Mapping[str, str] = {"ro.product.name": "fake", "sys.boot_completed": "1"}

    def __init__(self, android: FakeAndroid, keyboard: bool = True) -> None:
        self.android = android
        self.files: dict[str, bytes] = {}
        self.lines: list[str] = []
        self._keyboard = keyboard

    def run(self, line: str) -> Result:
        self.lines.append(line)
        while self.android.hang.is_set():
            time.sleep(0.02)
        android, words = self.android, line.replace("'", "").split()
        match words:
            case ["screencap", "-p"]:
                return Result(android.screenshot())
            case ["uiautomator", "dump", *_] if android.fails("tree"):
                return Result(b"ERROR: could not get idle state.\n")
            case ["uiautomator", "dump", "/dev/tty"]:
                return Result(f"{android.tree()}UI hierchary dumped to: /dev/tty\n".encode())
            case ["uiautomator", "dump", path]:
                self.files[path] = android.tree().encode()
                return Result(f"UI hierchary dumped to: {path}\n".encode())
            case ["cat", path]:
                return Result(self.files[path])
            case ["dumpsys", "window", *_]:
                return Result(f"  mCurrentFocus=Window{{1f u0 {android.focus()}}}\n".encode())
            case ["getprop", name]:
                return Result(f"{self.properties.get(name, '')}\n".encode())
            case ["settings", "put", space, name, value]:
                android.settings[space, name] = value
            case ["settings", "get", space, name]:
                return Result(f"{android.settings.get((space, name), 'null')}\n".encode())
            case ["settings", "delete", space, name]:
                android.settings.pop((space, name), None)
            case ["pm", "list", "packages"]:
                return Result(f"package:android\npackage:{PACKAGE}\n".encode())
            case ["pm", "clear", package]:
                return Result(b"Success\n" if package == PACKAGE else b"Failed\n", status=0)
            case ["pm", "grant", _, permission]:
                android.granted.append(permission)
            case ["monkey", "-p", package, *_]:
                android.started.append(package)
                known = package == PACKAGE
                return (
                    Result(b"Events injected: 1\n") if known else Result(b"aborted\n", status=252)
                )
            case ["ime", "list", *_]:
                return Result(b"com.android.adbkeyboard/.AdbIME\n" if self._keyboard else b"")
            case ["am", "broadcast", "-a", "ADB_INPUT_B64", "--es", "msg", coded]:
                android.type_text(base64.b64decode(coded).decode())
            case ["am", "broadcast", "-a", "ADB_CLEAR_TEXT"]:
                android.text = ""
            case ["input", *rest]:
                self._input(rest, line)
        return Result()

    def _input(self, words: list[str], line: str) -> None:
        android = self.android
        match words:
            case ["tap", x, y, *rest]:
                android.touch((int(x), int(y)), (int(x), int(y)), 0)
                if rest[:1] == ["&&"]:
                    self._input(rest[2:], line)
            case ["swipe", *numbers]:
                x1, y1, x2, y2, milliseconds = map(int, numbers)
                android.touch((x1, y1), (x2, y2), milliseconds)
            case ["keyevent", *codes]:
                for code in codes:
                    android.press(int(code))
            case ["keycombination", *codes]:
                android.press(*map(int, codes))
            case ["text", *_]:
                android.type_text(_typed(line.removeprefix("input text ")))


def _typed(quoted: str) -> str:
    """What Android types: the word without the shell's quotes, "%s" as a space."""
    inner = quoted[1:-1] if quoted.startswith("'") else quoted
    return inner.replace("'\"'\"'", "'").replace("%s", " ")
