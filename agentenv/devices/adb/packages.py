"""An app on a device is the one in a file: installed once, and told apart by its content."""

from __future__ import annotations

import hashlib
from pathlib import Path

from agentenv.devices.adb.client import Adb, CommandError
from agentenv.errors import ConfigError, DeviceError

INSTALL_TIMEOUT = 180.0
"""Seconds; a device compiles what it installs."""
_POINTER = b"version https://git-lfs"
_REFUSALS = {
    "VERSION_DOWNGRADE": "the device has a newer version of it; adb uninstall {package}, and again",
    "UPDATE_INCOMPATIBLE": "the device has a build of it that somebody else has signed; "
    "adb uninstall {package}, and again",
    "NO_MATCHING_ABIS": "it is built for another processor than the device's",
    "OLDER_SDK": "the device's Android is too old for it",
    "INSUFFICIENT_STORAGE": "the device is full",
}
"""What Android calls the reason, without INSTALL_FAILED_ -> what to do."""


def ensure_installed(adb: Adb, package: str, apk: Path) -> bool:
    """Install an app unless this very build is there; whether that was needed.

    Versions are Android's to judge, which refuses to go back: builds of one version differ.

    Raises:
        ConfigError: the file is missing or no APK, or the device refuses it for good.
        DeviceError: it could not be installed ("not_installed"), or as `Adb.shell`.
    """
    wanted = _checked(apk)
    there = installed_at(adb, package)
    if len(there) == 1 and adb.shell("sha256sum", there[0]).split()[:1] == [wanted]:
        return False
    try:
        adb.call("install", "-r", "-g", str(apk), timeout=INSTALL_TIMEOUT)
    except CommandError as error:
        for reason, advice in _REFUSALS.items():
            if reason in str(error):
                told = advice.format(package=package)
                raise ConfigError(f"{apk.name} cannot be installed: {told}") from error
        told = f"{apk.name} was not installed: {error}"
        raise DeviceError(told[:300], "not_installed") from error
    if not installed_at(adb, package):
        raise ConfigError(f"{apk} is installed, but it is not the app {package}")
    return True


def installed_at(adb: Adb, package: str) -> list[str]:
    """Paths of an app's APKs on the device; none if it is not installed."""
    try:
        said = adb.shell("pm", "path", package)
    except CommandError:  # so say newer versions of Android that there is none
        return []
    return [line.removeprefix("package:") for line in said.split() if line.startswith("package:")]


def _checked(apk: Path) -> str:
    """The hash of a file that is an APK.

    Raises:
        ConfigError: it is missing, or something else.
    """
    try:
        content = apk.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"there is no {apk}: fetch it where the app is from, or build it there "
            "(./gradlew assembleDebug) and put it in that place"
        ) from error
    if content.startswith(_POINTER):
        raise ConfigError(f"{apk} is only a pointer to the app: git lfs pull, in its checkout")
    if not content.startswith(b"PK"):
        raise ConfigError(f"{apk} is no APK")
    return hashlib.sha256(content).hexdigest()
