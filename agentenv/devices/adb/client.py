"""The `adb` program: each call bounded in time, a lost device told from a failed command."""

from __future__ import annotations

import contextlib
import logging
import re
import shlex
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Sequence
from functools import cached_property

from agentenv.errors import ConfigError, DeviceError

logger = logging.getLogger(__name__)

TIMEOUT = 20.0
"""Seconds one call may take, if nothing else is said."""
CONNECT_TIMEOUT = 15.0
_POLL = 0.1
_LOST = re.compile(
    rb"^(adb: )?(error: )?(device .*(not found|offline|unauthorized|still (connecting|authorizing))"
    rb"|no devices/emulators found|more than one device|protocol fault|closed\s*$"
    rb"|cannot connect to daemon|device still)",
    re.MULTILINE,
)
_NEVER_SENT = re.compile(rb"not found|offline|no devices|still (connecting|authorizing)")


class CommandError(DeviceError):
    """A command on the device failed; the device itself answers."""


class Adb:
    """One device, by its serial number or its address.

    Args:
        serial: as ``adb devices`` lists it; "127.0.0.1:5555" is connected to when needed.
            Empty: the only device there is.
        timeout: seconds one call may take.
    """

    def __init__(self, serial: str, timeout: float = TIMEOUT) -> None:
        self.serial = serial
        self.deadline: float | None = None
        self.reconnections: Counter[str] = Counter()
        """How often the device had to be connected to anew, by what was lost."""
        self._timeout = timeout

    @cached_property
    def _program(self) -> list[str]:
        """How adb is called, for this device."""
        return [find_adb(), *(["-s", self.serial] if self.serial else [])]

    def connect(self) -> None:
        """Wait until the device answers.

        Raises:
            ConfigError: there is no `adb` on this machine.
            DeviceError: it does not, within `CONNECT_TIMEOUT` ("adb_gone").
        """
        until = time.monotonic() + CONNECT_TIMEOUT
        if self.deadline is not None:
            until = min(until, self.deadline)
        self._start_server()
        while True:
            state = self._state()
            if state == "device":
                return
            if time.monotonic() > until:
                raise DeviceError(
                    f"adb does not reach {self.serial or 'a device'} ({state}); `adb devices` "
                    "lists what it does. On a handset: allow USB debugging, and this computer",
                    "adb_gone",
                )
            if ":" in self.serial:
                if state == "offline":
                    self._quietly("disconnect", self.serial)
                self._quietly("connect", self.serial)
            time.sleep(_POLL)

    def shell(self, *words: str) -> str:
        """Run a command on the device; what it prints.

        Raises:
            CommandError: it ended with an error ("adb_command").
            DeviceError: the device is gone ("adb_gone"), or does not answer ("adb_timeout").
        """
        return self.shell_line(shlex.join(words))

    def shell_line(self, line: str) -> str:
        """The same for a line of its shell, quoted already."""
        return self._call("shell", line).decode("utf-8", "replace")

    def exec_out(self, *words: str) -> bytes:
        """Run a command on the device; the very bytes it prints, whether it failed or not.

        Raises:
            DeviceError: as `shell`.
        """
        return self._call("exec-out", shlex.join(words))

    def call(self, *words: str, timeout: float | None = None) -> bytes:
        """Run a command of adb itself, such as ``install``.

        Args:
            words: of the command.
            timeout: seconds it may take, where that is more than a call usually may.

        Raises:
            DeviceError: as `shell`.
        """
        return self._call(*words, timeout=timeout)

    def _call(self, *words: str, timeout: float | None = None) -> bytes:
        result = self._run(words, timeout)
        if result.returncode and _LOST.search(result.stderr):
            lost = result.stderr.decode("utf-8", "replace").strip()[:200]
            self.reconnections["adb_gone"] += 1
            if not _NEVER_SENT.search(result.stderr):
                raise DeviceError(f"the connection to {self.serial} broke: {lost}", "adb_gone")
            logger.info("adb: connecting to %s anew: %s", self.serial, lost)
            self.connect()
            result = self._run(words, timeout)
        if result.returncode:
            said = (result.stderr or result.stdout).decode("utf-8", "replace").strip()
            cause = "adb_gone" if _LOST.search(result.stderr) else "adb_command"
            kind = DeviceError if cause == "adb_gone" else CommandError
            raise kind(f"`{' '.join(words)[:80]}` failed on {self.serial}: {said[:300]}", cause)
        return result.stdout

    def _run(
        self, words: Sequence[str], timeout: float | None
    ) -> subprocess.CompletedProcess[bytes]:
        left = timeout or self._timeout
        if self.deadline is not None:
            left = min(left, self.deadline - time.monotonic())
            if left <= 0:
                raise DeviceError("the step took too long", "deadline")
        try:
            return subprocess.run(
                [*self._program, *words],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=left,
            )
        except subprocess.TimeoutExpired as error:
            raise DeviceError(
                f"{self.serial} did not answer `{' '.join(words)[:80]}` within {left:.0f} s",
                "adb_timeout",
            ) from error

    def _state(self) -> str:
        """As adb calls it: "device" if all is well."""
        try:
            result = subprocess.run(
                [*self._program, "get-state"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=self._timeout,
            )
        except subprocess.TimeoutExpired:
            return "no answer"
        said = result.stdout or result.stderr
        return said.decode("utf-8", "replace").strip().removeprefix("error: ")

    def _start_server(self) -> None:
        """Into nothing, because the server would keep our pipes open."""
        self._quietly("start-server")

    def _quietly(self, *words: str) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(
                [self._program[0], *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=self._timeout,
            )


def find_adb() -> str:
    """Path of the program.

    Raises:
        ConfigError: it is not installed.
    """
    found = shutil.which("adb")
    if found is None:
        raise ConfigError(
            "there is no `adb` on PATH; on Debian: apt-get install adb, or Android's platform-tools"
        )
    return found
