"""`agentenv emulators up`: Android emulators in containers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from agentenv.progress import console

if TYPE_CHECKING:
    from emulators.images import Service


@dataclass(frozen=True)
class EmulatorsUpConfig:
    """How many, and which."""

    count: int = 1
    """Emulators side by side; each takes about 4 GiB of memory and 2 cores."""
    api: int = 34
    """Android's API level."""
    image: Literal["budtmo", "google", "redroid"] = "budtmo"
    """budtmo: with Appium inside, needs KVM. google: API 30, needs KVM. redroid: needs binder
    in the host's kernel and no KVM."""
    headless: bool = True
    """Without a picture of the screen for your browser (budtmo alone has one)."""
    host: str = ""
    """Docker engine: an address, e.g. ssh://me@machine, or the name of a docker context; by
    default the one that docker itself uses."""
    timeout: float = 600.0
    """Seconds until all have booted."""
    dry_run: bool = False
    """Only print the compose file."""


def run(config: EmulatorsUpConfig) -> None:
    """Start them, and say how to reach each."""
    from emulators.compose import compose_file
    from emulators.containers import Containers
    from emulators.images import WEB_VNC, services
    from emulators.life import up

    wanted = services(
        config.image, config.count, config.api, headless=config.headless, project="agentenv"
    )
    if config.dry_run:
        console.print(compose_file(wanted), highlight=False, markup=False, soft_wrap=True)
        return
    containers = Containers(config.host)
    if containers.machine:
        _print_tunnel(containers.machine, wanted)
    up(containers, wanted, timeout=config.timeout)
    for service in wanted:
        lines = [f"{service.name}: adb connect {service.serial}"]
        lines += [f"  Appium {service.appium_url}"] if service.appium_url else []
        if WEB_VNC in service.ports:
            lines.append(f"  screen http://127.0.0.1:{service.ports[WEB_VNC]}")
        console.print("\n".join(lines), highlight=False, soft_wrap=True)


def _print_tunnel(machine: str, wanted: Sequence[Service]) -> None:
    """Ports are bound to the other machine's own 127.0.0.1: how to make them this one's too."""
    ports = [port for service in wanted for port in service.ports.values()]
    tunnels = " ".join(f"-L {port}:127.0.0.1:{port}" for port in ports)
    console.print(f"keep open beside it: ssh -N {tunnels} {machine}",
                  highlight=False, markup=False, soft_wrap=True)  # fmt: skip
