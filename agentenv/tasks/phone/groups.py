"""What an agent is trained on, and what it is kept from: templates, and whole apps.

Instances of one template are split by their parameters (train, validation, test). Beyond that
some templates, and every template that takes one of some apps, are for evaluation only:
``phone:train``, ``phone:new-templates`` and ``phone:new-apps`` name the three groups.
"""

from __future__ import annotations

from functools import cache
from typing import Literal

import yaml
from pydantic import TypeAdapter, ValidationError

from agentenv.data_files import data_file, read_data
from agentenv.errors import ConfigError
from agentenv.phone.apps import APPS
from agentenv.phone.schema import Model, Name
from agentenv.tasks.phone.template import Template

Group = Literal["train", "new-templates", "new-apps"]


class HeldOut(Model):
    """What ``data/held_out.yaml`` says."""

    apps: tuple[Name, ...]
    templates: tuple[str, ...]


@cache
def held_out() -> HeldOut:
    """What no agent is trained on.

    Raises:
        ConfigError: the file is wrong.
    """
    path = data_file("held_out.yaml")
    try:
        return TypeAdapter(HeldOut).validate_python(read_data(path))
    except (ValidationError, yaml.YAMLError) as error:
        raise ConfigError(f"{path.name}: {error}") from error


def group_of(template: Template) -> Group:
    """The group that a template belongs to."""
    if not template.apps.isdisjoint(held_out().apps):
        return "new-apps"
    return "new-templates" if template.id in held_out().templates else "train"


def apps_beside(template: Template) -> tuple[str, ...]:
    """Apps that may stand on the phone beside those that a template takes: none that are held
    out, unless it takes one."""
    if group_of(template) == "new-apps":
        return APPS
    return tuple(app for app in APPS if app not in held_out().apps)
