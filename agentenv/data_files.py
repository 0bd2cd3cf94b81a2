"""The files that come with agentenv: apps, tasks, and the small default model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml

from agentenv.errors import ConfigError


def data_file(name: str) -> Path:
    """Path of a file or folder in ``data/``.

    It lies beside the package in a checkout; elsewhere the environment variable
    AGENTENV_HOME names the checkout.

    Raises:
        ConfigError: it is not there.
    """
    home = os.environ.get("AGENTENV_HOME")
    root = Path(home) if home else Path(__file__).resolve().parents[1]
    path = root / "data" / name
    if not path.exists():
        raise ConfigError(
            f"{path} is missing; run from a checkout of agentenv, or set AGENTENV_HOME to one"
        )
    return path


def read_data(path: Path) -> Any:
    """What a YAML file that comes with agentenv holds.

    Only for those: it is read ten times as fast as others, by a parser in C that a file nested
    without end would crash.

    Raises:
        OSError, UnicodeDecodeError, yaml.YAMLError: it cannot be read.
    """
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
