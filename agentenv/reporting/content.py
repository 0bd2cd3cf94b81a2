"""What a report says, as plain values; `agentenv.reporting.page` gives them their looks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agentenv.actions import Action
from agentenv.observations import UIElement
from agentenv.statistics import PairedDifference, SuccessRate, Summary


@dataclass(frozen=True)
class ResultRow:
    """One line of the main table."""

    label: str
    rate: SuccessRate
    note: str = ""
    """A few words on what the label means."""


@dataclass(frozen=True)
class TaskRow:
    """One line of the table by task."""

    task: str
    rates: Mapping[str, SuccessRate]
    """By the labels of the main table; a missing one shows as a dash."""


@dataclass(frozen=True)
class Series:
    """One line of a chart."""

    label: str
    points: Sequence[tuple[float, float]]
    """(x, y), in order of x, all finite."""


@dataclass(frozen=True)
class Curve:
    """A chart of one quantity against another."""

    title: str
    series: Sequence[Series]
    x_label: str = "step"
    y_label: str = ""
    note: str = ""
    """What to look for, in one sentence."""
    y_range: tuple[float, float] | None = None
    """What the axis shows, for shares (0, 1); by default what the points span."""


@dataclass(frozen=True)
class RankedAction:
    """A candidate action with what the critic thinks of it."""

    text: str
    """In words, or as the policy wrote it."""
    action: Action
    q: float
    advantage: float
    chosen: bool = False
    """The actor is trained towards it."""
    logged: bool = False
    """It is the action that was taken when the data was collected."""


@dataclass(frozen=True)
class CandidateState:
    """A state with its candidate actions."""

    task: str
    goal: str
    screenshot: bytes
    """PNG."""
    candidates: Sequence[RankedAction]
    """In any order; shown by falling Q."""
    elements: Sequence[UIElement] = ()
    """To find what the candidates point at."""
    value: float | None = None
    """V of the state."""
    note: str = ""


@dataclass(frozen=True)
class Diagnostic:
    """One number about the health of the training."""

    name: str
    value: float | str
    meaning: str
    """How to read it: what is good, what is bad."""


@dataclass
class Report:
    """Everything a report can hold; what is left empty is left out of the page."""

    title: str
    summary: str
    """The finding in a sentence or two."""
    results: Sequence[ResultRow] = ()
    tasks: Sequence[TaskRow] = ()
    differences: Mapping[str, PairedDifference] = field(default_factory=dict)
    """By a name such as ``"digiq - base"``."""
    curves: Sequence[Curve] = ()
    states: Sequence[CandidateState] = ()
    diagnostics: Sequence[Diagnostic] = ()
    configuration: str = ""
    """YAML."""
    command: str = ""
    """What to type to get this report again."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """Shown beside the title: date, machine, versions, durations, ..."""


def result_rows(
    summaries: Mapping[str, Summary], notes: Mapping[str, str] | None = None
) -> list[ResultRow]:
    """The main table of some evaluations, in their order."""
    return [
        ResultRow(label, summary.overall, (notes or {}).get(label, ""))
        for label, summary in summaries.items()
    ]


def task_rows(summaries: Mapping[str, Summary]) -> list[TaskRow]:
    """The table by task of some evaluations, sorted by task."""
    tasks = sorted({task for summary in summaries.values() for task in summary.by_task})
    return [
        TaskRow(
            task,
            {
                label: summary.by_task[task]
                for label, summary in summaries.items()
                if task in summary.by_task
            },
        )
        for task in tasks
    ]


def series_from_metrics(
    rows: Iterable[Mapping[str, Any]], y: str, *, x: str = "step", label: str = ""
) -> Series:
    """A line of a chart from metrics rows; rows without a finite `x` and `y` are skipped."""
    points = [(float(row[x]), float(row[y])) for row in rows if _finite(row.get(x), row.get(y))]
    return Series(label or y, sorted(points))


def _finite(*values: Any) -> bool:
    return all(isinstance(value, int | float) and math.isfinite(value) for value in values)
