"""What Android's own programs answer, as Android 14 does, with a small state behind them."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import PurePosixPath

from agentenv.devices.adb.client import CommandError
from agentenv.devices.adb.driver import AdbDriver
from agentenv.errors import DeviceError
from agentenv.phone.adb_server import Result
from tests.devices.fake_android import FakeAndroid, FakeShell

INSTALLED = (
    "android", "com.android.settings", "com.google.android.deskclock",
    "com.android.providers.contacts", "com.google.android.contacts",
)  # fmt: skip


class AndroidSystem(FakeShell):
    """The shell of an emulator whose settings, alarm, contacts and files can be changed."""

    def __init__(self) -> None:
        super().__init__(FakeAndroid())
        self.properties: dict[str, str] = {
            "sys.boot_completed": "1",
            "ro.boot.qemu": "1",
            "persist.sys.timezone": "Europe/Berlin",
        }
        self.clock = datetime(2031, 7, 1, tzinfo=UTC)
        self.is_rooted = True
        self.dark = "no"
        self.alarm: datetime | None = None
        self.contacts: dict[int, list[tuple[str, str]]] = {}
        """Id -> rows of (mimetype, data1)."""
        self.paths: set[str] = set()
        self.cleared: list[str] = []
        self.is_gone = False
        """Whether nothing is at the end of the cable."""
        self.restores = True
        """Whether loading a snapshot does, or only says so."""

    def run(self, line: str) -> Result:
        words = shlex.split(line)
        answer = self._answer(words)
        if answer is None:
            return super().run(line)
        self.lines.append(line)
        return answer

    def _answer(self, words: list[str]) -> Result | None:
        match words:
            case ["cmd", "uimode", "night", *value]:
                self.dark = value[0] if value else self.dark
                return _text(f"Night mode: {self.dark}")
            case ["cmd", "location", "set-location-enabled", value]:
                self.android.settings["secure", "location_mode"] = "3" if value == "true" else "0"
                return Result()
            case ["cmd", "alarm", "set-timezone", zone]:
                self.properties["persist.sys.timezone"] = zone
                return Result()
            case ["cmd", "alarm", "set-time", _]:
                return Result(err=b"java.lang.SecurityException: SET_TIME\n", status=255)
            case ["su", "0", "date", "-u", stamp] if self.is_rooted:
                self.clock = datetime.strptime(stamp, "%m%d%H%M%Y.%S").replace(tzinfo=UTC)
                return _text(self.clock.ctime())
            case ["su", *_]:
                return Result(err=b"/system/bin/sh: su: inaccessible or not found\n", status=127)
            case ["date", "+%s"]:
                return _text(str(int(self.clock.timestamp())))
            case ["dumpsys", "alarm"]:
                return _text(self._alarms())
            case ["pm", "list", "packages"]:
                return _text("\n".join(f"package:{name}" for name in INSTALLED))
            case ["pm", "clear", package] if package in INSTALLED:
                self.cleared.append(package)
                self.contacts.clear() if "contacts" in package else None
                self.alarm = None if "clock" in package else self.alarm
                return _text("Success")
            case ["content", verb, "--uri", uri, *rest]:
                return self._content(verb, uri, rest)
            case ["rm" | "mkdir" | "touch" | "find", *paths]:
                return self._file(words[0], [one for one in paths if not one.startswith("-")])
        return None

    def called(self, *words: str) -> Result:
        """What adb itself is asked for: of the emulator's console, whose one snapshot is of
        settings as they were at first."""
        if self.restores:
            self.android.settings = FakeAndroid().settings
        return Result(b"OK\n")

    def _alarms(self) -> str:
        told = "user:0 pendingSend:false time:0"
        if self.alarm is not None:
            milliseconds = int(self.alarm.timestamp() * 1000)
            shown = self.alarm.strftime("%Y-%m-%d %H:%M:%S.000")
            told = f"user:0 pendingSend:false time:{milliseconds} = {shown} = +9h59m12s345ms"
        return (
            "Current Alarm Manager state:\n  nowRTC=1768467600000=2026-01-15 09:00:00.000\n\n"
            f"  Next alarm clock information: \n    {told}\n\n  Pending alarm batches: 31\n"
        )

    def set_alarm(self, time: str) -> None:
        """As the clock app does it, in the device's time zone, which is UTC while it is pinned."""
        hour, minute = map(int, time.split(":"))
        at = self.clock.replace(hour=hour, minute=minute, second=0)
        self.alarm = at if at > self.clock else at + timedelta(days=1)

    def _content(self, verb: str, uri: str, rest: list[str]) -> Result:
        bound = [word.split(":", 2) for flag, word in pairwise(rest) if flag == "--bind"]
        values = {name: value for name, _, value in bound}
        if verb == "insert" and uri.endswith("/raw_contacts"):
            self.contacts[max(self.contacts, default=0) + 1] = []
        elif verb == "insert":
            row = (values["mimetype"], values["data1"])
            self.contacts[int(values["raw_contact_id"])].append(row)
        else:
            rows = [(key, *row) for key, found in self.contacts.items() for row in found]
            told = [
                f"Row: {number} raw_contact_id={key}, mimetype={kind}, data1={value}"
                for number, (key, kind, value) in enumerate(rows)
            ]
            return _text("\n".join(told) or "No result found.")
        return Result()

    def _file(self, program: str, paths: list[str]) -> Result:
        for path in paths:
            inside = {one for one in self.paths if one == path or one.startswith(f"{path}/")}
            if program == "find":
                return _text("\n".join(sorted(inside)))
            if program == "rm":
                self.paths -= inside
            elif program == "mkdir":
                self.paths |= {path, *map(str, PurePosixPath(path).parents)}
            else:
                self.paths.add(path)
        return Result()


class DirectAdb:
    """Stands for `agentenv.devices.adb.client.Adb`, with no program and no wire between."""

    def __init__(self, shell: FakeShell) -> None:
        self.serial = "emulator-5554"
        self.deadline: float | None = None
        self._shell = shell

    def connect(self) -> None:
        """It is."""

    def shell(self, *words: str) -> str:
        return self.shell_line(shlex.join(words))

    def shell_line(self, line: str) -> str:
        self._must_be_there()
        return _out(self._shell.run(line)).decode()

    def call(self, *words: str, timeout: float | None = None) -> bytes:
        self._must_be_there()
        assert isinstance(self._shell, AndroidSystem)
        return _out(self._shell.called(*words))

    def exec_out(self, *words: str) -> bytes:
        """What it prints, errors too: adb does not tell them apart here."""
        self._must_be_there()
        result = self._shell.run(shlex.join(words))
        return result.out + result.err

    def _must_be_there(self) -> None:
        if isinstance(self._shell, AndroidSystem) and self._shell.is_gone:
            raise DeviceError("the connection to emulator-5554 broke: error: closed", "adb_gone")


def driver_of(shell: FakeShell) -> AdbDriver:
    """A driver whose commands the shell answers at once."""
    driver = AdbDriver("emulator-5554")
    driver.adb = DirectAdb(shell)  # type: ignore[assignment]
    return driver


def _out(result: Result) -> bytes:
    if result.status:
        raise CommandError((result.err or result.out).decode(), "adb_command")
    return result.out


def _text(text: str) -> Result:
    return Result(f"{text}\n".encode())
