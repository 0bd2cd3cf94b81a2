"""Parts of objectives by name: a pure function each, with its paper and formula.

A part's tensors are positional parameters; its settings are keyword parameters with a
default and a checked type, so that the function's signature is the whole definition.
"""

from __future__ import annotations

import functools
import inspect
import typing
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from pydantic import ConfigDict, Field, ValidationError, create_model

from agentenv.config import closest
from agentenv.errors import ConfigError
from trainers.objectives.papers import Paper

Kind = Literal[
    "advantage",
    "step_advantage",
    "ratio",
    "clip",
    "aggregation",
    "regulariser",
    "loss",
    "selection",
    "guidance",
    "search",
]

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
AtLeastOne = Annotated[float, Field(ge=1, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Finite = Annotated[float, Field(allow_inf_nan=False)]

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Part:
    """A pure function under a name."""

    kind: Kind
    name: str
    paper: Paper
    formula: str
    function: Callable[..., Any]

    @property
    def explanation(self) -> str:
        """The function's docstring."""
        return inspect.getdoc(self.function) or ""

    @property
    def settings(self) -> dict[str, Any]:
        """Name of each setting, and its default."""
        parameters = inspect.signature(self.function).parameters.values()
        return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}

    def with_settings(self, values: Mapping[str, Any]) -> functools.partial[Any]:
        """The function with its settings filled in.

        Raises:
            ConfigError: a setting is unknown, or its value out of range.
        """
        defaults = self.settings
        for name in values:
            if name not in defaults:
                known = closest(name, list(defaults)) if defaults else "; it has none"
                raise ConfigError(f"{self.kind} {self.name} has no setting {name!r}{known}")
        hints = typing.get_type_hints(self.function, include_extras=True)
        fields: dict[str, Any] = {name: (hints[name], defaults[name]) for name in defaults}
        model = create_model(self.name, __config__=ConfigDict(strict=False), **fields)
        try:
            checked = model(**values)
        except ValidationError as error:
            problems = [
                f"{problem['loc'][0]} is {problem['input']!r}: {problem['msg']}"
                for problem in error.errors(include_url=False)
            ]
            raise ConfigError(f"{self.kind} {self.name}: {'; '.join(problems)}") from error
        return functools.partial(self.function, **checked.model_dump())


PARTS: defaultdict[Kind, dict[str, Part]] = defaultdict(dict)
"""By kind and name; filled as the modules of this package are imported."""


def part(kind: Kind, name: str, paper: Paper, formula: str) -> Callable[[F], F]:
    """Register the decorated function; it stays what it was."""

    def register(function: F) -> F:
        PARTS[kind][name] = Part(kind, name, paper, formula, function)
        return function

    return register


def find_part(kind: Kind, name: str) -> Part:
    """The part of that name.

    Raises:
        ConfigError: there is none.
    """
    if name not in PARTS[kind]:
        raise ConfigError(f"there is no {kind} {name!r}{closest(name, list(PARTS[kind]))}")
    return PARTS[kind][name]
