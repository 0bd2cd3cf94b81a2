"""Tasks, by id (``"miniwob/click-test-2"``) and by suite (``"miniwob"``)."""

from __future__ import annotations

import difflib
import importlib
from functools import cache
from typing import TYPE_CHECKING

from agentenv.errors import ConfigError

if TYPE_CHECKING:
    from agentenv.tasks.base import Task

SUITES: dict[str, str] = {"miniwob": "agentenv.tasks.miniwob.suite"}
"""Name of a suite -> the module whose `tasks()` gives it, imported when it is asked for."""


def suite(name: str) -> dict[str, Task]:
    """The tasks of a suite by their ids.

    Raises:
        ConfigError: there is no suite of that name.
    """
    if name not in SUITES:
        raise ConfigError(f"no suite {name!r}; there are: {', '.join(SUITES)}")
    return dict(_load(name))


def get_task(task_id: str) -> Task:
    """The task with that id, e.g. ``"miniwob/click-test-2"``.

    Raises:
        ConfigError: no task has that id; the message names the closest ones.
    """
    ids = {known: name for name in SUITES for known in _load(name)}
    if task_id in ids:
        return _load(ids[task_id])[task_id]
    close = [known for known in ids if known.split("/", 1)[1] == task_id]
    close = close or difflib.get_close_matches(task_id, ids, n=3, cutoff=0.5)
    hint = f"did you mean {', '.join(close)}?" if close else f"suites: {', '.join(SUITES)}"
    raise ConfigError(f"no task {task_id!r}; {hint}")


@cache
def _load(name: str) -> dict[str, Task]:
    tasks: dict[str, Task] = importlib.import_module(SUITES[name]).tasks()
    return tasks
