"""Success on the embedded phone of the base policy, Digi-Q and what it is compared with.

    python -m benchmarks.digiq_phone --seeds 0 1 2

Trained and judged as in `digiq_success`, on the tasks of ``digiq_phone.yaml``: the same templates
with new parameters. Then the first seed's policies act where none of them has learned anything: on
new templates of known apps, and on apps that no policy has seen. Of these, the tasks that are no
longer than those of the base policy's demonstrations: what is longer was asked of nobody.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from agentenv.collecting import collect
from agentenv.progress import console
from agentenv.statistics import Summary, print_table, summarise
from agentenv.tasks.base import Task
from agentenv.tasks.selection import select_tasks
from benchmarks.command import check_seeds, command_of, run_command
from benchmarks.digiq_success import (
    PEER,
    load_settings,
    pool_seeds,
    result_rows,
    share_data,
    success_row,
    train_seed,
)
from benchmarks.results_file import RESULTS, Row, write_results
from trainers.digiq.config import DigiQConfig

NAME = "digiq_phone"
SETTINGS = Path(__file__).with_suffix(".yaml")
GROUPS = ("new-templates", "new-apps")
"""Of the suite "phone"; none of their tasks is trained on."""
LONGEST = 11
"""Steps of a task's scripted solution, at most, among those that the small model was shown."""


@dataclass(frozen=True)
class BenchmarkConfig:
    """Run Digi-Q on the phone for some seeds, and publish how far what it learns carries."""

    seeds: tuple[int, ...] = (0,)
    """Of training; the first is also that of the data, which they share. Finished stages and
    episodes are not run again."""
    episodes: int = 3
    """Instances of each task that nothing has learned from."""
    out: Path = Path("runs/benchmarks")
    """Run directory."""
    results: Path = RESULTS
    """Folder of the file that is written."""


def run(config: BenchmarkConfig) -> Path:
    """Run what is missing, print the pooled table, write the results; returns their file.

    Raises:
        ConfigError: settings are wrong.
    """
    check_seeds(config.seeds)
    command = command_of(NAME, config)  # before the hours it takes: it may be refused
    settings = load_settings(SETTINGS)
    learned: list[Mapping[str, Summary]] = []
    first = config.out / NAME / f"seed-{config.seeds[0]}"
    for seed in config.seeds:
        out = config.out / NAME / f"seed-{seed}"
        share_data(first, out)
        run_settings = replace(settings, seed=config.seeds[0], training_seed=seed, out=out)
        learned.append(train_seed(run_settings).summaries)
    pooled = pool_seeds(learned)
    rows = result_rows(pooled, config.seeds)
    of_first = replace(settings, seed=config.seeds[0], out=first)
    for group in GROUPS:
        rows += group_rows(group, carry_over(of_first, group, config.episodes), config.seeds[:1])
    path = write_results(NAME, rows, command, folder=config.results)
    print_table(pooled, title=f"Success, {len(config.seeds)} seed(s)", console=console)
    console.print(f"results: {path}", soft_wrap=True, highlight=False)
    return path


def unseen(group: str) -> dict[str, Task]:
    """The group's tasks that are not longer than what the base policy was shown."""
    tasks = select_tasks((f"phone:{group}",))
    return {name: task for name, task in tasks.items() if task.expected_steps <= LONGEST}


def carry_over(settings: DigiQConfig, group: str, episodes: int) -> dict[str, Summary]:
    """How the run's policies do on tasks that none of them has learned."""
    from trainers.digiq.pipeline import DigiQ  # imports torch, which takes seconds

    digiq = DigiQ(settings)
    stores = {
        label: collect(
            digiq.policy_of(label),
            unseen(group).values(),
            settings.out / group / label,
            split="test",
            episodes=episodes,
            seed=settings.seed_of_training,
            devices=settings.devices,
            dialect=settings.dialect,
            description=f"{group} ({label})",
        )
        for label in settings.labels
    }
    digiq.run.close()
    return {label: summarise(store.episodes()) for label, store in stores.items()}


def group_rows(group: str, found: Mapping[str, Summary], seeds: tuple[int, ...]) -> list[Row]:
    """Each policy's success on all tasks of a group, and its ratio to the base policy's."""
    peer = found[PEER].overall.rate
    rows = []
    for label, summary in found.items():
        row = success_row(label, f"success:{group}", summary.overall, seeds)
        compared = label != PEER and peer
        rows.append(replace(row, vs={PEER: round(row.value / peer, 3)} if compared else {}))
    return rows


def main() -> int:
    """Parse the command line and run; returns the exit status."""
    return run_command(NAME, BenchmarkConfig, run)


if __name__ == "__main__":
    sys.exit(main())
