"""What adb's clients do to the phone: touch, type, look, start apps and ask about it."""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from agentenv.actions import Action, InputText, LongPress, OpenApp, PressKey, Swipe, Tap
from agentenv.devices.android.keys import code_of, shortcut_of
from agentenv.devices.android.tree import print_tree
from agentenv.errors import ActionError, DeviceError
from agentenv.phone.adb_server import Result
from agentenv.phone.adb_shell import Program, UsageError, run_line, small_programs
from agentenv.phone.adb_sync import real_path

if TYPE_CHECKING:
    from agentenv.devices.phone import PhoneDevice

PACKAGE = "org.agentenv"
"""Apps are ``org.agentenv.<app>``."""
LAUNCHER = f"{PACKAGE}.launcher"
KEYBOARD = "com.android.adbkeyboard/.AdbIME"
"""The input method by which clients type what is not ASCII; this phone has it built in."""
LONG_PRESS_MS = 500
DUMP = "/sdcard/window_dump.xml"
PROPERTIES: Mapping[str, str] = {
    "ro.product.name": "agentenv",
    "ro.product.model": "agentenv_phone",
    "ro.product.device": "agentenv",
    "ro.product.brand": "agentenv",
    "ro.product.manufacturer": "agentenv",
    "ro.product.cpu.abi": "x86_64",
    "ro.build.version.release": "14",
    "ro.build.version.sdk": "34",
    "ro.sf.lcd_density": "160",
    "sys.boot_completed": "1",
    "dev.bootcomplete": "1",
    "init.svc.bootanim": "stopped",
}
_SOURCES = ("touchscreen", "keyboard", "touchpad", "mouse", "stylus", "dpad", "trackball")


class PhoneShell:
    """The shell of one phone; see `agentenv.phone.adb_server.Shell`.

    Args:
        device: on whose screen the phone is.
    """

    def __init__(self, device: PhoneDevice) -> None:
        self._device = device
        self.files: dict[str, bytes] = {}
        self._settings = {("secure", "default_input_method"): KEYBOARD}
        self._programs: dict[str, Program] = {
            **small_programs(self.files),
            "input": self._input,
            "screencap": self._screencap,
            "uiautomator": self._uiautomator,
            "am": self._am,
            "monkey": self._monkey,
            "pm": self._pm,
            "cmd": self._cmd,
            "wm": self._wm,
            "getprop": self._getprop,
            "settings": self._settings_command,
            "dumpsys": self._dumpsys,
            "ime": self._ime,
        }

    @property
    def properties(self) -> Mapping[str, str]:
        """What ``getprop`` tells."""
        return PROPERTIES

    def reset(self) -> None:
        """Another phone is on the screen: forget files and settings."""
        self.files.clear()
        self._settings = {("secure", "default_input_method"): KEYBOARD}

    def run(self, line: str) -> Result:
        """Run a command line; what the phone refuses is an error of the command."""
        if not line.strip():
            return Result(b"this phone has no interactive shell; give a command\n", status=1)
        try:
            self._device.sync()
            return run_line(line, self._programs, self.files)
        except (ActionError, DeviceError) as error:
            return Result(err=f"Error: {error}\n".encode(), status=1)

    def _input(self, words: Sequence[str], given: bytes) -> Result:
        words = [word for word in words if word not in _SOURCES]
        if words[:1] == ["-d"]:
            words = words[2:]
        kind, *rest = words or [""]
        handlers: dict[str, Callable[[list[str]], None]] = {
            "tap": self._tap,
            "swipe": self._swipe,
            "draganddrop": self._swipe,
            "text": self._type,
            "keyevent": self._press,
            "keycombination": self._combine,
        }
        if kind not in handlers:
            raise UsageError(f"Error: Unknown command: {kind[:40]}\nUsage: input [tap|swipe|...]")
        handlers[kind](rest)
        return Result()

    def _tap(self, words: list[str]) -> None:
        x, y = _numbers(words, 2)
        self._act(Tap(point=self._point(x, y)))

    def _swipe(self, words: list[str]) -> None:
        x1, y1, x2, y2 = _numbers(words[:4], 4)
        [milliseconds] = _numbers(words[4:5] or ["300"], 1)
        start, end = self._point(x1, y1), self._point(x2, y2)
        if start != end:
            self._act(Swipe(start=start, end=end))
        elif milliseconds >= LONG_PRESS_MS:
            self._act(LongPress(point=start))
        else:
            self._act(Tap(point=start))

    def _type(self, words: list[str]) -> None:
        if len(words) != 1:
            raise UsageError("Error: Invalid arguments for command: text")
        self._act(InputText(text=words[0].replace("%s", " "), clear=False))

    def _press(self, words: list[str]) -> None:
        for name in words:
            if name.startswith("--"):
                continue
            code = code_of(name)
            if code is None:
                raise UsageError(f"Error: Unknown keycode: {name[:40]}")
            self._press_keys([code])

    def _combine(self, words: list[str]) -> None:
        codes = [code for word in words if (code := code_of(word)) is not None]
        if len(codes) < 2:
            raise UsageError("Error: keycombination requires at least 2 keycodes")
        self._press_keys(codes)

    def _press_keys(self, codes: list[int]) -> None:
        shortcut = shortcut_of(codes)
        if shortcut:  # the phone has no volume, no camera button and no switch
            self._act(PressKey(key=shortcut))

    def _screencap(self, words: Sequence[str], given: bytes) -> Result:
        paths = _operands(words, takes_value=("-d",))
        path = real_path(paths[0]) if paths else ""
        screen = self._device.observe()
        content = screen.png
        if "-p" not in words and not path.endswith(".png"):
            height, width, _ = screen.screenshot.shape
            opaque = np.full((height, width, 1), 255, np.uint8)
            pixels = np.concatenate([screen.screenshot, opaque], axis=2)
            content = struct.pack("<4I", width, height, 1, 0) + pixels.tobytes()
        if not path:
            return Result(content)
        self.files[path] = content
        return Result()

    def _uiautomator(self, words: Sequence[str], given: bytes) -> Result:
        if words[:1] != ["dump"]:
            raise UsageError("Usage: uiautomator dump [--compressed] [FILE]")
        path = next(iter(_operands(words[1:])), DUMP)
        features = self._device.features
        elements = self._device.observe().elements
        tree = print_tree(elements, features.width, features.height, self._component()[0])
        told = f"UI hierchary dumped to: {path}\n"  # misspelt as Android does
        if path == "/dev/tty":
            return Result(tree.encode() + told.encode())
        self.files[real_path(path)] = tree.encode()
        return Result(told.encode())

    def _am(self, words: Sequence[str], given: bytes) -> Result:
        verb = words[0] if words else ""
        options = _options(words[1:])
        match verb:
            case "start" | "start-activity":
                return self._start(options, words[1:])
            case "force-stop" | "kill":
                if self._component()[0] == words[-1]:
                    self._act(PressKey(key="home"))
                return Result()
            case "broadcast":
                return self._broadcast(options)
        raise UsageError(f"Error: Unknown command: {verb[:40]}")

    def _start(self, options: Mapping[str, str], words: Sequence[str]) -> Result:
        if options.get("-c") == "android.intent.category.HOME":
            self._act(PressKey(key="home"))
            return _text("Starting: Intent { act=android.intent.action.MAIN }")
        component = options.get("-n") or options.get("-p") or next(iter(_operands(words)), "")
        package = component.partition("/")[0]
        if package not in self._packages():
            raise UsageError(
                f"Starting: Intent {{ cmp={component} }}\nError type 3\n"
                f"Error: Activity class {{{component}}} does not exist."
            )
        self._open(package)
        return _text(f"Starting: Intent {{ cmp={component} }}")

    def _broadcast(self, options: Mapping[str, str]) -> Result:
        """The messages of the input method that types any text."""
        text = options.get("msg", "")
        match options.get("-a"):
            case "ADB_INPUT_TEXT":
                self._act(InputText(text=text, clear=False))
            case "ADB_INPUT_B64":
                try:
                    decoded = base64.b64decode(text, validate=True).decode("utf-8")
                except (binascii.Error, ValueError) as error:
                    raise UsageError(f"Error: msg is no base64 of UTF-8: {error}") from error
                self._act(InputText(text=decoded, clear=False))
            case "ADB_CLEAR_TEXT":
                self._act(InputText(text="", clear=True))
            case action:
                return _text(
                    f"Broadcasting: Intent {{ act={action} }}\nBroadcast completed: result=0"
                )
        return _text("Broadcast completed: result=-1")

    def _monkey(self, words: Sequence[str], given: bytes) -> Result:
        package = _options(words).get("-p", "")
        if package not in self._packages():
            raise UsageError("** No activities found to run, monkey aborted.")
        self._open(package)
        return _text("Events injected: 1")

    def _pm(self, words: Sequence[str], given: bytes) -> Result:
        match list(words):
            case ["list", "packages", *rest]:
                wanted = next(iter(_operands(rest)), "")
                listed = [name for name in self._packages() if wanted in name]
                return _text("\n".join(f"package:{name}" for name in listed))
            case ["path", package] if package in self._packages():
                return _text(f"package:/data/app/{package}/base.apk")
            case ["resolve-activity", *_, package] if package in self._packages():
                return _text(f"priority=0 preferredOrder=0 match=0x108000\n{package}/.main")
        raise UsageError("Error: this phone's pm knows list packages, path and resolve-activity")

    def _cmd(self, words: Sequence[str], given: bytes) -> Result:
        if words[:1] == ["package"]:
            return self._pm(words[1:], given)
        raise UsageError(f"cmd: Can't find service: {' '.join(words[:1])[:40]}")

    def _wm(self, words: Sequence[str], given: bytes) -> Result:
        features = self._device.features
        match list(words):
            case ["size"]:
                return _text(f"Physical size: {features.width}x{features.height}")
            case ["density"]:
                return _text(f"Physical density: {PROPERTIES['ro.sf.lcd_density']}")
        raise UsageError("Error: this phone's wm only tells size and density")

    def _getprop(self, words: Sequence[str], given: bytes) -> Result:
        if words:
            return _text(PROPERTIES.get(words[0], ""))
        return _text("\n".join(f"[{name}]: [{value}]" for name, value in PROPERTIES.items()))

    def _settings_command(self, words: Sequence[str], given: bytes) -> Result:
        match list(words):
            case ["get", space, name]:
                return _text(self._settings.get((space, name), "null"))
            case ["put", space, name, value] if len(self._settings) < 1000:
                self._settings[space, name] = value
                return Result()
            case ["delete", space, name]:
                gone = self._settings.pop((space, name), None)
                return _text(f"Deleted {int(gone is not None)} rows")
        raise UsageError("Usage: settings get|put|delete NAMESPACE NAME [VALUE]")

    def _dumpsys(self, words: Sequence[str], given: bytes) -> Result:
        package, activity = self._component()
        component = f"{package}/{package}{activity}"
        match list(words):
            case ["window", *_]:
                return _text(
                    f"  mCurrentFocus=Window{{a9e17e5 u0 {component}}}\n"
                    f"  mFocusedApp=ActivityRecord{{b7c3d21 u0 {package}/{activity} t1}}"
                )
            case ["activity", *_]:
                return _text(
                    f"  topResumedActivity=ActivityRecord{{b7c3d21 u0 {package}/{activity} t1}}\n"
                    f"  mResumedActivity: ActivityRecord{{b7c3d21 u0 {package}/{activity} t1}}"
                )
            case ["input_method", *_]:
                shown = any(one.focused and one.editable for one in self._device.observe().elements)
                return _text(f"  mInputShown={str(shown).lower()}")
        raise UsageError(f"Can't find service: {' '.join(words[:1])[:40]}")

    def _ime(self, words: Sequence[str], given: bytes) -> Result:
        match list(words):
            case ["list", *_]:
                return _text(KEYBOARD)
            case ["enable" | "set", name]:
                return _text(f"Input method {name} selected for user #0")
        raise UsageError("Usage: ime list|enable|set")

    def _component(self) -> tuple[str, str]:
        """Package and activity in front."""
        place, _, screen = self._device.phone.location.partition("/")
        if not screen:
            return LAUNCHER, f".{place}"
        return f"{PACKAGE}.{place}", f".{screen.partition('/')[0]}"

    def _packages(self) -> list[str]:
        return [f"{PACKAGE}.{app}" for app in self._device.phone.setup.apps]

    def _open(self, package: str) -> None:
        self._act(OpenApp(app=package.removeprefix(f"{PACKAGE}.")))

    def _act(self, action: Action) -> None:
        self._device.act(action)

    def _point(self, x: float, y: float) -> tuple[float, float]:
        features = self._device.features
        across, down = (x + 0.5) / features.width, (y + 0.5) / features.height
        return min(max(across, 0.0), 1.0), min(max(down, 0.0), 1.0)


def _text(text: str) -> Result:
    return Result(f"{text}\n".encode() if text else b"")


def _numbers(words: Sequence[str], count: int) -> list[float]:
    try:
        numbers = [float(word) for word in words]
    except ValueError as error:
        raise UsageError(f"Error: {error}") from error
    if len(numbers) != count or not all(abs(number) < 1e6 for number in numbers):
        raise UsageError(f"Error: give {count} numbers, in pixels")
    return numbers


def _options(words: Sequence[str]) -> dict[str, str]:
    """Flags and what follows each; an extra (``--es msg TEXT``) by its name."""
    found: dict[str, str] = {}
    for index, word in enumerate(words[:-1]):
        if word == "--es" and index + 2 < len(words):
            found[words[index + 1]] = words[index + 2]
        elif word.startswith("-"):
            found[word] = words[index + 1]
    return found


def _operands(words: Sequence[str], takes_value: tuple[str, ...] = ("-d", "-a", "-c")) -> list[str]:
    """Words that are neither flags nor a flag's value."""
    return [
        word
        for index, word in enumerate(words)
        if not word.startswith("-") and (index == 0 or words[index - 1] not in takes_value)
    ]
