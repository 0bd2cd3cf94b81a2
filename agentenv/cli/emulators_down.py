"""`agentenv emulators down`: remove what `up` has made."""

from __future__ import annotations

from dataclasses import dataclass

from agentenv.progress import console


@dataclass(frozen=True)
class EmulatorsDownConfig:
    """What else goes."""

    data: bool = False
    """Also what the phones hold."""
    host: str = ""
    """Docker engine; by default the one that `up` was told."""


def run(config: EmulatorsDownConfig) -> None:
    """Remove them; containers of others stay."""
    from emulators import state
    from emulators.containers import Containers
    from emulators.life import down

    gone = down(Containers(config.host or state.host_of(state.load())), data=config.data)
    console.print(f"removed: {', '.join(gone) or 'nothing'}", highlight=False)
