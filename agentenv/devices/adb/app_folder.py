"""An app's private folder on a device: who may enter it, and files copied from and to it."""

from __future__ import annotations

import io
import logging
import re
import tarfile
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from agentenv.devices.adb.client import Adb, CommandError
from agentenv.errors import ConfigError, DeviceError

logger = logging.getLogger(__name__)

MAX_BYTES = 64 * 2**20
"""Of what is copied at once."""
_MISSING = re.compile(rb"\A\S*tar: .*No such file")
_END = bytes(2 * tarfile.BLOCKSIZE)
"""Of a whole archive: adb does not tell when one was cut off."""
_ROOT_TIME = 10.0
"""Seconds that adb's daemon may take to start anew."""
_UPLOADS = "/data/local/tmp"


class AppFolder:
    """The folder of one app, entered as that app (``run-as``, which debug builds allow) or as root.

    Args:
        adb: of the device.
        package: an app that is installed.
    """

    def __init__(self, adb: Adb, package: str) -> None:
        self._adb = adb
        self._package = package
        self._path = PurePosixPath("/data/data") / package
        self._prefix: tuple[str, ...] | None = None
        self._is_root = False

    def enter(self) -> None:
        """Find a way in.

        Raises:
            ConfigError: there is none.
            DeviceError: as `Adb.shell`.
        """
        for prefix, prepare in self._ways():
            if prepare():
                self._prefix, self._is_root = prefix, prefix[:1] != ("run-as",)
                return
        raise ConfigError(
            f"the data of {self._package} cannot be reached: it is a release build, which run-as "
            "does not enter, and the device gives no root. Take an emulator whose image is not "
            "one with Google Play, or a debug build of the app (./gradlew assembleDebug)"
        )

    def copy(self, folder: str) -> dict[str, bytes]:
        """What the files in a folder of the app hold, by name; none if there is no such folder.

        They are read one after the other: files that belong together may be of two moments.

        Raises:
            DeviceError: they cannot be read ("no_app_data"), or as `Adb.exec_out`.
        """
        said = self._adb.exec_out(*self._entered, "tar", "-cf", "-", "-C", str(self._path), folder)
        if _MISSING.match(said):
            return {}
        try:
            if not said.endswith(_END):
                raise tarfile.ReadError("its end is missing")
            with tarfile.open(fileobj=io.BytesIO(said)) as archive:
                members = [one for one in archive if one.isfile()]
                if sum(one.size for one in members) > MAX_BYTES:
                    raise DeviceError(f"{folder} has more than {MAX_BYTES} bytes", "no_app_data")
                files = ((one.name, archive.extractfile(one)) for one in members)
                return {name.rpartition("/")[2]: file.read() for name, file in files if file}
        except (tarfile.TarError, EOFError, ValueError) as error:
            told = said[:200].decode("utf-8", "replace").strip("\0\n ")
            raise DeviceError(
                f"{folder} of {self._package} was not copied: {told or error}", "no_app_data"
            ) from error

    def has(self, path: str) -> bool:
        """Whether there is a file of that path below the folder."""
        try:
            self._run("ls", str(self._path / path))
        except CommandError:
            return False
        return True

    def put(self, path: str, content: bytes) -> None:
        """Write a file of that path below the folder, as the app itself would.

        Raises:
            DeviceError: as `Adb.call`.
        """
        target = self._path / path
        there = f"{_UPLOADS}/agentenv-{uuid.uuid4().hex}"
        with tempfile.TemporaryDirectory() as folder:
            here = Path(folder) / "file"
            here.write_bytes(content)
            here.chmod(0o644)  # adb keeps it, and the app is to read it
            self._adb.call("push", str(here), there)
        try:
            self._run("mkdir", "-p", str(target.parent))
            self._run("cp", there, str(target))
            if self._is_root:
                self._give_to_app(PurePosixPath(path).parts[0])
        finally:
            self._adb.shell("rm", "-f", there)

    def _give_to_app(self, path: str) -> None:
        """What root has made belongs to root."""
        owner = self._run("stat", "-c", "%u:%g", str(self._path)).strip()
        self._run("chown", "-R", owner, str(self._path / path))
        self._run("restorecon", "-R", "-D", str(self._path / path))  # -D: also app data

    @property
    def _entered(self) -> tuple[str, ...]:
        """What a command begins with."""
        if self._prefix is None:
            self.enter()
        return self._prefix or ()

    def _run(self, *words: str) -> str:
        return self._adb.shell(*self._entered, *words)

    def _ways(self) -> list[tuple[tuple[str, ...], Callable[[], bool]]]:
        """What commands begin with, and whether that works, from the least power to the most."""
        run_as = ("run-as", self._package)
        return [
            (run_as, lambda: self._says_number(*run_as, "id", "-u")),
            ((), lambda: self._is_zero("id", "-u")),
            (("su", "0"), lambda: self._is_zero("su", "0", "id", "-u")),
            ((), self._restarted_as_root),
        ]

    def _says_number(self, *words: str) -> bool:
        """Whether a command works and prints a number."""
        return self._said(*words).isdecimal()

    def _is_zero(self, *words: str) -> bool:
        return self._said(*words) == "0"

    def _said(self, *words: str) -> str:
        try:
            return self._adb.shell(*words).strip()
        except CommandError as error:
            logger.debug("refused: %s", error)
            return ""

    def _restarted_as_root(self) -> bool:
        """Whether adb's daemon starts anew as root, as those of emulators do."""
        try:
            if b"restarting" not in self._adb.call("root"):
                return False
            until = time.monotonic() + _ROOT_TIME
            while not self._is_zero("id", "-u"):  # the old one may answer once more
                if time.monotonic() > until:
                    return False
                time.sleep(0.2)
                self._adb.connect()
        except CommandError as error:
            logger.debug("refused: %s", error)
            return False
        return True
