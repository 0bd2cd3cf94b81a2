"""How often the scripted solutions solve their tasks, as an agent would have to.

    python -m benchmarks.browser_oracles

An oracle sees what an agent sees and acts through the same actions. One that fails where it
should not would teach the wrong thing: demonstrations and verdicts of benchmarks rest on them.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from agentenv.devices.browser import open_browser
from agentenv.errors import ConfigError
from agentenv.policies.scripted import OraclePolicy
from agentenv.progress import console, track
from agentenv.rollouts import rollout
from agentenv.statistics import SuccessRate, summarise
from agentenv.tasks.miniwob import suite
from agentenv.tasks.miniwob.pages import HEIGHT, WIDTH
from benchmarks.command import run_command
from benchmarks.results_file import RESULTS, Row, write_results

NAME = "browser_oracles"
LABEL = "oracle"
ENOUGH = 0.95
"""Success that makes an oracle one."""


@dataclass(frozen=True)
class BenchmarkConfig:
    """Let every scripted solution of MiniWoB++ solve its task."""

    episodes: int = 20
    """Instances of each task, of the split that training never sees."""
    devices: int = 4
    """Browsers side by side."""
    results: Path = RESULTS
    """Folder of the file that is written."""


def run(config: BenchmarkConfig) -> Path:
    """Run the oracles, tell which are too weak, and write the results; returns their file.

    Raises:
        ConfigError: an episode could not be run.
    """
    tasks = {name: task for name, task in suite.tasks().items() if task.has_oracle}
    items = [
        (task, task.instance("test", index))
        for task in tasks.values()
        for index in range(config.episodes)
    ]
    device = partial(open_browser, WIDTH, HEIGHT)
    with track("oracles", len(items)) as tracker:
        episodes = rollout(
            OraclePolicy(tasks),
            items,
            device,
            count=config.devices,
            on_episode=lambda episode: tracker.advance(),
        )
        summary = summarise(episodes)
    if summary.overall.infra_errors:
        raise ConfigError(f"episodes could not be run: {dict(summary.infra_causes)}")
    for name, rate in summary.by_task.items():
        if rate.rate < ENOUGH:
            console.print(f"{name}: {rate.successes} of {rate.n}", highlight=False)
    rows = result_rows(summary.overall, summary.by_task)
    path = write_results(NAME, rows, f"python -m benchmarks.{NAME}", folder=config.results)
    console.print(f"results: {path}", soft_wrap=True, highlight=False)
    return path


def result_rows(overall: SuccessRate, by_task: Mapping[str, SuccessRate]) -> list[Row]:
    """Success of all and of each, and the share of tasks whose oracle is good enough."""
    rates = {"success": overall} | {f"success:{name}": rate for name, rate in by_task.items()}
    rows = [
        Row(
            label=LABEL,
            metric=metric,
            value=rate.rate,
            unit="fraction",
            ci95=rate.interval,
            n=rate.n,
        )
        for metric, rate in rates.items()
    ]
    good = sum(rate.rate >= ENOUGH for rate in by_task.values())
    share = good / len(by_task)
    return [*rows, Row(label=LABEL, metric="tasks", value=share, unit="fraction", n=len(by_task))]


def main() -> int:
    """Parse the command line and run; returns the exit status."""
    return run_command(NAME, BenchmarkConfig, run)


if __name__ == "__main__":
    sys.exit(main())
