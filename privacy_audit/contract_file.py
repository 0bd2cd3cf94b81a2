"""A contract from a file, for tasks that declare none: a real app, another tool's trajectories."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from privacy_audit.canaries import Item
from privacy_audit.contract import Contract, Place, words_known
from privacy_audit.yaml_file import read_yaml_file


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)


def _as_written(value: object) -> object:
    """YAML takes 1960-04-13 for a date, and a person means these letters."""
    return value.isoformat() if isinstance(value, date) else value


class _Item(_Model):
    value: Annotated[str, BeforeValidator(_as_written), Field(min_length=4)]
    category: str = "other"
    private: bool = True
    places: tuple[str, ...] = ()
    """Where the task wants it: "app/screen/field"."""


class _Field(_Model):
    place: str = Field(pattern=r"^[^/]+/[^/]*/.+$")
    category: str = ""
    key: str = ""
    trap: bool = False
    required: bool = False


class _File(_Model):
    purpose: str
    goal: str = ""
    items: dict[str, _Item]
    necessary: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    prohibited: tuple[str, ...] = ()
    fields: tuple[_Field, ...] = ()
    private_apps: tuple[str, ...] = ()
    known: tuple[str, ...] = ()


def read_contract(path: Path) -> Contract:
    """A contract as YAML.

    Raises:
        ConfigError: it cannot be read, or is none; names the line.
    """
    file: _File = read_yaml_file(path, _File, "contract")
    return Contract(
        purpose=file.purpose,
        goal=file.goal,
        items=tuple(
            Item(key, one.value, one.category, one.private) for key, one in file.items.items()
        ),
        necessary=frozenset(file.necessary),
        allowed=frozenset(file.allowed),
        prohibited=frozenset(file.prohibited),
        wanted=frozenset((key, at) for key, one in file.items.items() for at in one.places),
        places=tuple(
            Place(one.place, one.place.split("/", 2)[2], one.category, one.key, one.trap,
                  one.required, ((one.place.split("/")[1], 0),))
            for one in file.fields
        ),
        private_apps=frozenset(file.private_apps),
        known=words_known((file.goal, *file.known)),
    )  # fmt: skip
