"""Tasks as a person names them on a command line or in a file, and the devices they run on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agentenv.errors import ConfigError
from agentenv.tasks import SUITES, get_task, suite
from agentenv.tasks.base import Task


def select_tasks(names: Sequence[str]) -> dict[str, Task]:
    """The tasks that ids (``"miniwob/click-test-2"``) and suites (``"miniwob"``) name.

    Returns:
        them by id, in the order of first mention.

    Raises:
        ConfigError: a name is neither, or there are none.
    """
    if not names:
        raise ConfigError(f"name at least one task, or a suite: {', '.join(SUITES)}")
    chosen: dict[str, Task] = {}
    for name in names:
        chosen |= suite(name) if name in SUITES else {name: get_task(name)}
    return chosen


def suite_of(tasks: Iterable[Task]) -> str:
    """The suite all the tasks come from.

    Raises:
        ConfigError: there are no tasks, or they come from several suites: these need
            different devices.
    """
    names = sorted({task.id.partition("/")[0] for task in tasks})
    if len(names) != 1:
        raise ConfigError(f"choose tasks of one suite, not of {', '.join(names) or 'none'}")
    return names[0]
