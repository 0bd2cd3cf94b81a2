"""Write the README's tables from ``benchmarks/results/``; `make tables` calls this.

    python -m scripts.tables            rewrite what lies between the markers
    python -m scripts.tables --check    only say whether that would change anything

A table stands between ``<!-- table:NAME -->`` and ``<!-- /table:NAME -->``, where NAME.json
holds the results.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import tyro

from agentenv.cli.main import print_error
from agentenv.config import closest
from agentenv.errors import AgentenvError, ConfigError
from agentenv.progress import console
from benchmarks.results_file import RESULTS, Results, Row, load_results
from scripts.table_labels import METRICS, TITLES

README = Path(__file__).resolve().parents[1] / "README.md"
TASK_METRIC = "success:"
NO_UNIT = ("", "fraction")
"""A fraction is written in percent."""

_MARKER = re.compile(r"<!-- (?P<close>/?)table:(?P<name>[^\s>]*) -->")


@dataclass(frozen=True)
class TablesConfig:
    """Write the README's tables from the published results."""

    check: bool = False
    """Change nothing; fail if a table is out of date."""
    readme: Path = README
    results: Path = RESULTS


def run(config: TablesConfig) -> None:
    """Rewrite or check the tables of one file.

    Raises:
        ConfigError: a marker is wrong or has no results, a file is missing, or, when
            checking, a table is not what the results give.
    """
    try:
        before = config.readme.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot read {config.readme}: {error.strerror}") from error
    after = with_tables(before, read_all(config.results))
    if after == before:
        console.print(f"{config.readme.name}: its tables are up to date", highlight=False)
    elif config.check:
        raise ConfigError(f"{config.readme.name}: a table is out of date; run: make tables")
    else:
        config.readme.write_text(after, encoding="utf-8")
        console.print(f"{config.readme.name}: tables written", highlight=False)


def read_all(folder: Path) -> dict[str, Results]:
    """Every published result, by name.

    Raises:
        ConfigError: a file is not as `Results` says.
    """
    return {path.stem: load_results(path) for path in sorted(folder.glob("*.json"))}


def with_tables(text: str, results: Mapping[str, Results]) -> str:
    """`text` with the table of its results between each pair of markers.

    Raises:
        ConfigError: a marker has no partner, or there are no results of its name.
    """
    markers = list(_MARKER.finditer(text))
    parts, position = [], 0
    for opening, closing in zip(markers[::2], [*markers[1::2], None], strict=False):
        name = opening["name"]
        if closing is None or opening["close"] or not closing["close"] or closing["name"] != name:
            raise ConfigError(
                f"the marker {opening[0]} has no partner: a table stands between "
                "<!-- table:NAME --> and <!-- /table:NAME -->, one after the other"
            )
        if name not in results:
            hint = closest(name, sorted(results)) if results else ""
            raise ConfigError(
                f"there are no results for {opening[0]}{hint}; write {name}.json with its "
                "script in benchmarks/"
            )
        parts += [text[position : opening.end()], "\n", markdown(results[name]), "\n"]
        position = closing.start()
    return "".join([*parts, text[position:]])


def markdown(results: Results) -> str:
    """Results as a table and what it takes to get them again."""
    metrics = [row.metric for row in results.rows]
    labels = {row.label for row in results.rows}
    success = "success" in metrics
    if len(labels) > len(set(metrics)):
        lines = _label_table(results)
    elif any(metric.startswith(TASK_METRIC) for metric in metrics):
        lines = _success_table(results)
    elif len(set(metrics)) < len(metrics):
        lines = _comparison_table(results)
    else:
        lines = _plain_table(results)
    machine = results.machine
    origin = (
        f"Measured on {results.date} with {machine.cores} cores of {machine.cpu} and "
        f"{machine.memory_gb:.0f} GB of memory. Again: `{results.command}`."
    )
    return "\n".join([*lines, "", " ".join([*_remarks(results, success), origin])])


def _label_table(results: Results) -> list[str]:
    """A line for each label, where there are more of them than metrics."""
    labels = dict.fromkeys(row.label for row in results.rows)
    metrics = dict.fromkeys(row.metric for row in results.rows)
    units = {row.metric: row.unit for row in results.rows}
    rows = {(row.label, row.metric): row for row in results.rows}
    lines = [
        _line(["", *(_heading(metric, units[metric]) for metric in metrics)]),
        _line(["---", *("---:" for _ in metrics)]),
    ]
    for label in labels:
        found = (rows.get((label, metric)) for metric in metrics)
        cells = [_cell(row) for row in found]
        lines.append(_line([TITLES.get(label, label), *cells]))
    return lines


def _heading(metric: str, unit: str) -> str:
    title = METRICS.get(metric, metric)
    return f"{title} ({unit})" if unit in ("s", "ms", "MB", "1/s") else title


def _success_table(results: Results) -> list[str]:
    labels = list(dict.fromkeys(row.label for row in results.rows))
    rows = {(row.label, row.metric): row for row in results.rows}
    metrics = dict.fromkeys(row.metric for row in results.rows)
    names = (m.removeprefix(TASK_METRIC) for m in metrics if m.startswith(TASK_METRIC))
    tasks = sorted(names, key=lambda task: (TASK_METRIC + task in METRICS, task))  # groups last
    lines = [
        _line(["task", *(TITLES.get(label, label) for label in labels)]),
        _line(["---", *("---:" for _ in labels)]),
    ]
    for task in tasks:
        found = (rows.get((label, TASK_METRIC + task)) for label in labels)
        several = TASK_METRIC + task in METRICS  # tasks together, whose number makes an interval
        name = METRICS[TASK_METRIC + task] if several else task
        lines.append(_line([name, *(_percent(row, int(several)) for row in found)]))
    totals = (rows.get((label, "success")) for label in labels)
    lines.append(_line(["**all tasks**", *(f"**{_percent(row, 1)}**" for row in totals)]))
    return lines


def _percent(row: Row | None, digits: int = 0) -> str:
    """E.g. ``40 %``, and with decimal places the interval too: ``40.0 % [30.9, 49.8]``."""
    if row is None:
        return "-"
    number = f"{100 * row.value:.{digits}f}"
    if digits and row.value and not float(number):
        number = f"{100 * row.value:.1g}"  # little is not nothing
    text = f"{number} %"
    if not digits or row.ci95 is None:
        return text
    low, high = (f"{100 * bound:.{digits}f}" for bound in row.ci95)
    return f"{text} [{low}, {high}]"


def _comparison_table(results: Results) -> list[str]:
    """A column for each label; in brackets how many times its number the first label's is.

    Or, where rows of the others are compared with the first, how many times that they are.
    """
    labels = list(dict.fromkeys(row.label for row in results.rows))
    lines = [
        _line(["", *(TITLES.get(label, label) for label in labels)]),
        _line(["---", *("---:" for _ in labels)]),
    ]
    rows = {(row.label, row.metric): row for row in results.rows}
    for metric in dict.fromkeys(row.metric for row in results.rows):
        found = [rows.get((label, metric)) for label in labels]
        ratios = next((row.vs for row in found if row is not None), {})
        cells = [
            _cell(row, ratios.get(label) or (row.vs.get(labels[0]) if row else None))
            for row, label in zip(found, labels, strict=True)
        ]
        unit = next(row.unit for row in found if row is not None)
        title = METRICS.get(metric, metric)
        lines.append(_line([f"{title} ({unit})" if unit not in NO_UNIT else title, *cells]))
    return lines


def _cell(row: Row | None, ratio: float | None = None) -> str:
    return _percent(row, 1) if row and row.unit == "fraction" else _compared(row, ratio)


def _compared(row: Row | None, ratio: float | None) -> str:
    """E.g. ``1.28 (81×)``, or with an interval instead of the ratio: ``0.33 [0.1, 0.5]``."""
    if row is None:
        return "-"
    if row.ci95 is not None:
        low, high = (_number(bound, 2) for bound in row.ci95)
        return f"{_number(row.value, 2)} [{low}, {high}]"
    if ratio is None:
        return _number(row.value)
    return f"{_number(row.value)} ({_number(ratio, 3)}×)"


def _number(value: float, digits: int = 4) -> str:
    """So many digits, and no exponent: 53500, and not 5.35e+04."""
    return f"{float(f'{value:.{digits}g}'):.15g}"


def _plain_table(results: Results) -> list[str]:
    """One line a number, for whatever is no success rate."""
    lines = [
        _line(["", "metric", "value", "95 % interval", "compared with"]),
        _line(["---", "---", "---:", "---:", "---"]),
    ]
    for row in results.rows:
        interval = "" if row.ci95 is None else f"[{_number(row.ci95[0])}, {_number(row.ci95[1])}]"
        ratios = ", ".join(f"{ratio:.2f} × {peer}" for peer, ratio in row.vs.items())
        value = f"{_number(row.value)} {row.unit}".strip()
        label, metric = TITLES.get(row.label, row.label), METRICS.get(row.metric, row.metric)
        lines.append(_line([label, metric, value, interval, ratios]))
    return lines


def _remarks(results: Results, success: bool) -> list[str]:
    if not success:
        ours = results.rows[0].label
        if any(ours in row.vs for row in results.rows):
            return ["In brackets: how many times ours that is."]
        compared = any(row.vs for row in results.rows)
        return ["In brackets: how many times that is ours."] if compared else []
    totals = [row for row in results.rows if row.metric == "success"]
    counts = sorted({row.n for row in totals})
    number = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    seeds = sorted({seed for row in totals for seed in row.seeds})
    trained = f" ({_seeds(seeds)})" if seeds else ""
    remarks = [f"{number} episodes a policy{trained}; in brackets 95 % intervals."]
    failures = sum(int(row.value) for row in results.rows if row.metric == "infra_errors")
    if failures:
        remarks.append(f"Infrastructure failures, left out: {failures}.")
    return remarks


def _seeds(seeds: list[int]) -> str:
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def main() -> int:
    """Parse the command line and run; returns the exit status."""
    config = tyro.cli(TablesConfig, prog="python -m scripts.tables")
    try:
        run(config)
    except AgentenvError as error:
        print_error(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
