"""`agentenv suites`: which tasks there are."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated

import tyro
from rich.markup import escape
from rich.table import Table

from agentenv.progress import console
from agentenv.tasks import SUITES, suite
from agentenv.tasks.base import Task


@dataclass(frozen=True)
class SuitesConfig:
    """What to list."""

    suites: Annotated[
        tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[SUITE ...]")
    ] = ()
    """Suites, or YAML files of tasks, whose tasks to list one by one; none: every suite in
    one line. A file is checked by this, down to each template."""
    oracles: bool = False
    """Only tasks with a scripted solution."""


def run(config: SuitesConfig) -> None:
    """Print suites, or the tasks of some."""
    if not config.suites:
        console.print(_overview())
        console.print(
            "\nThe tasks of a suite, or of a file of your own: agentenv suites NAME",
            highlight=False,
        )
    for name in config.suites:
        tasks = suite(name).values()
        console.print(_table([task for task in tasks if task.has_oracle or not config.oracles]))


def _overview() -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("suite")
    table.add_column("tasks", justify="right")
    table.add_column("with an oracle", justify="right")
    table.add_column("steps at most", justify="right")
    for name in SUITES:
        tasks = suite(name).values()
        limits = [task.max_steps for task in tasks]
        oracles = sum(task.has_oracle for task in tasks)
        table.add_row(name, str(len(tasks)), str(oracles), f"{min(limits)} to {max(limits)}")
    return table


def _table(tasks: Collection[Task]) -> Table:
    # Where the page words the goal, an instance has none.
    goals = {task.id: task.instance("train", 0).goal for task in tasks}
    table = Table(box=None, pad_edge=False)
    table.add_column("task", no_wrap=True)
    table.add_column("oracle")
    table.add_column("steps, typically", justify="right")
    table.add_column("at most", justify="right")
    if any(goals.values()):
        table.add_column("goal, for example")
    for task in tasks:
        oracle = "yes" if task.has_oracle else ""
        row = [task.id, oracle, str(task.expected_steps), str(task.max_steps)]
        table.add_row(*row, *([escape(goals[task.id])] if any(goals.values()) else []))
    return table
