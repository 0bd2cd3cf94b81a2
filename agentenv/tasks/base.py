"""What a task is: template + parameters + initial state + verifier + oracle."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from agentenv.actions import Action
from agentenv.devices.base import Device, Setup
from agentenv.errors import ConfigError
from agentenv.observations import Observation

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
INSTANCES_PER_SPLIT = 2**31


@dataclass(frozen=True)
class TaskInstance:
    """One concrete task: a template with its parameters drawn."""

    task: str
    """Id of the template, e.g. ``"miniwob/click-test-2"``."""
    split: Split
    index: int
    """Instances are numbered within a split; splits are disjoint by construction,
    because every random draw is seeded with both."""
    setup: Setup
    goal: str = ""
    """May be empty when the page itself words the goal (see `Task.goal`)."""
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Unique name, e.g. ``"miniwob/click-test-2/test/7"``."""
        return f"{self.task}/{self.split}/{self.index}"


@dataclass(frozen=True)
class Verdict:
    """What the verifier says of a state."""

    reward: float
    """In [0, 1]; 1 is success."""
    done: bool
    """The task itself has ended (the page says so); the agent cannot act any more."""
    raw_reward: float | None = None
    """The environment's own number, where it has one."""
    info: Mapping[str, Any] = field(default_factory=dict)
    """What else the environment tells, for `info`; agents do not see it."""


Oracle = Callable[[Observation], Action]
"""The next correct action from the current observation. Where it depends on the
observation alone it can also label states that another policy reached."""


class Task(ABC):
    """A template. Subclasses are small: data, initial state, check, oracle."""

    id: str
    expected_steps: int
    """Steps an oracle needs, typically; the curriculum's difficulty."""
    max_steps: int
    """Step limit of an episode (then it is truncated)."""
    version: str = ""
    """Changes when the task does, so that results of two versions are not mixed; "" for
    tasks that change only with agentenv."""

    source: Path | None = None
    """File that it was read from; None for what comes with agentenv."""

    groups: frozenset[str] = frozenset()
    """Of the tasks of its suite, that can be named: ``"phone:new-apps"``."""

    follows: str = ""
    """Id of the task of an earlier session, at whose end this one can begin (see `after`)."""

    @abstractmethod
    def instance(self, split: Split, index: int) -> TaskInstance:
        """The instance of that number; the same arguments give the same instance."""

    def after(self, instance: TaskInstance, log: Sequence[str]) -> TaskInstance:
        """An instance that begins where an agent left the same instance of the task `follows`.

        Args:
            instance: of this task, as it is prepared.
            log: the device's event log of the earlier session.

        Raises:
            ConfigError: this task follows none.
            StoreError: the log is broken.
        """
        raise ConfigError(f"task {self.id} follows no other session")

    def sample(self, rng: np.random.Generator, split: Split = "train") -> TaskInstance:
        """Draw an instance of a split."""
        return self.instance(split, int(rng.integers(INSTANCES_PER_SPLIT)))

    def goal(self, instance: TaskInstance, state: Mapping[str, Any]) -> str:
        """The goal in words, once the device has been reset."""
        return instance.goal

    @abstractmethod
    def verify(
        self, instance: TaskInstance, state: Mapping[str, Any], answer: str | None
    ) -> Verdict:
        """Judge the device's state (never pixels) and the agent's answer, if it gave one."""

    @abstractmethod
    def open_device(self, engine: str = "auto") -> Device:
        """A device this task can run on; it connects on its first reset.

        Args:
            engine: which implementation, where the kind of device has several
                (see `agentenv.devices.browser.open_browser`).
        """

    @property
    def has_oracle(self) -> bool:
        """Whether `oracle` works."""
        return False

    def oracle(self, instance: TaskInstance) -> Oracle:
        """A scripted solution, acting through the same actions an agent has.

        Raises:
            ConfigError: this task has none.
        """
        raise ConfigError(f"task {self.id} has no oracle")
