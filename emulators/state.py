"""Which containers are ours: one file, written before they are made."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from agentenv.errors import ConfigError
from agentenv.trajectories.durable import write_durably
from emulators.images import Service

FOLDER = Path(".agentenv")
STATE = FOLDER / "emulators.json"
COMPOSE = FOLDER / "emulators.compose.yaml"


@dataclass(frozen=True)
class Emulator:
    """One container that `up` has made, or was about to."""

    name: str
    serial: str
    appium_url: str
    host: str = ""
    """Docker engine that it is on, as `Containers` takes it."""


def save(services: Sequence[Service], path: Path = STATE, host: str = "") -> None:
    """Note containers that are about to be made, on the engine of that host."""
    emulators = [asdict(Emulator(one.name, one.serial, one.appium_url, host)) for one in services]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_durably(path, (json.dumps({"emulators": emulators}, indent=1) + "\n").encode())


def load(path: Path = STATE) -> list[Emulator]:
    """The containers noted; none if there is no file.

    Raises:
        ConfigError: the file is not one of ours.
    """
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))["emulators"]
        return [Emulator(**one) for one in listed]
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise ConfigError(f"{path} is not readable as a list of emulators: {error!r}") from error


def host_of(emulators: Sequence[Emulator]) -> str:
    """The host whose engine they are on: all that are up are on one."""
    return emulators[0].host if emulators else ""


def forget(path: Path = STATE) -> None:
    """Nothing of ours runs any more."""
    path.unlink(missing_ok=True)
