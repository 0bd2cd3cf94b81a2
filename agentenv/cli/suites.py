"""`agentenv suites`: which tasks there are."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated

import annotated_types
import tyro
from rich.markup import escape
from rich.table import Table

from agentenv.errors import ConfigError
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
    stats: bool = False
    """Of the embedded phone: apps, templates, steps and goals of training and of each test split,
    and how far these are from training."""
    instances: Annotated[int, annotated_types.Ge(1)] = 2
    """Of each template, for `--stats`."""


def run(config: SuitesConfig) -> None:
    """Print suites, or the tasks of some.

    Raises:
        ConfigError: statistics of another suite than the phone's are asked for.
    """
    if config.stats:
        if config.suites not in ((), ("phone",)):
            raise ConfigError("only the suite phone has statistics: agentenv suites phone --stats")
        console.print(_statistics(config.instances))
        return
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


def _statistics(instances: int) -> Table:
    from agentenv.tasks.phone.statistics import statistics
    from agentenv.tasks.phone.suite import PhoneTask

    tasks = [task for task in suite("phone").values() if isinstance(task, PhoneTask)]
    splits = statistics(tasks, instances)
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for one in splits:
        table.add_column(one.name, justify="right")
    rows = {
        "apps": [str(one.apps) for one in splits],
        "templates": [str(one.templates) for one in splits],
        "steps: least, quartiles, most": [" ".join(map(str, one.steps)) for one in splits],
        "first screens": [f"{one.first_screens} of {one.instances}" for one in splits],
        "words in goals": [str(one.words) for one in splits],
        "of them not in training": [f"{100 * one.new_words:.0f} %" for one in splits],
        "distance of goals from training": [f"{one.distance:.2f}" for one in splits],
    }
    for label, cells in rows.items():
        table.add_row(label, *cells)
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
