"""Settings as dataclasses: read from YAML, saved with a run, hashed.

A command's dataclass is its command line (tyro), its YAML file and its record in
the run directory. Values in a file are checked as strictly as flags: an unknown
key or a wrong type is a `ConfigError` that names the field.
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
import re
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

from agentenv.errors import ConfigError

T = TypeVar("T")


class _Loader(yaml.SafeLoader):
    """YAML's safe loader, which also reads `1e-4` as a number (YAML 1.1 wants `1.0e-4`)."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+\Z"),
    list("-+0123456789"),
)


def load_config(cls: type[T], path: Path) -> T:
    """Read a dataclass from a YAML file.

    Raises:
        ConfigError: the file is missing or not YAML, or a field is unknown, missing
            or of the wrong type.
    """
    return config_from_mapping(cls, read_yaml(path), source=str(path))


def save_config(config: Any, path: Path) -> None:
    """Write a dataclass as YAML, fields in their order; `load_config` reads it back equal."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump(config_to_mapping(config), sort_keys=False, allow_unicode=True)
    path.write_text(text, encoding="utf-8")


def config_hash(config: Any) -> str:
    """16 hexadecimal digits that change when any field's value does."""
    canonical = json.dumps(config_to_mapping(config), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def config_to_mapping(config: Any) -> dict[str, Any]:
    """A dataclass as plain dicts, lists, strings and numbers."""
    mapping: dict[str, Any] = TypeAdapter(type(config)).dump_python(config, mode="json")
    return mapping


def config_from_mapping(cls: type[T], values: Mapping[str, Any], *, source: str = "config") -> T:
    """A dataclass from plain values; `source` is named in errors.

    Raises:
        ConfigError: a field is unknown, missing or of the wrong type.
    """
    _refuse_unknown_fields(cls, values, source)
    return _validate(TypeAdapter(cls), values, source, prefix=())


def config_defaults(
    cls: type[T], values: Mapping[str, Any], *, missing: Any, source: str = "config"
) -> T:
    """Like `config_from_mapping`, but required fields not in `values` become `missing`.

    For command lines, where flags supply what the file leaves open. The result
    skips `__post_init__`, as it may not be a valid config yet.
    """
    _refuse_unknown_fields(cls, values, source)
    hints = typing.get_type_hints(cls, include_extras=True)
    config = object.__new__(cls)
    for field in dataclasses.fields(cls):  # type: ignore[arg-type]
        if field.name in values:
            adapter = TypeAdapter(hints[field.name])
            value = _validate(adapter, values[field.name], source, prefix=(field.name,))
        elif field.default is not dataclasses.MISSING:
            value = field.default
        elif field.default_factory is not dataclasses.MISSING:
            value = field.default_factory()
        else:
            value = missing
        object.__setattr__(config, field.name, value)
    return config


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping a YAML file holds.

    Raises:
        ConfigError: no such file, not YAML, or not a mapping.
    """
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not YAML: {error}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path} must hold fields, as in 'seed: 0'")
    return values


def closest(name: str, choices: Sequence[str]) -> str:
    """For error messages: the likeliest of `choices`, and all of them when they are few."""
    matches = difflib.get_close_matches(name, choices, n=3, cutoff=0.6)
    hint = f"; did you mean {' or '.join(matches)}?" if matches else ""
    return hint if len(choices) > 30 else f"{hint} (there are: {', '.join(choices)})"


def _validate(adapter: TypeAdapter[T], value: Any, source: str, prefix: tuple[str, ...]) -> T:
    # Strict JSON is what YAML means: "5" is no number, but a list is a tuple and a
    # string a path.
    try:
        return adapter.validate_json(json.dumps(value, default=str), strict=True)
    except ValidationError as error:
        problems = [
            f"{'.'.join(str(part) for part in (*prefix, *problem['loc']))}: "
            f"{problem['msg']} (it is {problem['input']!r})"
            for problem in error.errors(include_url=False)
        ]
        raise ConfigError(f"{source}: " + "; ".join(problems)) from error


def _refuse_unknown_fields(annotation: Any, value: Any, where: str) -> None:
    """Look for unknown keys in every dataclass that `annotation` mentions."""
    if dataclasses.is_dataclass(annotation) and isinstance(value, Mapping):
        hints = typing.get_type_hints(annotation)
        names = [field.name for field in dataclasses.fields(annotation)]
        for key, item in value.items():
            if key not in names:
                raise ConfigError(f"{where}: unknown field {key!r}{closest(str(key), names)}")
            _refuse_unknown_fields(hints[key], item, f"{where}: {key}")
        return
    for name, argument, item in _parts(annotation, value):
        _refuse_unknown_fields(argument, item, where + name)


def _parts(annotation: Any, value: Any) -> Iterator[tuple[str, Any, Any]]:
    """(name for errors, annotation, value) of what a container or a union holds."""
    arguments = [a for a in typing.get_args(annotation) if a not in (Ellipsis, type(None))]
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from ((f"[{number}]", argument, item) for argument in arguments)
    elif isinstance(value, Mapping) and typing.get_origin(annotation) is dict:
        yield from ((f": {key}", arguments[1], item) for key, item in value.items())
    else:  # of a union's members, the one that has fields
        fielded = [argument for argument in arguments if dataclasses.is_dataclass(argument)]
        yield from (("", argument, value) for argument in fielded[:1] or arguments[:1])
