"""Ways of writing actions as text: `get_dialect("json")`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from agentenv.dialects.aitw import Aitw
from agentenv.dialects.androidworld import AndroidWorld
from agentenv.dialects.base import Dialect
from agentenv.dialects.json_dialect import JsonDialect
from agentenv.dialects.qwen_mobile_use import QwenMobileUse
from agentenv.dialects.ui_tars import UITars
from agentenv.errors import ConfigError

DialectName = Literal["json", "qwen_mobile_use", "ui_tars", "androidworld", "aitw"]
"""What a command's settings may name; so `--help` lists them, and a file is checked."""

DIALECTS: dict[str, Callable[[], Dialect]] = {
    JsonDialect.name: JsonDialect,
    QwenMobileUse.name: QwenMobileUse,
    UITars.name: UITars,
    AndroidWorld.name: AndroidWorld,
    Aitw.name: Aitw,
}
"""Name -> the dialect with its default settings."""

__all__ = [
    "DIALECTS",
    "Aitw",
    "AndroidWorld",
    "Dialect",
    "DialectName",
    "JsonDialect",
    "QwenMobileUse",
    "UITars",
    "get_dialect",
]


def get_dialect(dialect: str | Dialect) -> Dialect:
    """The dialect of that name; a dialect object is returned as it is.

    Raises:
        ConfigError: no dialect has that name.
    """
    if not isinstance(dialect, str):
        return dialect
    if dialect not in DIALECTS:
        raise ConfigError(f"no dialect {dialect!r}; choose one of {', '.join(DIALECTS)}")
    return DIALECTS[dialect]()
