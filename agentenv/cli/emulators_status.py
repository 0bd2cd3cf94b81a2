"""`agentenv emulators status`: which emulators are up, and how they are."""

from __future__ import annotations

from dataclasses import dataclass

from rich.table import Table

from agentenv.progress import console


@dataclass(frozen=True)
class EmulatorsStatusConfig:
    """Where to look."""

    host: str = ""
    """Docker engine; by default the one that `up` was told."""


def run(config: EmulatorsStatusConfig) -> None:
    """Print a line for each."""
    from emulators import state
    from emulators.containers import Containers

    emulators = state.load()
    if not emulators:
        console.print("none is up; agentenv emulators up")
        return
    containers = Containers(config.host or state.host_of(emulators))
    table = Table("emulator", "state", "adb", "Appium", box=None, pad_edge=False)
    for one in emulators:
        table.add_row(one.name, containers.health(one.name), one.serial, one.appium_url)
    console.print(table)
