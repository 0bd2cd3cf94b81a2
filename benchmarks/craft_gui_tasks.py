"""The tasks of a comparison of online learning: those at which the base policy is neither lost nor
done. Lines for a settings file are printed.

    agentenv eval --policy MODEL --tasks phone/... --split validation --episodes 5 --out runs/chosen
    python -m benchmarks.craft_gui_tasks runs/chosen/results.json

The rule knows nothing of what is compared: of every stage, the tasks whose success on the
validation split, which is neither trained on nor published, is nearest to one half, and within
bounds. Tasks whose templates or apps are held out are left to other tests.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from agentenv.errors import ConfigError
from agentenv.progress import console
from agentenv.tasks.base import Task
from agentenv.tasks.selection import select_tasks
from benchmarks.command import run_command
from trainers.craft_gui.curriculum import CurriculumConfig, stage_of

NAME = "craft_gui_tasks"
HELD_OUT = ("new-templates", "new-apps")
"""Groups of the phone's tasks that nothing is trained on."""


@dataclass(frozen=True)
class ChoiceConfig:
    """Which evaluation, and how many tasks."""

    results: Annotated[Path, tyro.conf.Positional]
    """What `agentenv eval` has written."""
    number: int = 6
    """Tasks of each stage, at most."""
    low: float = 0.1
    """Least success."""
    high: float = 0.9
    """Largest success."""


def run(config: ChoiceConfig) -> None:
    """Print the tasks, a line each.

    Raises:
        ConfigError: there is no such evaluation, or none of its tasks will do.
    """
    rates = success_of(config.results)
    chosen = choose(rates, select_tasks(tuple(rates)), config)
    if not chosen:
        raise ConfigError(f"no task succeeds in {config.low:.0%} to {config.high:.0%}")
    for name in chosen:
        console.print(f"  - {name}  # {rates[name]:.0%}", highlight=False)


def success_of(path: Path) -> dict[str, float]:
    """By task; those that the infrastructure failed altogether are absent.

    Raises:
        ConfigError: the file is missing, or none of `agentenv eval`.
    """
    try:
        found: dict[str, dict[str, Any]] = json.loads(path.read_text())["by_task"]
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path} is no results.json of agentenv eval") from error
    return {name: rate["value"] for name, rate in found.items() if rate["value"] is not None}


def choose(
    rates: Mapping[str, float], tasks: Mapping[str, Task], config: ChoiceConfig
) -> list[str]:
    """By stage, then by how near to one half their success is, then by name."""
    stages: dict[int, list[str]] = {}
    for name in sorted(rates, key=lambda name: (abs(rates[name] - 0.5), name)):
        groups = {group.rpartition(":")[2] for group in tasks[name].groups}
        if config.low <= rates[name] <= config.high and groups.isdisjoint(HELD_OUT):
            stage = stage_of(tasks[name].expected_steps, CurriculumConfig())
            stages.setdefault(stage, []).append(name)
    return [name for stage in sorted(stages) for name in sorted(stages[stage][: config.number])]


def main() -> int:
    """Parse the command line and run; returns the exit status."""
    return run_command(NAME, ChoiceConfig, run)


if __name__ == "__main__":
    sys.exit(main())
