"""What the commands do: emulators are made, asked, saved and removed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from agentenv.devices.android.pins import MARK
from agentenv.errors import AgentenvError, ConfigError, DeviceError
from agentenv.progress import track
from agentenv.trajectories.durable import write_durably
from emulators import state
from emulators.compose import compose_file
from emulators.containers import READY_TIMEOUT, Containers, EmulatorError
from emulators.images import Service

_SNAPSHOT_TIMEOUT = 120.0
_CONSOLE = {"save": "save", "restore": "load", "list": "list"}
"""What is done with snapshots -> the emulator's word for it."""


def up(
    containers: Containers,
    services: Sequence[Service],
    *,
    timeout: float = READY_TIMEOUT,
    folder: Path = state.FOLDER,
) -> list[state.Emulator]:
    """Make and start emulators, and wait until they can be used.

    What is about to be made is noted first, so that `down` finds it whatever happens.

    Raises:
        ConfigError: others of ours are up.
        EmulatorError: one cannot be made, or is not ready in time; they stay for `logs`.
    """
    file = folder / state.STATE.name
    names = {service.name for service in services}
    others = [one.name for one in state.load(file) if one.name not in names]
    if others:
        raise ConfigError(f"{', '.join(others)} are up; first: agentenv emulators down")
    state.save(services, file, containers.host)
    write_durably(folder / state.COMPOSE.name, compose_file(services).encode())
    with track("emulators", total=len(services)) as progress:
        for service in services:
            progress.advance(0, f"{service.name} is made, of {service.image}")
            containers.start(service)
        containers.await_ready(
            [service.name for service in services],
            lambda name: progress.advance(text=f"{name} is ready"),
            timeout,
            lambda text: progress.advance(0, text),
        )
    return state.load(file)


def down(containers: Containers, *, data: bool, folder: Path = state.FOLDER) -> list[str]:
    """Remove what `up` has made, and nothing else; the names of what was there.

    Raises:
        EmulatorError: a container stays; the note of it too.
    """
    file = folder / state.STATE.name
    gone = [one.name for one in state.load(file) if containers.remove(one.name, data=data)]
    state.forget(file)
    return gone


def restarter(
    serial: str, appium_url: str, folder: Path = state.FOLDER
) -> Callable[[], None] | None:
    """What starts an emulator's container anew and waits until it is ready: the last means of
    `agentenv.devices.android.device.AndroidDevice`.

    Args:
        serial, appium_url: address of the device; one of them may be empty.
        folder: where `up` has noted what it made.

    Returns:
        None if `up` has made no emulator with this address. It raises `DeviceError` where the
        container does not come back ("not_restarted").
    """
    for one in state.load(folder / state.STATE.name):
        if (serial and one.serial == serial) or (appium_url and one.appium_url == appium_url):
            return partial(_restart, one.name, one.host)
    return None


def _restart(name: str, host: str) -> None:
    try:
        containers = Containers(host)
        containers.restart(name)
        containers.await_ready([name], lambda _: None)
    except AgentenvError as error:
        raise DeviceError(f"{name} was not restarted: {error}", "not_restarted") from error


def snapshot(containers: Containers, name: str, verb: str, snapshot: str) -> str:
    """Save, restore or list snapshots of an emulator; what its console said.

    After restoring one it waits until Android answers, and looks whether anything was restored.

    Raises:
        ConfigError: no such verb.
        EmulatorError: the emulator refused (redroid has no snapshots), does not answer, or has
            restored nothing.
    """
    if verb not in _CONSOLE:
        raise ConfigError(f"snapshots: {', '.join(_CONSOLE)}; not {verb!r}")
    if verb != "list" and not snapshot:
        raise ConfigError("give the snapshot a name")
    told = _CONSOLE[verb]
    words = ("adb", "emu", "avd", "snapshot", told, *([snapshot] if snapshot else []))
    settings = ("adb", "shell", "settings")
    if verb == "restore":
        containers.run(name, *settings, "put", *MARK, "1")
    said = containers.run(name, *words)
    if not said.endswith("OK"):
        raise EmulatorError(f"{name}: {said[-200:]}")
    if verb == "restore":
        _await_android(containers, name)
        if containers.run(name, *settings, "get", *MARK) == "1":
            raise EmulatorError(f"{name}: {snapshot!r} restored nothing")
    return said


def _await_android(containers: Containers, name: str) -> None:
    until = time.monotonic() + _SNAPSHOT_TIMEOUT
    while True:
        try:
            if containers.run(name, "adb", "shell", "getprop", "sys.boot_completed") == "1":
                return
        except EmulatorError:
            if time.monotonic() > until:
                raise
        if time.monotonic() > until:
            raise EmulatorError(f"{name} does not answer after the snapshot was restored")
        time.sleep(0.5)
