"""Cookies and localStorage in Playwright's JSON format, so that an episode begins logged in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agentenv.errors import ConfigError
from agentenv.trajectories.durable import write_durably


class Cookie(BaseModel):
    """A cookie, as Playwright and DevTools write it."""

    model_config = ConfigDict(extra="ignore")

    name: str
    value: str
    domain: str
    path: str = "/"
    expires: float = -1
    """Unix time in seconds; -1: with the session."""
    httpOnly: bool = False  # noqa: N815 (the format's name)
    secure: bool = False
    sameSite: Literal["Strict", "Lax", "None"] = "Lax"  # noqa: N815

    def for_devtools(self) -> dict[str, Any]:
        """As a parameter of `Storage.setCookies`."""
        return self.model_dump(exclude={"expires"} if self.expires < 0 else None)


class Item(BaseModel):
    """A key of localStorage and its value."""

    name: str
    value: str


class Origin(BaseModel):
    """The localStorage of one site."""

    origin: str = Field(pattern=r"^https?://[^/?#]+$")
    localStorage: list[Item] = []  # noqa: N815


class StorageState(BaseModel):
    """What a browser remembers."""

    cookies: list[Cookie] = []
    origins: list[Origin] = []


def load_storage_state(path: Path) -> StorageState:
    """Read a file that Playwright or `save_storage_state` wrote.

    Raises:
        ConfigError: it cannot be read or is not in this format; no value is quoted, as they
            are secrets.
    """
    try:
        return StorageState.model_validate(json.loads(path.read_bytes()))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, problem['loc'])) or 'the whole'}: {problem['msg']}"
            for problem in error.errors(include_url=False, include_input=False)
        ]
        # Without its cause, which quotes what it found.
        raise ConfigError(f"{path} is no storage state: {'; '.join(problems)}") from None
    except ValueError:
        raise ConfigError(f"{path} is no storage state: it is not JSON") from None


def save_storage_state(state: StorageState, path: Path) -> None:
    """Write a file that only its owner may read.

    Raises:
        ConfigError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(path, state.model_dump_json(indent=2).encode(), private=True)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from error


def fill_script(items: list[Item]) -> str:
    """JavaScript that puts these into localStorage."""
    pairs: Mapping[str, str] = {item.name: item.value for item in items}
    return f"for (const [k, v] of Object.entries({json.dumps(pairs)})) localStorage.setItem(k, v)"


READ_SCRIPT = "Object.entries(localStorage).map(([name, value]) => ({ name, value }))"
"""JavaScript expression giving the items of localStorage."""
