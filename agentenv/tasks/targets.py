"""Aiming at elements: how every script, oracle and candidate names its target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from agentenv.actions import Action
from agentenv.errors import ActionError
from agentenv.observations import UIElement

MAX_LABEL = 40
"""Characters of a label; enough to tell elements apart, short enough to generate."""


class Target(TypedDict):
    """The fields that aim an action at an element: `Tap(**target_of(element))`."""

    label: str
    element: int


def target_of(element: UIElement) -> Target:
    """The element's index, labelled by `label_of`."""
    return Target(label=label_of(element), element=element.index)


def label_of(element: UIElement) -> str:
    """The element's name, or its value if it has none, on one line, cut to `MAX_LABEL`.

    A password field's value is never used.
    """
    text = element.name or ("" if element.password else element.value)
    text = text.encode("utf-8", "replace").decode("utf-8")
    return " ".join(text.split())[:MAX_LABEL].rstrip()


def at_center(action: Action, elements: Sequence[UIElement]) -> Action:
    """The same action aimed at its element's centre, for dialects that only know points.

    Actions without an element target are returned as they are.

    Raises:
        ActionError: no such element.
    """
    index = getattr(action, "element", None)
    if index is None:
        return action
    for element in elements:
        if element.index == index:
            x, y = element.center
            point = (min(max(x, 0.0), 1.0), min(max(y, 0.0), 1.0))
            return action.model_copy(update={"element": None, "point": point})
    raise ActionError(f"no element {index}; there are {len(elements)}")
