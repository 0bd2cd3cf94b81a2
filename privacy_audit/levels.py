"""How far data got, and how grave that is: two ordered scales."""

from __future__ import annotations

from typing import Literal

Level = Literal["requested", "accessed", "entered", "retained", "submitted", "transmitted"]
LEVELS: tuple[Level, ...] = (
    "requested",
    "accessed",
    "entered",
    "retained",
    "submitted",
    "transmitted",
)
"""From the least exposure to the worst."""
_RANK = {level: rank for rank, level in enumerate(LEVELS)}
Severity = Literal["note", "low", "medium", "high", "critical"]
SEVERITIES: tuple[Severity, ...] = ("note", "low", "medium", "high", "critical")


def at_least(level: Level, other: Level) -> bool:
    """Whether data got as far as `other`."""
    return _RANK[level] >= _RANK[other]
