"""A report as one self-contained HTML page: no script, no requests, light and dark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from agentenv.actions import Action
from agentenv.reporting.charts import interval_bar, line_chart
from agentenv.reporting.content import CandidateState, RankedAction, Report
from agentenv.statistics import SuccessRate
from agentenv.trajectories.drawing import Candidate, annotate, value_colours
from agentenv.trajectories.durable import write_durably
from agentenv.trajectories.viewer import data_url

_MARKER_SCALE = 1.9
"""The pictures are shown at less than half their size."""
MOST_CANDIDATES = 8
"""Shown for each state, beside the chosen and the logged one; the page says how many are not."""


def write_report(report: Report, path: Path | str) -> None:
    """Write the page; replaced in one step if it exists, its directory made if not."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_durably(target, render_report(report).encode())


def render_report(report: Report) -> str:
    """The page as HTML. All text in it is escaped: goals and outputs are untrusted."""
    environment = Environment(
        loader=PackageLoader("agentenv.reporting"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": _percent, "signed": _signed, "number": _number}
    style = (files("agentenv.reporting") / "templates" / "report.css").read_text(encoding="utf-8")
    best = max((row.rate.rate for row in report.results if row.rate.n), default=math.nan)
    return environment.get_template("report.html.j2").render(
        report=report,
        style=Markup(style),
        best=best,
        labels=_labels(report),
        no_rate=SuccessRate(),
        interval_bar=interval_bar,
        line_chart=line_chart,
        states=[_picture_of(state) for state in report.states],
    )


@dataclass(frozen=True)
class _RankedLine:
    rank: int
    colour: str
    candidate: RankedAction
    times: int


@dataclass(frozen=True)
class _StatePicture:
    state: CandidateState
    image: str
    lines: list[_RankedLine]
    hidden: int


def _picture_of(state: CandidateState) -> _StatePicture:
    ranked = _ranked_lines(state.candidates)
    shown = [
        line
        for line in ranked
        if line.rank <= MOST_CANDIDATES or line.candidate.chosen or line.candidate.logged
    ]
    marked = [Candidate(line.candidate.action, line.candidate.q, line.rank) for line in shown]
    picture = annotate(
        state.screenshot,
        None,
        candidates=marked,
        elements=state.elements,
        marker_scale=_MARKER_SCALE,
    )
    return _StatePicture(state, data_url(picture), shown, len(ranked) - len(shown))


def _ranked_lines(candidates: Sequence[RankedAction]) -> list[_RankedLine]:
    """The different actions among the candidates, by falling Q."""
    same: dict[Action, list[RankedAction]] = {}
    for candidate in sorted(candidates, key=lambda candidate: candidate.q, reverse=True):
        same.setdefault(candidate.action, []).append(candidate)
    merged = [
        replace(
            group[0],
            chosen=any(candidate.chosen for candidate in group),
            logged=any(candidate.logged for candidate in group),
        )
        for group in same.values()
    ]
    colours = value_colours([candidate.q for candidate in merged])
    return [
        _RankedLine(rank, "rgb({},{},{})".format(*colour), candidate, len(group))
        for rank, (candidate, colour, group) in enumerate(
            zip(merged, colours, same.values(), strict=True), 1
        )
    ]


def _labels(report: Report) -> list[str]:
    """Columns of the table by task: as in the main table, then any others."""
    named = [row.label for row in report.results]
    others = [label for row in report.tasks for label in row.rates if label not in named]
    used = {label for row in report.tasks for label in row.rates}
    return [label for label in dict.fromkeys([*named, *others]) if label in used]


def _percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{100 * value:.1f} %"


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "\u2212")


def _number(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"
