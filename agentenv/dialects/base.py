"""A dialect: one way of writing actions as text, with a parser and a printer."""

from __future__ import annotations

from typing import Protocol

from agentenv.actions import Action
from agentenv.errors import ConfigError


class Dialect(Protocol):
    """Parse and print actions.

    `parse(print(action)) == action` for every action the dialect can write, up to
    its resolution for points.
    """

    name: str

    def parse(self, text: str | bytes) -> Action:
        """The action in a model's output. Never raises and never evaluates code:
        what is not an action becomes `Invalid` with the reason."""
        ...

    def print(self, action: Action) -> str:
        """The action as text.

        Raises:
            ConfigError: this dialect has no words for that action.
        """
        ...

    def instructions(self, action_types: tuple[str, ...]) -> str:
        """What a prompt must say for a model to answer in this dialect."""
        ...


class Scaled:
    """Of a dialect that writes points as numbers up to a size of its own.

    Args:
        width: the x that means the right edge.
        height: the y that means the bottom edge.

    Raises:
        ConfigError: one is not positive.
    """

    def __init__(self, width: int, height: int) -> None:
        if width < 1 or height < 1:
            raise ConfigError(f"width and height must be positive, not {width}x{height}")
        self.width = width
        self.height = height
