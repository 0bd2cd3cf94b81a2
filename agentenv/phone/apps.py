"""The apps in ``data/apps/``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader
from pydantic import ValidationError

from agentenv.config import closest
from agentenv.data_files import data_file, read_data
from agentenv.errors import ConfigError
from agentenv.phone.schema import App

STANDARD_APPS: tuple[str, ...] = (
    *("restaurants", "doctors", "messages", "notes", "settings", "privacy"),
)
"""The apps of a phone of which nothing else is said, in the order of the home screen."""
APPS: tuple[str, ...] = (
    *STANDARD_APPS,
    *("pharmacy", "flats", "hotels", "roads", "food", "events", "insurance", "handy"),
    *("contacts", "calendar", "clock", "email", "shop", "wallet", "media"),
)
"""The apps that come with agentenv."""
SUFFIXES = (".yaml", ".yml", ".json")
"""Of files with an app."""


def load_apps(names: Iterable[str]) -> dict[str, App]:
    """Apps by their ids.

    Args:
        names: of apps that come with agentenv, or paths of files.

    Raises:
        ConfigError: there is no such app, or its file is wrong.
    """
    return {app.id: app for app in map(load_app, names)}


@cache
def load_app(name: str) -> App:
    """The app of that name, or in that file.

    Raises:
        ConfigError: there is none, or its file is wrong.
    """
    if name.endswith(SUFFIXES):
        return read_app(Path(name))
    known = app_names()
    if name not in known:
        raise ConfigError(f"no app {name!r}{closest(name, known)}")
    return read_app(data_file("apps") / f"{name}.yaml")


def app_names() -> list[str]:
    """The apps in ``data/apps/``: those that come with agentenv, and a user's own."""
    return sorted(file.stem for file in data_file("apps").glob("*.yaml"))


def read_app(path: Path) -> App:
    """An app from its file.

    Raises:
        ConfigError: it cannot be read or breaks the schema; says where and why.
    """
    try:
        content = _content(path)
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: {error}") from error
    try:
        app = App.model_validate(content)
    except ValidationError as error:
        problems = "; ".join(
            ".".join(map(str, one["loc"])) + ": " + one["msg"] for one in error.errors()[:5]
        )
        raise ConfigError(f"{path.name}: {problems}") from error
    if app.id != path.stem:
        raise ConfigError(f"{path.name}: its id is {app.id!r}; name the file {app.id}{path.suffix}")
    return app


def _content(path: Path) -> Any:
    if path.parent == data_file("apps"):
        return read_data(path)
    text = path.read_text(encoding="utf-8")
    return json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)


def starting_app(name: str, item: str, record: str) -> str:
    """The text of a new app's file: a catalogue, a form with traps, records, and memos that
    take what other apps share.

    Args:
        name: its id.
        item: what the catalogue holds.
        record: what the form makes.
    """
    environment = Environment(loader=PackageLoader("agentenv.phone", "page"), autoescape=False)
    template = environment.get_template("new_app.yaml.j2")
    return template.render(app=name, item=item, record=record)
