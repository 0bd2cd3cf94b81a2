"""Tasks, by id (``"miniwob/click-test-2"``) and by suite (``"miniwob"``).

A YAML file of tasks is a suite (``"my_tasks.yaml"``), and each of its tasks has a name
(``"my_tasks.yaml#buy"``); see `agentenv.tasks.web`. So is the JSON file that an import has
written; see `agentenv.tasks.myphonebench`. A suite may be divided into groups
(``"phone:new-apps"``); see `agentenv.tasks.phone.groups`.
"""

from __future__ import annotations

import difflib
import importlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from agentenv.config import closest
from agentenv.errors import ConfigError

if TYPE_CHECKING:
    from agentenv.tasks.base import Task

SUITES: dict[str, str] = {
    "miniwob": "agentenv.tasks.miniwob.suite",
    "phone": "agentenv.tasks.phone.suite",
    "android": "agentenv.tasks.android.suite",
}
"""Name of a suite -> the module whose `tasks()` gives it, imported when it is asked for."""

_IMPORTED = ".json"
"""What the file of an imported suite ends with."""


def is_suite(name: str) -> bool:
    """Whether this names a suite, or a file of tasks, rather than one task."""
    if _is_file(name):
        return "#" not in name
    return name.partition(":")[0] in SUITES


def suite(name: str) -> dict[str, Task]:
    """The tasks of a suite, or of a YAML file, by their ids.

    Raises:
        ConfigError: there is no such suite, or the file is wrong.
    """
    if name.endswith(_IMPORTED):
        from agentenv.tasks.myphonebench.suite import load_suite

        return load_suite(Path(name))
    if _is_file(name):
        from agentenv.tasks.web.files import load_tasks

        return load_tasks(Path(name))
    known, _, group = name.partition(":")
    if known not in SUITES:
        names = ", ".join(SUITES)
        raise ConfigError(f"no suite {name!r}; there are: {names}, and YAML files of tasks")
    tasks = {key: task for key, task in _load(known).items() if group in {"", *task.groups}}
    if not tasks:
        groups = sorted({f"{known}:{one}" for task in _load(known).values() for one in task.groups})
        raise ConfigError(f"no group {name!r}; there are: {', '.join(groups) or 'none'}")
    return tasks


def get_task(task_id: str) -> Task:
    """The task with that id, e.g. ``"miniwob/click-test-2"`` or ``"my_tasks.yaml#buy"``.

    Raises:
        ConfigError: no task has that id; the message names the closest ones.
    """
    file, _, name = task_id.partition("#")
    if file.endswith(_IMPORTED):
        tasks = {task.partition("/")[2]: one for task, one in suite(file).items()}
        if name not in tasks:
            raise ConfigError(f"{file} has no task {name!r}{closest(name, list(tasks))}")
        return tasks[name]
    if _is_file(file):
        from agentenv.tasks.web.files import load_task

        return load_task(Path(file), name)
    ids = {known: name for name in SUITES for known in _load(name)}
    if task_id in ids:
        return _load(ids[task_id])[task_id]
    close = [known for known in ids if known.split("/", 1)[1] == task_id]
    close = close or difflib.get_close_matches(task_id, ids, n=3, cutoff=0.5)
    hint = f"did you mean {', '.join(close)}?" if close else f"suites: {', '.join(SUITES)}"
    raise ConfigError(f"no task {task_id!r}; {hint}")


def _is_file(name: str) -> bool:
    return name.partition("#")[0].endswith((".yaml", ".yml", _IMPORTED))


@cache
def _load(name: str) -> dict[str, Task]:
    tasks: dict[str, Task] = importlib.import_module(SUITES[name]).tasks()
    return tasks
