"""Events: a log read line by line, its hash chain checked, breaks and cuts located."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from agentenv.errors import StoreError
from agentenv.phone.events import FIRST, checked_record

Source = Literal["log", "trajectory", "screenshot"]
"""Evidence of instrumented apps, what can be seen in an agent's steps, or what was read from the
pixels of its screenshots."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened."""

    sequence: int
    """Position in the log; for a trajectory the number of the step."""
    kind: str
    """One of `agentenv.phone.events.KINDS`; or "screen", what was read from a screenshot. A
    screen's `data`, and a sent screenshot's, has its `lines`, of `ocr.TextLine`."""
    app: str = ""
    screen: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    """What else the record says, by `agentenv.phone.events`' names."""
    source: Source = "log"

    def text(self, name: str) -> str:
        """A value as text; "" where there is none."""
        value = self.data.get(name)
        return "" if value is None else str(value)


@dataclass(frozen=True)
class Seal:
    """How a log ended, kept apart from it: without it a cut between two records is invisible."""

    records: int
    hash: str
    """Of the last record; `FIRST` for an empty log."""


@dataclass(frozen=True)
class Log:
    """What a log says, and how far it can be trusted."""

    events: tuple[Event, ...]
    """Up to the first thing that is wrong."""
    cut: str = ""
    """Why the end is missing (a crash); the events are sound. Empty if it is not."""
    broken: str = ""
    """Why the log proves nothing: changed, reordered or incomplete, and where. Empty if whole."""

    @property
    def whole(self) -> bool:
        """Nothing is missing and nothing was changed."""
        return not self.cut and not self.broken

    def require_whole(self) -> Log:
        """This log.

        Raises:
            StoreError: it is cut or broken; says where.
        """
        if not self.whole:
            raise StoreError(f"event log: {self.broken or self.cut}")
        return self


def read_log(lines: Iterable[str], seal: Seal | None = None) -> Log:
    """Read JSON lines, never raising on what they hold.

    A last line that stops in the middle, or records missing at the end, is a cut: a crash does
    that. Anything else that is wrong breaks the chain.

    Args:
        lines: with or without line ends.
        seal: the end that the log should have.
    """
    events: list[Event] = []
    before = FIRST
    texts = [line for line in (raw.rstrip("\r\n") for raw in lines) if line]
    for number, line in enumerate(texts):
        where = f"line {number + 1}"
        try:
            record, before = checked_record(line, number, before)
        except ValueError as error:
            if number == len(texts) - 1 and not line.endswith("}"):
                return Log(tuple(events), cut=f"{where} stops in the middle; the end is missing")
            return Log(tuple(events), broken=f"{where}: {error}")
        events.append(_event(record))
    return _against_seal(tuple(events), before, seal)


def seal_of(lines: Iterable[str]) -> Seal:
    """The seal of a log that is whole.

    Raises:
        StoreError: it is not; says where.
    """
    kept = [line for line in lines if line.strip()]
    read_log(kept).require_whole()
    return Seal(len(kept), json.loads(kept[-1])["hash"] if kept else FIRST)


def _event(record: dict[str, Any]) -> Event:
    """The event that a checked record tells of; takes the record apart."""
    sequence, kind = record.pop("sequence"), record.pop("kind")
    app, screen = str(record.pop("app", "")), str(record.pop("screen", ""))
    del record["previous"]
    record.pop("time", None)
    return Event(sequence, kind, app, screen, record)


def _against_seal(events: tuple[Event, ...], last: str, seal: Seal | None) -> Log:
    if seal is None or (len(events), last) == (seal.records, seal.hash):
        return Log(events)
    if len(events) < seal.records:
        missing = seal.records - len(events)
        return Log(events, cut=f"{missing} records after record {len(events) - 1} are missing")
    return Log(events, broken=f"record {len(events) - 1} is not the one the log was sealed with")
