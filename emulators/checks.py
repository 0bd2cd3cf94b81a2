"""What this machine has for Android, and what to do about the rest."""

from __future__ import annotations

import os
import shutil
import urllib.error
import urllib.request
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from agentenv.errors import ConfigError
from emulators.containers import Containers

ENOUGH_DISK_GIB = 20
_KVM, _BINDER = Path("/dev/kvm"), Path("/proc/filesystems")


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    name: str
    found: str
    advice: str = ""
    """What to do; empty if nothing."""


def check_machine(host: str = "", appium_url: str = "http://127.0.0.1:4723") -> list[Finding]:
    """Every check, in the order in which things are needed."""
    return [_docker(host), _kvm(), _binder(), _adb(), _client(), _appium(appium_url), _disk()]


def _docker(host: str) -> Finding:
    try:
        Containers(host)
    except ConfigError as error:
        advice = "install docker's engine and be in the group docker; or --host ssh://..."
        return Finding("docker", str(error).partition(";")[0][:60], advice)
    return Finding("docker", "an engine answers")


def _kvm() -> Finding:
    if not _KVM.exists():
        advice = "switch virtualisation on in the firmware (or nested, in the cloud), or: redroid"
        return Finding("/dev/kvm", "none", advice)
    if not os.access(_KVM, os.R_OK | os.W_OK):
        return Finding("/dev/kvm", "not for this user", "be in the group kvm, or: --image redroid")
    return Finding("/dev/kvm", "usable")


def _binder() -> Finding:
    try:
        there = "binder" in _BINDER.read_text()
    except OSError:
        there = False
    if there:
        return Finding("binder", "in the kernel")
    return Finding("binder", "none", "only for --image redroid: modprobe binder_linux")


def _adb() -> Finding:
    found = shutil.which("adb")
    return Finding("adb", found) if found else Finding("adb", "none", "apt-get install adb")


def _client() -> Finding:
    if find_spec("appium") is None:
        advice = "to drive by Appium: pip install 'agentenv[android]'; adb alone needs it not"
        return Finding("Appium's client", "none", advice)
    return Finding("Appium's client", "installed")


def _appium(url: str) -> Finding:
    try:
        with urllib.request.urlopen(f"{url}/status", timeout=2):
            return Finding("Appium", f"answers at {url}")
    except (OSError, ValueError, urllib.error.HTTPError):
        advice = "the budtmo image has one inside; for others: npm install -g appium"
        return Finding("Appium", f"none at {url}", advice)


def _disk() -> Finding:
    free = shutil.disk_usage(Path.cwd()).free / 2**30
    advice = "" if free >= ENOUGH_DISK_GIB else f"an image and its emulators: {ENOUGH_DISK_GIB} GiB"
    return Finding("disk", f"{free:.0f} GiB free here", advice)
