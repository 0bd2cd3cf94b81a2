"""How methods that learn by acting come along, in one page: success against steps acted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any

from agentenv.reporting import Curve, Report, Series, result_rows, task_rows, write_report
from agentenv.statistics import Summary
from trainers.runs import RunDirectory

Point = tuple[float, float]


def write_comparison(
    path: Path,
    title: str,
    runs: Mapping[str, Sequence[Path]],
    pooled: Mapping[str, Summary],
    command: str,
) -> None:
    """Write the page.

    Args:
        path: of the page.
        title: of the comparison.
        runs: label -> run directories of its seeds.
        pooled: success on the test split, by label.
        command: that compares.
    """
    names = sorted({name for paths in runs.values() for name in _tracked(paths)})
    curves = [
        Curve(
            _title(name),
            [Series(label, mean_curve([curve_of(one, name) for one in paths]))
             for label, paths in runs.items()],
            x_label="steps in the environment",
            y_label="success on the validation split",
            note="The mean of all seeds, over the steps that all of them have reached.",
            y_range=(0, 1),
        )
        for name in names
    ]  # fmt: skip
    report = Report(
        title=title,
        summary=(
            "Both methods start from the same policy and act for the same number of steps; they "
            "differ in which tasks these are spent on. The tables are of instances that neither "
            "training nor the choice of the best policy has seen."
        ),
        results=result_rows(pooled),
        tasks=task_rows(pooled),
        curves=curves,
        command=command,
    )
    write_report(report, path)


def curve_of(run: Path, name: str) -> list[Point]:
    """A validation metric of one run against the steps it had acted by then."""
    directory = RunDirectory(run)
    acted = {0: 0.0} | {row["step"]: row["env_steps"] for row in directory.metrics("train")}
    rows: Iterable[Mapping[str, Any]] = directory.metrics("validation")
    return [(acted[row["step"]], row[name]) for row in rows if name in row and row["step"] in acted]


def mean_curve(curves: Sequence[Sequence[Point]]) -> list[Point]:
    """The mean of piecewise linear curves, at every x of any of them that lies in all."""
    known = [curve for curve in curves if curve]
    if not known:
        return []
    first, last = max(one[0][0] for one in known), min(one[-1][0] for one in known)
    places = sorted({x for curve in known for x, _ in curve if first <= x <= last})
    return [(x, fmean(_at(curve, x) for curve in known)) for x in places]


def _at(curve: Sequence[Point], x: float) -> float:
    """A curve at an x between its ends."""
    for (left, low), (right, high) in pairwise(curve):
        if left <= x <= right and left < right:
            return low + (high - low) * (x - left) / (right - left)
    return dict(curve)[x]


def _tracked(runs: Iterable[Path]) -> set[str]:
    rows = [row for run in runs for row in RunDirectory(run).metrics("validation")]
    return {name for row in rows for name in row if name.endswith("success")}


def _title(name: str) -> str:
    """Of a metric, ``success`` or ``stage_2/success``."""
    stage, _, _ = name.rpartition("/")
    return f"Success in {stage.replace('_', ' ')}" if stage else "Success in all tasks"
