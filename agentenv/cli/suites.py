"""`agentenv suites`: which tasks there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tyro
from rich.table import Table

from agentenv.progress import console
from agentenv.tasks import SUITES, suite


@dataclass(frozen=True)
class SuitesConfig:
    """What to list."""

    suites: Annotated[
        tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[SUITE ...]")
    ] = ()
    """Suites whose tasks to list one by one; none: every suite in one line."""
    oracles: bool = False
    """Only tasks with a scripted solution."""


def run(config: SuitesConfig) -> None:
    """Print suites, or the tasks of some."""
    if not config.suites:
        console.print(_overview())
        console.print("\nThe tasks of a suite: agentenv suites NAME", highlight=False)
    for name in config.suites:
        console.print(_tasks(name, only_oracles=config.oracles))


def _overview() -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("suite")
    table.add_column("tasks", justify="right")
    table.add_column("with an oracle", justify="right")
    for name in SUITES:
        tasks = suite(name).values()
        table.add_row(name, str(len(tasks)), str(sum(task.has_oracle for task in tasks)))
    return table


def _tasks(name: str, *, only_oracles: bool) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("task", no_wrap=True)
    table.add_column("oracle")
    table.add_column("steps, typically", justify="right")
    table.add_column("at most", justify="right")
    for task in suite(name).values():
        if task.has_oracle or not only_oracles:
            oracle = "yes" if task.has_oracle else ""
            table.add_row(task.id, oracle, str(task.expected_steps), str(task.max_steps))
    return table
