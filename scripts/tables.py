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

README = Path(__file__).resolve().parents[1] / "README.md"
TITLES = {
    "base": "base",
    "filtered_bc": "filtered BC",
    "digirl": "DigiRL",
    "digiq": "Digi-Q",
    "reinforce": "REINFORCE",
    "awr": "AWR",
    "base_rerank": "base, re-ranked by Q",
    "filtered_bc_rerank": "filtered BC, re-ranked by Q",
    "digiq_rerank": "Digi-Q, re-ranked by Q",
    "craft_gui": "CRAFT-GUI",
    "grpo_uniform": "GRPO, tasks drawn uniformly",
    "reference": "as above",
    "finetuned": "fine-tuned features",
    "off_the_shelf": "features of the base model as it is",
    "monte_carlo": "critic by Monte Carlo returns, not TD",
    "n_1": "N = 1",
    "n_4": "N = 4",
    "n_8": "N = 8",
    "data_25": "25 % of the data",
    "data_50": "50 % of the data",
    "cold_start": "cold start",
    "restore": "restore, with the first observation",
    "reset": "reset, with the first observation",
    "page": "its own browser",
    "adb": "the real adb",
    "chrome": "Appium's Chromium driver",
    "shown": "one more phone on the screen",
    "parked": "one more phone that is parked",
    "image": "a snapshot",
    "phones_1": "1 phone",
    "phones_8": "8 phones",
    "phones_32": "32 phones",
    "fqe": "fitted Q",
    "dr": "doubly robust",
    "wdr": "weighted doubly robust",
    "wis": "weighted importance sampling",
    "pdis": "per-decision importance sampling",
    "is": "importance sampling",
    "160x210": "160 x 210 (MiniWoB++)",
    "412x915": "412 x 915 (a phone)",
    "browsergym": "BrowserGym",
    "browsergym_no_delays": "BrowserGym, delays set to 0",
    "miniwob": "MiniWoB++ (Selenium)",
    "plain_prefill": "a prefill for each candidate",
    "authors_critic": "critic of the authors' size",
    "trl": "TRL's GRPOTrainer",
    "minimal": "gives what the task needs",
    "over_filler": "fills in every field",
    "trap_taker": "takes every offer",
    "type_then_clearer": "types, then clears",
    "reformatter": "reformats, encodes",
    "hallucinator": "makes values up",
    "refuser": "does nothing",
    "over_asker": "asks for everything",
    "tolerant": "screenshots, misread letters allowed for",
    "exact": "screenshots, letters as they were read",
    "reading": "one screenshot",
    "auditor": "auditor",
    "digiq_privacy": "Digi-Q, with the audit's cost",
    "craft_gui_privacy": "CRAFT-GUI, with the audit's cost",
}
"""Label -> how people write it; other labels are written as they are."""
METRICS = {
    "caught": "agents caught",
    "protocol": "by MyPhoneBench's protocol",
    "alarms": "false alarms",
    "protocol_alarms": "false alarms of the protocol",
    "false_alarms": "a stranger's values found",
    "events_per_second": "events of logs, one core",
    "trajectories_per_second": "trajectories of a store, one core",
    "peak_memory": "peak memory of their audit",
    "qualified": "privacy-qualified success",
    "disqualified": "prohibited data sent",
    "minimisation": "minimisation score",
    "optional_fields": "optional personal fields filled in an episode",
    "optional_fields:done": "the same, in one that succeeds",
    "success": "success",
    "success_reranked": "base, re-ranked by its Q",
    "ranking": "ranking of held-out steps (AUC)",
    "change_auc": "changes the screen (AUC)",
    "outcome_auc": "episode succeeds (AUC)",
    "same_target": "TD and Monte Carlo have one target",
    "p50": "median",
    "p95": "95th percentile",
    "memory": "memory",
    "seconds": "once",
    "steps_together": "steps of all",
    "spearman": "rank correlation",
    "regret_at_1": "regret@1",
    "sharpe_ratio_at_3": "SharpeRatio@3",
    "steps_per_second": "steps, one page",
    "steps_per_second_of_4": "steps, four pages at once",
    "resets_per_second": "resets",
    "step_p50": "step, median",
    "step_p95": "step, 95th percentile",
    "reset_p50": "reset, median",
    "reset_p95": "reset, 95th percentile",
    "stale": "screenshots from before the action",
    "input": "input: the tap, until the page has handled it",
    "clock": "clock: half a second of page time",
    "frame": "frame: drawing",
    "encode": "encode: its PNG, and the way to us",
    "elements": "elements: their list, and the task's state",
    "decode": "decode: the PNG as an array",
    "python": "python: everything else",
    "step": "the whole step",
    "above_frame": "above the frame itself",
    "tasks": "tasks solved in at least 95 %",
    "episodes_lost": "episodes lost",
    "solved": "episodes solved",
    "solved_oracle": "solved by the oracle",
    "solved_wavering": "solved by one that does another errand on every third task",
    "solved_model": "solved by the small model",
    "episodes_per_second": "episodes",
    "longest_wait": "longest time between two ends of episodes",
    "memory_slope": "memory, all processes",
    "memory_slope:python": "memory, Python alone",
    "orphans": "processes left at the end",
    "faults:browser_killed": "made: browser killed",
    "faults:page_killed": "made: page killed",
    "faults:endless_loop": "made: endless loop",
    "expected:browser_crashed": "to be counted as browser_crashed",
    "counted:browser_crashed": "counted as browser_crashed",
    "expected:page_hung": "to be counted as page_hung",
    "counted:page_hung": "counted as page_hung",
    "features:1": "features of a state with 1 candidate",
    "features:4": "features of a state with 4 candidates",
    "features:16": "features of a state with 16 candidates",
    "features_distinct": "the same, equal candidates once in both",
    "candidates_distinct": "different ones among the 16, mean",
    "features_memory": "memory of computing features",
    "features_difference": "largest difference between the features, of the largest",
    "features_difference_float32": "the same, computed in float32",
    "critic_trainable": "numbers the critic learns",
    "critic_state": "weights, slow copies, gradients, optimiser",
    "critic_memory": "memory of training the critic",
    "critic_step": "one step of the critic",
    "critic_trainable_wide": "numbers learned, ours on features 4096 wide too",
    "critic_state_wide": "weights, slow copies, gradients, optimiser, so",
    "critic_memory_wide": "memory of training, so",
    "critic_step_wide": "one step, so",
    "critic_stage": "the critic's whole stage",
    "critic_stage_steps": "its steps, until it stopped early",
    "critic_stage_extrapolated": "800 steps, extrapolated",
    "completions_per_second:fp32": "answers sampled and learned from, float32",
    "completions_per_second:bf16": "the same, bfloat16",
    "update:fp32": "one update, float32",
    "update:bf16": "the same, bfloat16",
    "memory:fp32": "memory, float32",
    "memory:bf16": "the same, bfloat16",
    "answer_tokens:fp32": "tokens of an answer, float32",
    "answer_tokens:bf16": "the same, bfloat16",
    "same_after_kill": "runs that end the same after a kill",
    "success:stage 1": "tasks of 1 to 3 steps",
    "success:stage 2": "tasks of 4 to 8 steps",
    "success:stage 3": "tasks of 9 and more steps",
}
"""Metric -> how people write it."""
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
    tasks = sorted(m.removeprefix(TASK_METRIC) for m in metrics if m.startswith(TASK_METRIC))
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
    """E.g. ``1.28 (81×)``."""
    if row is None:
        return "-"
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
