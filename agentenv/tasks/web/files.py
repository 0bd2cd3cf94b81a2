"""Tasks from YAML files; the package's docstring shows one."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from agentenv.config import closest, config_from_mapping, config_hash, read_yaml
from agentenv.devices.base import NetworkPolicy
from agentenv.devices.browser.viewports import DEFAULT_VIEWPORT, Viewport
from agentenv.errors import ConfigError
from agentenv.tasks.base import SPLITS, Task, TaskInstance, Verdict
from agentenv.tasks.web.conditions import (
    Condition,
    holds,
    page_errors,
    parse_condition,
    state_expression,
    with_values,
)
from agentenv.tasks.web.task import DEFAULT_MAX_STEPS, LOADED, Ends, WebTask

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Partial:
    """A part of the reward."""

    when: Any
    """A condition."""
    reward: float
    """Given while the task is not solved; of several that hold, the largest counts."""


@dataclass(frozen=True)
class TaskEntry:
    """One task of a file; where nothing is said here, see `WebTask`."""

    url: str
    """An address, or the path of an HTML file beside the YAML file."""
    goal: str
    success: Any = None
    """A condition (see `agentenv.tasks.web.conditions`); none: free browsing."""
    partial: tuple[Partial, ...] = ()
    start: str = ""
    ready: str = LOADED
    parameters: dict[str, Any] = field(default_factory=dict)
    max_steps: int = DEFAULT_MAX_STEPS
    expected_steps: int | None = None
    ends: Ends = "success"
    viewport: Viewport | str = DEFAULT_VIEWPORT
    network: NetworkPolicy | tuple[str, ...] | None = None
    storage_state: Path | None = None
    files: tuple[Path, ...] = ()
    reload: bool = True
    oracle: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class TaskFile:
    """What a task file holds."""

    tasks: dict[str, dict[str, Any]]
    """Name -> the fields of a `TaskEntry`."""
    suite: str = ""
    """First part of the tasks' ids; by default the file's name."""
    defaults: dict[str, Any] = field(default_factory=dict)
    """Fields that all its tasks share, unless they say otherwise."""


class DeclaredTask(WebTask):
    """A task whose success is written down as conditions."""

    def __init__(self, entry: TaskEntry, task_id: str, folder: Path) -> None:
        network = entry.network
        if isinstance(network, NetworkPolicy):
            network = _from_folder(network, folder)
        super().__init__(
            entry.url,
            entry.goal,
            start=entry.start,
            ready=entry.ready,
            parameters=entry.parameters,
            max_steps=entry.max_steps,
            expected_steps=entry.expected_steps,
            ends=entry.ends,
            viewport=entry.viewport,
            network=network,
            storage_state=entry.storage_state,
            files=entry.files,
            reload=entry.reload,
            oracle=entry.oracle,
            task_id=task_id,
            folder=folder,
        )
        self.version = config_hash(entry)
        self._rewards: list[tuple[Condition, float]] = []
        if entry.success is not None:
            self._rewards.append((parse_condition(entry.success, "success"), 1.0))
        for number, part in enumerate(entry.partial):
            if not 0 < part.reward < 1:
                raise ConfigError(f"partial[{number}]: reward must lie between 0 and 1")
            condition = parse_condition(part.when, f"partial[{number}]: when")
            self._rewards.append((condition, part.reward))
        self._told: set[str] = set()
        for split in SPLITS:  # whatever is wrong with a template shows now
            self.oracle(self.instance(split, 0)) if self.has_oracle else self.instance(split, 0)

    def state_expression(self, values: Mapping[str, Any]) -> str:
        """JavaScript giving what the conditions need to know of the page."""
        return state_expression(self._conditions(values), values)

    def verify(
        self, instance: TaskInstance, state: Mapping[str, Any], answer: str | None
    ) -> Verdict:
        """1 if success holds, otherwise the largest partial reward whose condition does."""
        conditions = self._conditions(instance.parameters)
        for script, error in page_errors(conditions, state).items():
            if script not in self._told:
                self._told.add(script)
                logger.warning("%s: counted as not met: %s: %s", self.id, script, error)
        rewards = [reward for _, reward in self._rewards]
        met = (
            reward
            for condition, reward in zip(conditions, rewards, strict=True)
            if holds(condition, conditions, state, answer)
        )
        return self.verdict(max(met, default=0.0))

    def _conditions(self, values: Mapping[str, Any]) -> list[Condition]:
        return [with_values(condition, values) for condition, _ in self._rewards]


def load_tasks(path: Path) -> dict[str, Task]:
    """The tasks of a file by their ids, "suite/name".

    Raises:
        ConfigError: naming the file, the task and the field.
    """
    try:
        changed = path.stat().st_mtime_ns
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    return dict(_load(path.resolve(), str(path), changed))


def load_task(path: Path, name: str = "") -> Task:
    """One task of a file: that of the name, or the only one.

    Raises:
        ConfigError: as `load_tasks`; there is no such task, or no name and several.
    """
    tasks = {task.id.partition("/")[2]: task for task in load_tasks(path).values()}
    if not name and len(tasks) == 1:
        return next(iter(tasks.values()))
    if not name:
        raise ConfigError(f"{path} has several tasks: write {path}#{next(iter(tasks))}, ...")
    if name not in tasks:
        raise ConfigError(f"{path} has no task {name!r}{closest(name, list(tasks))}")
    return tasks[name]


@lru_cache(maxsize=64)
def _load(path: Path, shown: str, changed: int) -> dict[str, Task]:
    content = config_from_mapping(TaskFile, read_yaml(path), source=shown)
    suite = content.suite or path.stem
    if not content.tasks:
        raise ConfigError(f"{shown}: it has no tasks")
    tasks: dict[str, Task] = {}
    for name, fields in content.tasks.items():
        where = f"{shown}#{name}"
        entry = config_from_mapping(TaskEntry, {**content.defaults, **fields}, source=where)
        _refuse_odd_name(suite, f"{shown}: suite")
        _refuse_odd_name(name, where)
        try:
            task = DeclaredTask(entry, f"{suite}/{name}", path.parent)
        except ConfigError as error:
            raise ConfigError(f"{where}: {error}") from error
        task.source = path
        tasks[task.id] = task
    return tasks


def _refuse_odd_name(name: str, where: str) -> None:
    if not name.replace("-", "").replace("_", "").replace(".", "").isalnum() or name == "miniwob":
        raise ConfigError(f"{where}: {name!r} is no name; use letters, digits, '-', '_' and '.'")


def _from_folder(network: NetworkPolicy, folder: Path) -> NetworkPolicy:
    """The policy's files, which are named from the YAML file's folder."""
    replay = None if network.replay is None else folder / network.replay
    record = None if network.record is None else folder / network.record
    return replace(network, replay=replay, record=record)
