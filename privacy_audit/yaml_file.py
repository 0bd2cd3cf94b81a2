"""YAML files that people write: what is wrong with one is told with its line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

from agentenv.errors import ConfigError

_Content = TypeVar("_Content")
_MOST_PROBLEMS = 5


@dataclass(frozen=True)
class Parsed:
    """A file whose YAML is right; what it says need not be."""

    path: Path
    content: Any
    node: Any
    """The same with its lines."""


def read_yaml_file(path: Path, model: type[_Content] | Any, what: str) -> _Content:
    """What a file holds.

    Args:
        path: the file.
        model: what it should hold: a pydantic model, or any type that pydantic checks.
        what: what to call the file as a whole: "pack", "contract".

    Raises:
        ConfigError: it cannot be read, is no YAML, or something else; names the line.
    """
    parsed = parse(path)
    checked: _Content = check(parsed, parsed.content, model, what)
    return checked


def parse(path: Path) -> Parsed:
    """A file's YAML.

    Raises:
        ConfigError: it cannot be read, or is none; names the line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error
    try:
        content = yaml.safe_load(text)
        return Parsed(path, content, yaml.compose(text, Loader=yaml.SafeLoader))
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigError(f"{path.name}: line {line}: not YAML: {error.reason}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path.name}: not YAML: {' '.join(str(error).split())}") from error


def check(parsed: Parsed, content: Any, model: type[_Content] | Any, what: str) -> _Content:
    """A file's content, or what was made of it, as what it should hold.

    Raises:
        ConfigError: it is something else; names the line.
    """
    try:
        return TypeAdapter[_Content](model).validate_python(content)
    except ValidationError as error:
        problems = [
            f"line {_line(parsed.node, one['loc'])}: {'.'.join(map(str, one['loc'])) or what}: "
            + one["msg"].removeprefix("Value error, ")
            for one in error.errors()[:_MOST_PROBLEMS]
        ]
        raise ConfigError(f"{parsed.path.name}: " + "; ".join(problems)) from error


def _line(node: Any, place: tuple[int | str, ...]) -> int:
    """The line of a place in a YAML file, or of what is nearest above it."""
    line = 1 if node is None else node.start_mark.line + 1
    for key in place:
        if isinstance(node, yaml.MappingNode):
            found = next((pair for pair in node.value if pair[0].value == str(key)), None)
            if found is None:
                break
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
            node = node.value[key]
            line = node.start_mark.line + 1
        else:
            break
    return line
