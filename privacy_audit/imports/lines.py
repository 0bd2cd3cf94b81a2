"""A file of JSON lines, with every complaint naming its line."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from agentenv.errors import ConfigError

_Model = TypeVar("_Model", bound=BaseModel)
_PNG = b"\x89PNG\r\n\x1a\n"


class Lines:
    """The objects of a file, the first apart.

    Args:
        path: the file.

    Raises:
        ConfigError: it cannot be read, is empty, or a line holds no object.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"cannot read {path}: {error}") from error
        found = [
            (number, self._object(number, line))
            for number, line in enumerate(text.split("\n"), start=1)
            if line.strip()
        ]
        if not found:
            raise ConfigError(f"{path} is empty; its first line describes the trajectory")
        self.first_line, self.first = found[0]
        self.steps: list[tuple[int, dict[str, Any]]] = found[1:]
        """(line, object) of each step."""

    def wrong(self, line: int, problem: str) -> ConfigError:
        """The error that says so."""
        return ConfigError(f"{self.path.name}: line {line}: {problem}")

    def checked(self, model: type[_Model], line: int, content: Any) -> _Model:
        """An object as a model.

        Raises:
            ConfigError: it is none; names the line and the field.
        """
        try:
            return model.model_validate(content)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the object"
            raise self.wrong(line, f"{where}: {first['msg']}") from error

    def picture(self, line: int, name: str | None) -> bytes:
        """The PNG that a step names, from the file's own folder; none for no name.

        Raises:
            ConfigError: there is none, or it is no PNG.
        """
        if not name:
            return b""
        path, folder = self.path.parent / name, self.path.parent.resolve()
        if not path.resolve().is_relative_to(folder):
            raise self.wrong(line, f"{name!r} lies outside {folder.name}")
        try:
            data = path.read_bytes()
        except OSError as error:
            raise self.wrong(line, f"cannot read {name!r}: {error.strerror}") from error
        if not data.startswith(_PNG) or len(data) < 24 or min(size_of(data)) < 1:
            raise self.wrong(line, f"{name!r} is no PNG")
        return data

    def _object(self, number: int, line: str) -> dict[str, Any]:
        try:
            content = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise self.wrong(number, f"not JSON ({error})") from error
        if not isinstance(content, dict):
            raise self.wrong(number, "a line is a JSON object")
        return content


def size_of(png: bytes) -> tuple[int, int]:
    """(width, height) as a PNG's head says."""
    width, height = struct.unpack(">II", png[16:24])
    return width, height
