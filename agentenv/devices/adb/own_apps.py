"""Apps that belong to a task: installed, brought into their first state, and their databases."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from agentenv.devices.adb.app_folder import AppFolder
from agentenv.devices.adb.client import Adb
from agentenv.devices.adb.database import read_database
from agentenv.devices.adb.packages import ensure_installed, installed_at
from agentenv.devices.android.setup import AppState
from agentenv.errors import ConfigError, DeviceError

MARK = "files/agentenv"
"""File that says whose data an app's are."""


class OwnApps:
    """The tasks' apps on one device.

    Args:
        adb: of the device; also where Appium drives it, which gives no databases.
    """

    def __init__(self, adb: Adb) -> None:
        self.adb = adb
        self._folders: dict[str, AppFolder] = {}

    def prepare(self, app: AppState, *, is_emulator: bool) -> None:
        """Install an app where it is missing, and give it its first data.

        Args:
            app: what it is to be.
            is_emulator: if not, an app that somebody else has installed is left alone.

        Raises:
            ConfigError: that is so, a file is missing, or as `ensure_installed` and
                `AppFolder.enter`.
            DeviceError: its data stay as they are ("not_cleared"), or as `Adb.call`.
        """
        files = [(path, _content(one)) for path, one in app.files]
        folder = AppFolder(self.adb, app.package)
        if not is_emulator and installed_at(self.adb, app.package):
            folder.enter()
            if not folder.has(MARK):
                raise ConfigError(
                    f"{app.package} is on this handset already, and tasks would erase its data; "
                    f"if nobody needs them: adb uninstall {app.package}"
                )
        ensure_installed(self.adb, app.package, app.apk)
        folder.enter()
        said = self.adb.shell("pm", "clear", app.package)
        if "Success" not in said:
            told = f"the data of {app.package} stay: {said.strip()[:160]}"
            raise DeviceError(told, "not_cleared")
        for path, content in ((MARK, b""), *files):
            folder.put(path, content)
        self._folders[app.package] = folder

    def databases(self, apps: Iterable[AppState]) -> dict[str, bytes]:
        """The databases of apps that were prepared, by package.

        Raises:
            DeviceError: as `read_database`.
        """
        read = [one for one in apps if one.database]
        return {one.package: self._database(one) for one in read}

    def _database(self, app: AppState) -> bytes:
        folder = self._folders.get(app.package)
        if folder is None:
            raise DeviceError(f"{app.package} was not prepared", "not_connected")
        return read_database(folder, app.database)


def _content(given: bytes | Path) -> bytes:
    if isinstance(given, bytes):
        return given
    try:
        return given.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{given}: {error.strerror}; if the folder that the task was imported from was moved, "
            "import it again"
        ) from error
