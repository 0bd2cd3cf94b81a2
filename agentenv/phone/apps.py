"""The apps in ``data/apps/``."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml
from pydantic import ValidationError

from agentenv.config import closest
from agentenv.data_files import data_file
from agentenv.errors import ConfigError
from agentenv.phone.schema import App

APPS: tuple[str, ...] = ("restaurants", "doctors", "messages", "notes", "settings", "privacy")
"""The apps that come with agentenv, in the order of the home screen."""


@cache
def load_app(name: str) -> App:
    """The app of that name.

    Raises:
        ConfigError: there is none, or its file is wrong.
    """
    folder = data_file("apps")
    known = sorted(file.stem for file in folder.glob("*.yaml"))
    if name not in known:
        raise ConfigError(f"no app {name!r}{closest(name, known)}")
    return read_app(folder / f"{name}.yaml")


def read_app(path: Path) -> App:
    """An app from its file.

    Raises:
        ConfigError: it cannot be read or breaks the schema; says where and why.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: {error}") from error
    try:
        app = App.model_validate(content)
    except ValidationError as error:
        problems = "; ".join(
            ".".join(map(str, one["loc"])) + ": " + one["msg"] for one in error.errors()[:5]
        )
        raise ConfigError(f"{path.name}: {problems}") from error
    if app.id != path.stem:
        raise ConfigError(f"{path.name}: its id is {app.id!r}; name the file {app.id}.yaml")
    return app
