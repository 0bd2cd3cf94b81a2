"""An action as a short vector of numbers, so that the critic sees where and which way.

A VLM's hidden state may not carry a swipe's direction or an exact point; a handful of
numbers beside it does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import numpy as np

from agentenv.actions import (
    ACTION_MODELS,
    TARGET_FIELDS,
    Action,
    Direction,
    Point,
    PressKey,
    Scroll,
    Swipe,
)
from agentenv.observations import UIElement
from agentenv.shortcuts import MODIFIERS, NAMED_KEYS, split_shortcut

ACTION_TYPES: tuple[str, ...] = (*ACTION_MODELS, "invalid")
DIRECTIONS: tuple[str, ...] = get_args(Direction)
KEYS: tuple[str, ...] = (*MODIFIERS, *NAMED_KEYS)
TEXT_FIELDS = ("text", "app", "url", "key", "value", "question", "resource")
"""Fields that hold words of the agent's own (a key pressed is told apart by `KEYS`)."""
TEXT_SCALE = 50.0
"""Characters at which the text length reaches 1 (log scale below and above)."""

GEOMETRY_NAMES: tuple[str, ...] = (
    *(f"type_{name}" for name in ACTION_TYPES),
    *("has_point", "x", "y"),
    *("end_x", "end_y", "dx", "dy"),
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
        on (a swipe's or drag's start) as fractions of the screen; its end and the vector
        between them; scroll direction one-hot; the key and its modifiers, of those with
        names; the length of its text.
    """
    values = {f"type_{action.type}": 1.0}
    start, end = _places(action, elements)
    if start is not None:
        values |= {"has_point": 1.0, "x": start[0], "y": start[1]}
    if end is not None:
        values |= {"end_x": end[0], "end_y": end[1]}
    if start is not None and end is not None:
        values |= {"dx": end[0] - start[0], "dy": end[1] - start[1]}
    if isinstance(action, Scroll):
        values[f"scroll_{action.direction}"] = 1.0
    if isinstance(action, PressKey):
        held, key = split_shortcut(action.key)
        values |= {f"key_{name}": 1.0 for name in (*held, key) if name in KEYS}
    else:
        length = sum(len(getattr(action, name, "")) for name in TEXT_FIELDS)
        if length:
            values |= {"has_text": 1.0, "text_length": float(np.log1p(length))}
            values["text_length"] /= float(np.log1p(TEXT_SCALE))
    vector = np.zeros(GEOMETRY_SIZE, dtype=np.float32)
    for name, value in values.items():
        vector[_COLUMN[name]] = value
    return vector


def _places(action: Action, elements: Sequence[UIElement]) -> tuple[Point | None, Point | None]:
    """Where an action acts and where it ends; None where it does not say, or where the
    element does not exist."""
    if isinstance(action, Swipe):
        return action.start, action.end
    centers: dict[int | None, Point] = {element.index: element.center for element in elements}
    places: list[Point | None] = [
        getattr(action, by_point, None) or centers.get(getattr(action, by_index, None))
        for _, by_index, by_point in TARGET_FIELDS
    ]
    return places[0], places[1]
