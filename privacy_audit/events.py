"""Events: a log read line by line, its hash chain checked, breaks and cuts located."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from agentenv.errors import StoreError
from agentenv.phone.events import FIRST, EventKind, hash_of

KINDS: frozenset[str] = frozenset(get_args(EventKind))
Source = Literal["log", "trajectory"]
"""Evidence of instrumented apps, or what can be seen in an agent's steps."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened."""

    sequence: int
    """Position in the log; for a trajectory the number of the step."""
    kind: str
    """One of `KINDS`."""
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
            record, canonical, given = _parse(line)
        except ValueError as error:
            if number == len(texts) - 1 and not line.endswith("}"):
                return Log(tuple(events), cut=f"{where} stops in the middle; the end is missing")
            return Log(tuple(events), broken=f"{where}: {error}")
        problem = _problem(record, canonical, given, number, before)
        if problem:
            return Log(tuple(events), broken=f"{where}: {problem}")
        before = given
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


def _parse(line: str) -> tuple[dict[str, Any], str, str]:
    """(record without its hash, the text that was hashed, the hash).

    Raises:
        ValueError: the line is no record.
    """
    try:
        record, end = _DECODER.raw_decode(line)
        if end != len(line):  # blanks around it, or no JSON
            record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON ({error})") from error
    if not isinstance(record, dict):
        raise ValueError("a record is a JSON object")
    given = record.pop("hash", None)
    if not isinstance(given, str):
        raise ValueError("the record has no hash")
    tail = f', "hash": "{given}"}}'
    if line.endswith(tail):  # as agentenv writes it: what was hashed is the text before
        return record, line[: -len(tail)] + "}", given
    return record, json.dumps(record, ensure_ascii=False, sort_keys=True), given


def _problem(
    record: Mapping[str, Any], canonical: str, given: str, number: int, before: str
) -> str:
    """What is wrong with a record at that place; "" if nothing is."""
    if record.get("sequence") != number:
        return f"holds record {record.get('sequence')!r} where {number} belongs (lost or reordered)"
    if hash_of(canonical) != given:
        return f"record {number} was changed after it was written"
    if record.get("previous") != before:
        return f"record {number} does not follow the one before it (that one was replaced)"
    if record.get("kind") not in KINDS:
        return f"record {number} has the unknown kind {record.get('kind')!r}"
    return ""


def _event(record: dict[str, Any]) -> Event:
    """The event that a checked record tells of; takes the record apart."""
    sequence, kind = record.pop("sequence"), record.pop("kind")
    app, screen = str(record.pop("app", "")), str(record.pop("screen", ""))
    del record["previous"]
    record.pop("time", None)
    return Event(sequence, kind, app, screen, record)


_DECODER = json.JSONDecoder()


def _against_seal(events: tuple[Event, ...], last: str, seal: Seal | None) -> Log:
    if seal is None or (len(events), last) == (seal.records, seal.hash):
        return Log(events)
    if len(events) < seal.records:
        missing = seal.records - len(events)
        return Log(events, cut=f"{missing} records after record {len(events) - 1} are missing")
    return Log(events, broken=f"record {len(events) - 1} is not the one the log was sealed with")
