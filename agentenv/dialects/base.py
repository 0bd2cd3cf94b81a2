"""A dialect: one way of writing actions as text, with a parser and a printer."""

from __future__ import annotations

from typing import Protocol

from agentenv.actions import Action


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
