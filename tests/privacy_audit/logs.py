"""Event logs for the tests, made by the phone's own log."""

from __future__ import annotations

from typing import Any

from agentenv.phone.database import Database
from agentenv.phone.events import EventLog


def make_lines(*records: dict[str, Any]) -> list[str]:
    """The lines of a log with these records (kind and fields)."""
    log = EventLog(Database())
    for record in records:
        fields = dict(record)
        log.append(fields.pop("kind"), "2026-03-03T09:41", **fields)
    return list(log.lines())
