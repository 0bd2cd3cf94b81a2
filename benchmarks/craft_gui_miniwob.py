"""Success on MiniWoB++ of the base policy, CRAFT-GUI, and GRPO without its curriculum.

    python -m benchmarks.craft_gui_miniwob --seeds 0 --labels craft_gui     # a piece
    python -m benchmarks.craft_gui_miniwob --seeds 0 1 2                    # the rest, and all

Both learn from the same number of steps in the environment; what differs is which tasks these
are spent on. Every seed trains anew and acts on the same held-out instances; episodes of all
seeds are pooled, so the intervals speak of episodes, not of other tasks or instances.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from agentenv.config import load_config
from agentenv.data_files import data_file
from agentenv.errors import ConfigError
from agentenv.progress import console
from agentenv.statistics import SuccessRate, Summary, print_table
from agentenv.tasks.selection import select_tasks
from benchmarks.command import run_command
from benchmarks.digiq_miniwob import pool, result_rows, success_row
from benchmarks.results_file import RESULTS, Row, write_results
from trainers.craft_gui.config import CraftGUIConfig
from trainers.craft_gui.curriculum import Policy, stage_of

NAME = "craft_gui_miniwob"
SETTINGS = Path(__file__).with_suffix(".yaml")
ARMS: dict[str, Policy] = {"craft_gui": "staged", "grpo_uniform": "uniform"}
"""Label -> curriculum."""


@dataclass(frozen=True)
class BenchmarkConfig:
    """Train with and without the curriculum for some seeds, and publish their success."""

    seeds: tuple[int, ...] = (0,)
    """One run each for either curriculum, in `NAME/LABEL-N` of the run directory; runs that
    were stopped go on, finished ones are not run again."""
    labels: tuple[str, ...] = tuple(ARMS)
    """Which of both to run, so that they may be run piece by piece: a later call with all of
    them publishes what has been run by then."""
    out: Path = Path("runs/benchmarks")
    """Run directory."""
    results: Path = RESULTS
    """Folder of the file that is written."""


def run(config: BenchmarkConfig) -> Path | None:
    """Run what is missing, print the pooled table, write the results; returns their file, or
    nothing if some of `labels` is missing.

    Raises:
        ConfigError: settings are wrong, or a run of other settings is in the way.
    """
    from trainers.craft_gui.grpo import train  # imports torch, which takes seconds

    if not config.seeds or len(set(config.seeds)) < len(config.seeds):
        raise ConfigError(f"seeds {list(config.seeds)}: give each once")
    if not config.labels or not set(config.labels) <= set(ARMS):
        raise ConfigError(f"labels {list(config.labels)}: give some of {', '.join(ARMS)}")
    found: defaultdict[str, list[Summary]] = defaultdict(list)
    for seed in config.seeds:
        for label in config.labels:
            console.rule(f"{label}, seed {seed}")
            out = config.out / NAME / f"{label}-{seed}"
            summaries = train(settings_of(ARMS[label], seed, out))
            found[label].append(summaries["craft_gui"])
            if label == config.labels[0]:  # every run tests the same base
                found["base"].append(summaries["base"])
    pooled = {label: pool(found[label]) for label in ("base", *config.labels)}
    rows = [*result_rows(pooled, config.seeds), *stage_rows(pooled, config.seeds)]
    seeds = " ".join(map(str, config.seeds))
    path = None
    if set(config.labels) == set(ARMS):  # half a comparison is not published
        command = f"python -m benchmarks.{NAME} --seeds {seeds}"
        path = write_results(NAME, rows, command, folder=config.results)
    print_table(pooled, title=f"Success, {len(config.seeds)} seed(s)", console=console)
    if path is not None:
        console.print(f"results: {path}", soft_wrap=True, highlight=False)
    return path


def settings_of(curriculum: Policy, seed: int, out: Path) -> CraftGUIConfig:
    """The benchmark's settings with one of the curricula."""
    settings = load_config(CraftGUIConfig, SETTINGS)
    return replace(
        settings,
        base=str(data_file(settings.base)),
        seed=seed,
        out=out,
        curriculum=replace(settings.curriculum, policy=curriculum),
    )


def stage_rows(pooled: Mapping[str, Summary], seeds: tuple[int, ...]) -> list[Row]:
    """Success by stage of the curriculum."""
    settings = load_config(CraftGUIConfig, SETTINGS)
    tasks = select_tasks(settings.tasks)
    rows = []
    for label, summary in pooled.items():
        rates: defaultdict[int, SuccessRate] = defaultdict(SuccessRate)
        for task, rate in summary.by_task.items():
            rates[stage_of(tasks[task].expected_steps, settings.curriculum)] += rate
        rows += [
            success_row(label, f"success:stage {number}", rates[number], seeds)
            for number in sorted(rates)
        ]
    return rows


def main() -> int:
    """Parse the command line and run; returns the exit status."""
    return run_command(NAME, BenchmarkConfig, run)


if __name__ == "__main__":
    sys.exit(main())
