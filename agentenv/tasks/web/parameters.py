"""Parameters of a task: drawn from lists, and put into templates such as "Buy {product}"."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from string import Formatter
from typing import Any

import numpy as np

from agentenv.config import closest, config_from_mapping
from agentenv.errors import ConfigError
from agentenv.tasks.base import SPLITS, Split


@dataclass(frozen=True)
class Choices:
    """The values of one parameter. A value may be a mapping, whose parts belong together."""

    train: tuple[Any, ...]
    test: tuple[Any, ...]
    """None of them is a training value."""
    validation: tuple[Any, ...] = ()
    """By default the training values."""

    def of(self, split: Split) -> tuple[Any, ...]:
        """The values of a split."""
        return {"train": self.train, "test": self.test}.get(split) or self.validation or self.train


def parse_parameters(values: Mapping[str, Any]) -> dict[str, Choices]:
    """Parameters as a task file gives them: a list for every split, or one for each.

    Raises:
        ConfigError: it names the parameter and what is wrong.
    """
    parsed = {}
    for name, given in values.items():
        where = f"parameters: {name}"
        if not str(name).isidentifier():
            raise ConfigError(f"{where}: the name must be letters, digits and _")
        if isinstance(given, Mapping):
            choices = config_from_mapping(Choices, given, source=where)
            _refuse_overlap(choices, where)
        elif isinstance(given, Sequence) and not isinstance(given, str):
            choices = Choices(tuple(given), tuple(given))
        else:
            raise ConfigError(f"{where}: give a list, or 'train' and 'test' lists")
        _refuse_odd_values(choices, where)
        parsed[name] = choices
    return parsed


def draw(parameters: Mapping[str, Choices], task: str, split: Split, index: int) -> dict[str, Any]:
    """The values of one instance; the same arguments give the same values."""
    rng = np.random.default_rng([zlib.crc32(task.encode()), SPLITS.index(split), index])
    return {
        name: choices.of(split)[int(rng.integers(len(choices.of(split))))]
        for name, choices in parameters.items()
    }


def fill(template: str, values: Mapping[str, Any], encode: Callable[[str], str] = str) -> str:
    """The template with "{name}" and "{name.part}" replaced; "{{" is a brace.

    Args:
        encode: applied to each value that is put in.

    Raises:
        ConfigError: no such parameter, or a stray brace.
    """
    filled = []
    try:
        for text, name, form, conversion in Formatter().parse(template):
            filled.append(text)
            if name is not None:
                if form or conversion:
                    raise ValueError("only a parameter's name may stand between braces")
                filled.append(encode(str(_look_up(values, name))))
    except ValueError as error:
        raise ConfigError(f"{template!r}: {error} (a brace itself is written twice)") from error
    return "".join(filled)


def _look_up(values: Mapping[str, Any], name: str) -> Any:
    found: Any = values
    for part in name.split("."):
        if not isinstance(found, Mapping) or part not in found:
            known = list(found) if isinstance(found, Mapping) else []
            raise ConfigError(f"there is no parameter {name!r}{closest(part, known)}")
        found = found[part]
    return found


def _refuse_overlap(choices: Choices, where: str) -> None:
    seen = [*choices.train, *choices.validation]
    shared = [value for value in choices.test if value in seen]
    if shared:
        raise ConfigError(f"{where}: test values must not be training values: {shared}")


def _refuse_odd_values(choices: Choices, where: str) -> None:
    values = [*choices.train, *choices.validation, *choices.test]
    if not choices.train or not choices.test:
        raise ConfigError(f"{where}: it has no values")
    parts = {tuple(value) if isinstance(value, Mapping) else () for value in values}
    if len({frozenset(names) for names in parts}) > 1:
        raise ConfigError(f"{where}: every value must have the same parts")
