"""Policies without a model: the oracle, and random baselines."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from agentenv.actions import Action, Drag, Finish, InputText, Swipe, Tap, Wait
from agentenv.dialects import Dialect, get_dialect
from agentenv.errors import ActionError, ConfigError
from agentenv.observations import Observation, UIElement
from agentenv.policies.base import Decision, History
from agentenv.tasks.base import SPLITS, Oracle, Split, Task, TaskInstance
from agentenv.tasks.targets import at_center, target_of


class OraclePolicy:
    """The tasks' scripted solutions; its text is what demonstrations are made of.

    An oracle that cannot go on from where it is (`ActionError`) declares failure.

    Args:
        tasks: id -> task, of every task it will see.
        dialect: in which it speaks.
        noise: probability of a random action instead, for demonstrations that also
            show how to recover.
        seed: of the noise.

    Raises:
        ConfigError: `noise` is not a probability, or a task has no oracle.
    """

    name = "oracle"

    def __init__(
        self,
        tasks: Mapping[str, Task],
        dialect: str | Dialect = "json",
        noise: float = 0.0,
        seed: int = 0,
    ) -> None:
        if not 0.0 <= noise <= 1.0:
            raise ConfigError(f"noise must be a probability from 0 to 1, not {noise}")
        without = [name for name, task in tasks.items() if not task.has_oracle]
        if without:
            raise ConfigError(f"these tasks have no oracle: {', '.join(without)}")
        self.tasks = tasks
        self.dialect = get_dialect(dialect)
        self.noise = noise
        self.version = f"noise={noise:g},seed={seed}" if noise else "1"
        self._rng = np.random.default_rng(seed)

    def act(self, histories: Sequence[History]) -> list[Decision]:
        """The oracle's next action in each history.

        Raises:
            ConfigError: a history of a task it was not given.
        """
        return [
            say(self._choose(history), history.observation, self.dialect) for history in histories
        ]

    def _choose(self, history: History) -> Action:
        if self.noise and self._rng.random() < self.noise:
            return random_action(history.observation, self._rng)
        instance = find_instance(history.instance, self.tasks)
        oracle = self.oracle_of(instance)
        try:
            # An oracle may keep count of what it was shown, so a new one is shown it all;
            # then nothing needs to be remembered here about which episode is which.
            for turn in history.turns:
                oracle(turn.observation)
            return oracle(history.observation)
        except ActionError:
            return Finish(success=False)

    def oracle_of(self, instance: TaskInstance) -> Oracle:
        """A new script for an instance; other scripted policies have another one."""
        return self.tasks[instance.task].oracle(instance)


class RandomPolicy:
    """Taps a random clickable element or types a random word of the goal into a field.

    Args:
        seed: of its choices.
        dialect: in which it speaks.
    """

    name = "random"

    def __init__(self, seed: int = 0, dialect: str | Dialect = "json") -> None:
        self.dialect = get_dialect(dialect)
        self.version = f"seed={seed}"
        self._rng = np.random.default_rng(seed)

    def act(self, histories: Sequence[History]) -> list[Decision]:
        """A random action for each history."""
        return [
            say(random_action(history.observation, self._rng), history.observation, self.dialect)
            for history in histories
        ]


def random_action(observation: Observation, rng: np.random.Generator) -> Action:
    """Uniform over tapping each clickable element and typing into each editable one.

    What is typed is a random word of the goal. Waits if there is neither.
    """
    usable = [element for element in observation.elements if element.enabled]
    choices: list[tuple[type[Tap] | type[InputText], UIElement]] = [
        *((Tap, element) for element in usable if element.clickable),
        *((InputText, element) for element in usable if element.editable),
    ]
    if not choices:
        return Wait()
    kind, element = choices[int(rng.integers(len(choices)))]
    if kind is Tap:
        return Tap(**target_of(element))
    words = [word.strip("\"'.,:;!?()") for word in observation.goal.split()]
    words = [word for word in words if word] or ["text"]
    return InputText(**target_of(element), text=words[int(rng.integers(len(words)))])


def say(action: Action, observation: Observation, dialect: Dialect) -> Decision:
    """The action in a dialect, as a model would have written it.

    Where the dialect has no words for elements, the element's centre is meant; where it
    can only type into the focused field, a field is tapped first.

    Raises:
        ConfigError: the dialect has no words for the action at all.
        ActionError: the dialect needs the element's place, and there is no such element.
    """
    for candidate in _wordings(action, observation):
        with contextlib.suppress(ConfigError):
            text = dialect.print(candidate)
            return Decision(text, dialect.parse(text))
    raise ConfigError(f"the dialect {dialect.name} has no words for {action.type!r}")


def find_instance(key: str, tasks: Mapping[str, Task]) -> TaskInstance:
    """The instance of a key such as ``"miniwob/click-test-2/test/7"``.

    Raises:
        ConfigError: not a key of an instance of these tasks.
    """
    task, _, rest = key.rpartition("/")
    task, _, split = task.rpartition("/")
    if task not in tasks or split not in SPLITS or not rest.isdecimal():
        raise ConfigError(f"{key!r} is no instance of the tasks this policy was given")
    return tasks[task].instance(_SPLITS[split], int(rest))


_SPLITS: dict[str, Split] = {split: split for split in SPLITS}


def _wordings(action: Action, observation: Observation) -> Iterator[Action]:
    """The action, then others that come to the same, the closest first."""
    yield action
    centered = at_center(action, observation.elements)
    yield centered
    if isinstance(centered, Drag) and centered.point and centered.to_point:
        yield Swipe(start=centered.point, end=centered.to_point)
    if isinstance(action, InputText) and action.element is not None:
        field = next(e for e in observation.elements if e.index == action.element)
        if field.focused:
            yield InputText(text=action.text, clear=action.clear)
        else:
            yield at_center(Tap(**target_of(field)), observation.elements)
