"""An action as a short vector of numbers, so that the critic sees where and which way.

A VLM's hidden state may not carry a swipe's direction or an exact point; a handful of
numbers beside it does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import numpy as np

from agentenv.actions import ACTION_MODELS, Action, Direction, Key, Point, PressKey, Scroll, Swipe
from agentenv.observations import UIElement

ACTION_TYPES: tuple[str, ...] = (*ACTION_MODELS, "invalid")
DIRECTIONS: tuple[str, ...] = get_args(Direction)
KEYS: tuple[str, ...] = get_args(Key)
TEXT_FIELDS = ("text", "app", "url", "key", "value", "question", "resource")
"""Fields that hold words of the agent's own (a key pressed is told apart by `KEYS`)."""
TEXT_SCALE = 50.0
"""Characters at which the text length reaches 1 (log scale below and above)."""

GEOMETRY_NAMES: tuple[str, ...] = (
    *(f"type_{name}" for name in ACTION_TYPES),
    *("has_point", "x", "y"),
    *("swipe_end_x", "swipe_end_y", "swipe_dx", "swipe_dy"),
    *(f"scroll_{name}" for name in DIRECTIONS),
    *(f"key_{name}" for name in KEYS),
    *("has_text", "text_length"),
)
"""What each number means."""
GEOMETRY_SIZE = len(GEOMETRY_NAMES)
_COLUMN = {name: column for column, name in enumerate(GEOMETRY_NAMES)}


def action_geometry(action: Action, elements: Sequence[UIElement]) -> np.ndarray:
    """Where an action acts and how.

    Args:
        action: any action; `Invalid` is only its type.
        elements: of the observation it answers, to find an element's centre.

    Returns:
        (GEOMETRY_SIZE,) float32, named by `GEOMETRY_NAMES`: one-hot type; the point acted
        on (a swipe's start) as fractions of the screen; a swipe's end and its vector;
        scroll direction and key one-hot; the length of its text.
    """
    values = {f"type_{action.type}": 1.0}
    point = _point(action, elements)
    if point is not None:
        values |= {"has_point": 1.0, "x": point[0], "y": point[1]}
    if isinstance(action, Swipe):
        (x, y), (end_x, end_y) = action.start, action.end
        values |= {"swipe_end_x": end_x, "swipe_end_y": end_y}
        values |= {"swipe_dx": end_x - x, "swipe_dy": end_y - y}
    if isinstance(action, Scroll):
        values[f"scroll_{action.direction}"] = 1.0
    if isinstance(action, PressKey):
        values[f"key_{action.key}"] = 1.0
    else:
        length = sum(len(getattr(action, name, "")) for name in TEXT_FIELDS)
        if length:
            values |= {"has_text": 1.0, "text_length": float(np.log1p(length))}
            values["text_length"] /= float(np.log1p(TEXT_SCALE))
    vector = np.zeros(GEOMETRY_SIZE, dtype=np.float32)
    for name, value in values.items():
        vector[_COLUMN[name]] = value
    return vector


def _point(action: Action, elements: Sequence[UIElement]) -> Point | None:
    """The point acted on; None where there is none or the element does not exist."""
    if isinstance(action, Swipe):
        return action.start
    point: Point | None = getattr(action, "point", None)
    index: int | None = getattr(action, "element", None)
    if point is not None or index is None:
        return point
    return next((element.center for element in elements if element.index == index), None)
