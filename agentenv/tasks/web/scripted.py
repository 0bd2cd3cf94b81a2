"""Oracles as data: a list of actions whose targets are named by their labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from agentenv.actions import ACTION_ADAPTER, Action, Finish
from agentenv.dialects.parsing import explain
from agentenv.errors import ActionError, ConfigError
from agentenv.observations import Observation, UIElement
from agentenv.tasks.base import Oracle
from agentenv.tasks.targets import label_of
from agentenv.tasks.web.parameters import fill

Step = Mapping[str, Any]
"""An action as JSON, such as ``{"type": "tap", "label": "Search"}``; its texts are templates."""


def check_steps(steps: Sequence[Step]) -> None:
    """See that every step is an action.

    Raises:
        ConfigError: naming the step.
    """
    for number, step in enumerate(steps):
        try:
            ACTION_ADAPTER.validate_python(_aimed(step, 0))
        except ValidationError as error:
            raise ConfigError(f"oracle[{number}]: {explain(error)}") from error


def scripted_oracle(steps: Sequence[Step], values: Mapping[str, Any]) -> Oracle:
    """An oracle that takes these steps in their order, and then declares the task done.

    Which step is due follows from the observation alone (its number of steps so far). On a
    screen that does not show a step's target it raises `ActionError`.

    Raises:
        ConfigError: a template names a parameter that does not exist.
    """
    filled = [
        {key: fill(part, values) if isinstance(part, str) else part for key, part in step.items()}
        for step in steps
    ]

    def next_action(now: Observation) -> Action:
        if now.step >= len(filled):
            return Finish()
        step = filled[now.step]
        target = _find(now, step) if _names_target(step) else 0
        return ACTION_ADAPTER.validate_python(_aimed(step, target))

    return next_action


def _names_target(step: Step) -> bool:
    return "label" in step and "element" not in step and "point" not in step


def _aimed(step: Step, element: int) -> dict[str, Any]:
    return {**step, "element": element} if _names_target(step) else dict(step)


def _find(now: Observation, step: Step) -> int:
    """The element of that label: one that can be used as the step wants, if there are several."""
    wanted = " ".join(str(step["label"]).split()).casefold()
    found = [element for element in now.elements if label_of(element).casefold() == wanted]
    if not found:
        raise ActionError(f"no element is labelled {step['label']!r}")

    def is_usable(element: UIElement) -> bool:
        is_field = element.editable or element.role in ("combobox", "listbox")
        return is_field if step["type"] == "input_text" else element.clickable

    return max(found, key=is_usable).index
