"""`agentenv phone new-app`: begin an app, as data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from agentenv.errors import ConfigError
from agentenv.progress import console

MEMO = "memo"
"""What every new app holds besides: it takes the texts that other apps share."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True)
class NewAppConfig:
    """What the new app is about."""

    app: Annotated[str, tyro.conf.Positional]
    """Its id: lower-case letters, digits and underscores, e.g. cinema."""
    item: str = "item"
    """What its catalogue holds, e.g. film."""
    record: str = "order"
    """What its form makes, e.g. ticket."""
    out: Path | None = None
    """Where to write it; by default into data/apps."""


def run(config: NewAppConfig) -> None:
    """Write an app that works, to be filled with a catalogue of one's own.

    Raises:
        ConfigError: a name is none or is taken, or the file is there already.
    """
    from agentenv.data_files import data_file
    from agentenv.phone.apps import starting_app

    for name in (config.app, config.item, config.record):
        if not _NAME.fullmatch(name):
            raise ConfigError(f"{name!r} is no name; write lower-case letters, digits and _")
    if len({config.item, config.record, MEMO}) < 3:
        raise ConfigError(f"call --item and --record differently, and neither of them {MEMO!r}")
    path = config.out or data_file("apps") / f"{config.app}.yaml"
    if path.exists():
        raise ConfigError(f"{path} is there already; choose another name")
    path.write_text(starting_app(config.app, config.item, config.record), encoding="utf-8")
    console.print(f"wrote {path}; then: agentenv phone check-app {path}", soft_wrap=True)
