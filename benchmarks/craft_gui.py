"""Success of the base policy, of CRAFT-GUI, and of GRPO without its curriculum.

    python -m benchmarks.craft_gui --seeds 0 --labels craft_gui        # a piece
    python -m benchmarks.craft_gui --seeds 0 1 2                       # the rest, and all
    python -m benchmarks.craft_gui --suite phone --seeds 0 1 2         # the phone, not MiniWoB++

Both learn from the same number of steps in the environment; what differs is which tasks these
are spent on. Every seed trains anew and acts on the same held-out instances; episodes of all
seeds are pooled, so the intervals speak of episodes, not of other tasks or instances. On the phone
both begin with the model of `benchmarks.phone_base`.

A suite's settings are those of `craft_gui_SUITE.yaml`, and its results have that file's name.
"""

from __future__ import annotations

import shutil
import sys
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from agentenv.config import load_config
from agentenv.data_files import data_file
from agentenv.progress import console
from agentenv.statistics import SuccessRate, Summary, print_table
from agentenv.tasks.selection import select_tasks
from benchmarks.cold_start import ColdStartConfig
from benchmarks.command import check_labels, check_seeds, command_of, run_command
from benchmarks.digiq_success import pool, result_rows, success_row
from benchmarks.phone_base import phone_base
from benchmarks.results_file import RESULTS, Row, write_results
from trainers.craft_gui.config import CraftGUIConfig
from trainers.craft_gui.curriculum import Policy, stage_of

NAME = "craft_gui"
ARMS: dict[str, Policy] = {"craft_gui": "staged", "grpo_uniform": "uniform"}
"""Label -> curriculum."""


@dataclass(frozen=True)
class BenchmarkConfig:
    """Train with and without the curriculum for some seeds, and publish their success."""

    suite: Literal["miniwob", "phone"] = "miniwob"
    """Whose tasks."""
    base: str = ""
    """Policy to start from, instead of the settings' or that of `benchmarks.phone_base`: path of
    a checkpoint, or Hugging Face name."""
    seeds: tuple[int, ...] = (0,)
    """One run each for either curriculum, in `craft_gui_SUITE/LABEL-N` of the run directory; runs
    that were stopped go on, finished ones are not run again."""
    labels: tuple[str, ...] = tuple(ARMS)
    """Which of both to run, so that they may be run piece by piece: a later call with all of
    them publishes what has been run by then."""
    env_steps: int = 0
    """Steps of a run in the environment, instead of the settings'; fewer show that all works."""
    out: Path = Path("runs/benchmarks")
    """Run directory."""
    results: Path = RESULTS
    """Folder of the file that is written."""

    @property
    def name(self) -> str:
        """Of the settings, the runs and the results."""
        return f"{NAME}_{self.suite}"


def run(config: BenchmarkConfig) -> Path | None:
    """Run what is missing, print the pooled table, write its curves (report.html, beside the
    runs) and the results; returns their file, or nothing if some of `labels` is missing.

    Raises:
        ConfigError: settings are wrong, or a run of other settings is in the way.
    """
    # These import torch, which takes seconds.
    from benchmarks.craft_gui_curves import write_comparison
    from trainers.craft_gui.grpo import train

    command = command_of(NAME, config)  # before the hours it takes: it may be refused
    check_seeds(config.seeds)
    check_labels(config.labels, ARMS)
    settings = load_settings(config)
    if config.suite == "phone" and not config.base:
        base = phone_base(ColdStartConfig(out=config.out, threads=settings.threads))
        settings = replace(settings, base=str(base))
    found: defaultdict[str, list[Summary]] = defaultdict(list)
    runs: defaultdict[str, list[Path]] = defaultdict(list)
    for seed in config.seeds:
        outs = [config.out / config.name / f"{label}-{seed}" for label in config.labels]
        for label, out in zip(config.labels, outs, strict=True):
            console.rule(f"{label}, seed {seed}")
            share_base(outs[0], out)
            summaries = train(with_curriculum(settings, ARMS[label], seed, out))
            found[label].append(summaries["craft_gui"])
            runs[label].append(out)
            if out == outs[0]:  # every run of a seed tests the same base
                found["base"].append(summaries["base"])
    pooled = {label: pool(found[label]) for label in ("base", *config.labels)}
    rows = [*result_rows(pooled, config.seeds), *stage_rows(pooled, settings, config.seeds)]
    path = None
    if set(config.labels) == set(ARMS):  # half a comparison is not published
        path = write_results(config.name, rows, command, folder=config.results)
    print_table(pooled, title=f"Success, {len(config.seeds)} seed(s)", console=console)
    for row in rows:
        if row.metric.startswith("success:stage"):
            console.print(f"{row.label} {row.metric}: {row.value:.3f}", highlight=False)
    page = config.out / config.name / "report.html"
    write_comparison(page, f"CRAFT-GUI and GRPO, {config.suite}", runs, pooled, command)
    console.print(f"curves: {page}", soft_wrap=True, highlight=False)
    if path is not None:
        console.print(f"results: {path}", soft_wrap=True, highlight=False)
    return path


def load_settings(config: BenchmarkConfig) -> CraftGUIConfig:
    """Those of the suite, with what the command line says."""
    settings = load_config(CraftGUIConfig, Path(__file__).with_name(f"{config.name}.yaml"))
    return replace(
        settings,
        base=config.base or str(data_file(settings.base)),
        env_steps=config.env_steps or settings.env_steps,
    )


def with_curriculum(
    settings: CraftGUIConfig, curriculum: Policy, seed: int, out: Path
) -> CraftGUIConfig:
    """The settings of one run."""
    changed = replace(settings.curriculum, policy=curriculum)
    return replace(settings, seed=seed, out=out, curriculum=changed)


def share_base(first: Path, other: Path) -> None:
    """Copy the test of the starting policy, which a run of the same seed need not do again."""
    done, wanted = (path / "evaluation" / "base" for path in (first, other))
    if first != other and done.is_dir() and not wanted.exists():
        shutil.copytree(done, wanted)


def stage_rows(
    pooled: Mapping[str, Summary], settings: CraftGUIConfig, seeds: tuple[int, ...]
) -> list[Row]:
    """Success by stage of the curriculum."""
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
