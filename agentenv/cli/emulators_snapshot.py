"""`agentenv emulators snapshot`: save and restore an emulator's whole state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

from agentenv.errors import ConfigError
from agentenv.progress import console


@dataclass(frozen=True)
class EmulatorsSnapshotConfig:
    """What to do, with which snapshot."""

    verb: Annotated[Literal["save", "restore", "list"], tyro.conf.Positional]
    """After restoring, the command waits until Android answers."""
    name: Annotated[str, tyro.conf.Positional] = ""
    """Of the snapshot."""
    emulator: str = ""
    """Of several; by default all that are up."""
    host: str = ""
    """Docker engine; by default the one that `up` was told."""


def run(config: EmulatorsSnapshotConfig) -> None:
    """Do it, and print what the emulators said."""
    from emulators import state
    from emulators.containers import Containers
    from emulators.life import snapshot

    started = state.load()
    names = [one.name for one in started if config.emulator in ("", one.name)]
    if not names:
        raise ConfigError("no such emulator is up; agentenv emulators status")
    containers = Containers(config.host or state.host_of(started))
    for name in names:
        said = snapshot(containers, name, config.verb, config.name)
        console.print(f"{name}: {said}", highlight=False, markup=False)
