"""Tasks as a person names them on a command line or in a file, and the devices they run on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from agentenv.errors import ConfigError
from agentenv.tasks import SUITES, get_task, is_suite, suite
from agentenv.tasks.base import Task

FindTask = Callable[[str], Task]
"""Gives the task of an id; raises `ConfigError` if there is none."""


def find_among(tasks: Mapping[str, Task]) -> FindTask:
    """Finds these tasks, and those that come with agentenv."""
    return lambda name: tasks[name] if name in tasks else get_task(name)


def select_tasks(names: Sequence[str]) -> dict[str, Task]:
    """The tasks that ids (``"miniwob/click-test-2"``) and suites (``"miniwob"``) name.

    A YAML file of tasks counts as a suite; ``"my_tasks.yaml#buy"`` is one of its tasks.

    Returns:
        them by id, in the order of first mention.

    Raises:
        ConfigError: a name is neither, there are none, or two files hold a task of one id.
    """
    if not names:
        raise ConfigError(f"name at least one task, or a suite: {', '.join(SUITES)}")
    chosen: dict[str, Task] = {}
    for name in names:
        tasks = suite(name).values() if is_suite(name) else [get_task(name)]
        for task in tasks:
            if chosen.setdefault(task.id, task) is not task:
                raise ConfigError(f"{name}: another file has a task {task.id} too; rename it")
    return chosen


def with_earlier_sessions(tasks: Mapping[str, Task]) -> dict[str, Task]:
    """These tasks, and before them those that they follow.

    Raises:
        ConfigError: none of them follows another.
    """
    earlier = [_earlier(task) for task in tasks.values() if task.follows]
    if not earlier:
        raise ConfigError("none of these tasks follows an earlier session; phone:pairs has some")
    return {**{task.id: task for task in earlier}, **tasks}


def _earlier(task: Task) -> Task:
    """The task that one follows: from the same file, if it came from one."""
    if task.source is None:
        return get_task(task.follows)
    return get_task(f"{task.source}#{task.follows.partition('/')[2]}")


def suite_of(tasks: Collection[Task]) -> str:
    """The suite all the tasks come from.

    Raises:
        ConfigError: there are no tasks, or they come from several suites or are for
            screens of several sizes: these need different devices.
    """
    names = sorted({task.id.partition("/")[0] for task in tasks})
    if len(names) != 1:
        raise ConfigError(f"choose tasks of one suite, not of {', '.join(names) or 'none'}")
    screens = {task.open_device().features for task in tasks}
    if len(screens) > 1:
        sizes = ", ".join(sorted(f"{one.width} x {one.height}" for one in screens))
        raise ConfigError(f"choose tasks with one screen, not of {sizes}")
    return names[0]
