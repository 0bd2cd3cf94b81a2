"""What a task asks of an Android device."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from agentenv.devices.base import Setup

Words = tuple[str, ...]
"""A command on the device, word by word."""


@dataclass(frozen=True)
class AppState:
    """An app of a task's own: where it is installed from, and all the data it begins with."""

    package: str
    apk: Path
    """Installed if the device has another build of it, or none."""
    files: tuple[tuple[str, bytes | Path], ...] = ()
    """Paths below the app's private folder, and what they hold, or a file of this machine that
    has it; whatever else the app had is erased."""
    database: str = ""
    """Path of a SQLite database there, which the verifier reads; it need not exist yet."""


@dataclass(frozen=True)
class AndroidSetup(Setup):
    """Initial state of a device, brought about in this order."""

    snapshot: str = ""
    """Of an emulator, loaded first."""
    clock: datetime | None = None
    """What the device's clock shows when the task begins, with its zone; None: as it is."""
    install: tuple[Path, ...] = ()
    """APKs; their permissions are granted."""
    clear: tuple[str, ...] = ()
    """Packages whose data is erased, of those that are installed."""
    emulator_only: bool = False
    """It would destroy what belongs to the owner of a handset, which is refused."""
    own_apps: tuple[AppState, ...] = ()
    """Apps that belong to the task. On a handset they are refused where somebody else has
    installed them: their data would be erased."""
    grants: tuple[tuple[str, str], ...] = ()
    """Permissions that apps have beside those they were installed with: (package, permission)."""
    clipboard: str | None = None
    """What the clipboard holds; None: as it is. Only Appium can fill it."""
    commands: tuple[Words, ...] = ()
    """Run on the device: ``("settings", "put", "system", "screen_brightness", "40")``."""
    app: str = ""
    """Package that is started; none: the home screen is shown."""
    url: str = ""
    """Address or deep link that is opened, by `app` or by the app that is meant for it."""
    apps: tuple[tuple[str, str], ...] = ()
    """What the agent may call apps beside their packages: (name, package)."""
    state: tuple[tuple[str, Words], ...] = ()
    """What the verifier reads: (name, command on the device), whose output is the value."""
