"""`agentenv emulators logs`: what an emulator printed last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tyro

from agentenv.errors import ConfigError
from agentenv.progress import console


@dataclass(frozen=True)
class EmulatorsLogsConfig:
    """Of which, and how much."""

    name: Annotated[str, tyro.conf.Positional] = ""
    """Of the emulator; by default every one that is up."""
    lines: int = 40
    host: str = ""
    """Docker engine; by default the one that `up` was told."""


def run(config: EmulatorsLogsConfig) -> None:
    """Print the lines."""
    from emulators import state
    from emulators.containers import Containers

    started = state.load()
    names = [config.name] if config.name else [one.name for one in started]
    if not names:
        raise ConfigError("none is up; agentenv emulators up")
    containers = Containers(config.host or state.host_of(started))
    for name in names:
        console.print(f"{name}:", highlight=False)
        console.print(containers.logs(name, config.lines), highlight=False, markup=False)
