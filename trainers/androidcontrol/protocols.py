"""When an action counts as the demonstrated one: the rules that published numbers are by.

They differ in where a click is right. Everything else is compared alike: scrolls by direction
(a swipe counts as the scroll that it causes), apps by their letters and digits, typed text by
its words, whatever their case.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agentenv.actions import (
    Action,
    Direction,
    InputText,
    LongPress,
    Point,
    PressKey,
    Scroll,
    Swipe,
    Tap,
)
from agentenv.errors import ActionError
from agentenv.observations import Bounds, UIElement
from agentenv.tasks.targets import at_center, element_at
from trainers.craft_gui.matching import argument_score, swipe_direction

_OPPOSITE: dict[Direction, Direction] = {
    "up": "down",
    "down": "up",
    "left": "right",
    "right": "left",
}


@dataclass(frozen=True)
class Place:
    """Where the demonstrated click was."""

    point: Point
    box: Bounds | None
    """Of the smallest element there; None where the tree has none."""
    size: tuple[int, int]
    """(width, height) of the screen in pixels."""


def strict_bbox(point: Point, place: Place) -> bool:
    """Inside the box of the element; without a box, at the very point."""
    return point == place.point if place.box is None else _inside(point, place.box)


def qwen(point: Point, place: Place) -> bool:
    """Inside the box enlarged 1.2 times about its centre, or within 0.04 of the screen's
    larger side."""
    if place.box is not None:
        left, top, right, bottom = place.box
        x, y = 0.1 * (right - left), 0.1 * (bottom - top)
        if _inside(point, (left - x, top - y, right + x, bottom + y)):
            return True
    width, height = place.size
    dx, dy = point[0] - place.point[0], point[1] - place.point[1]
    return math.hypot(dx * width, dy * height) <= 0.04 * max(width, height)


def r14(point: Point, place: Place) -> bool:
    """Within 0.14, width and height both counting as 1; boxes do not matter."""
    return math.dist(point, place.point) < 0.14


PROTOCOLS: dict[str, Callable[[Point, Place], bool]] = {
    "strict_bbox": strict_bbox,
    "qwen_1.2x_0.04": qwen,
    "r14": r14,
}
"""Name -> whether a click, or long press, is right."""


@dataclass(frozen=True)
class Match:
    """How an action compares with the demonstrated one."""

    type: bool
    arguments: bool
    click: bool
    """Whether a click was demonstrated: those count for grounding."""


def compare(
    action: Action,
    reference: Action,
    elements: Sequence[UIElement],
    size: tuple[int, int],
    protocol: Callable[[Point, Place], bool],
) -> Match:
    """One step by one protocol.

    Args:
        action: the policy's; `Invalid` is wrong.
        reference: the demonstrated one.
        elements: of the screen.
        size: (width, height) of the screen in pixels.
        protocol: one of `PROTOCOLS`.
    """
    action = _as_scroll(action)
    click = isinstance(reference, Tap)
    if _name(action) != _name(reference):
        return Match(False, False, click)
    if isinstance(reference, Tap | LongPress):
        return Match(True, _same_place(action, reference, elements, size, protocol), click)
    if isinstance(action, InputText) and isinstance(reference, InputText):
        # Where it is typed was a click of its own.
        action, reference = InputText(text=action.text), InputText(text=reference.text)
    return Match(True, argument_score(action, reference, elements) == 1, click)


def _same_place(
    action: Action,
    reference: Tap | LongPress,
    elements: Sequence[UIElement],
    size: tuple[int, int],
    protocol: Callable[[Point, Place], bool],
) -> bool:
    try:
        aimed = at_center(action, elements)
    except ActionError:  # no such element
        return False
    point: Point | None = getattr(aimed, "point", None)
    if point is None or reference.point is None:
        return False
    there = element_at(reference.point, elements)
    return protocol(point, Place(reference.point, there.bounds if there else None, size))


def _name(action: Action) -> str:
    """AndroidControl has an action for each button."""
    return f"press {action.key}" if isinstance(action, PressKey) else action.type


def _as_scroll(action: Action) -> Action:
    """The finger moves against what it shows."""
    if isinstance(action, Swipe):
        return Scroll(direction=_OPPOSITE[swipe_direction(action)])
    return Scroll(direction=action.direction) if isinstance(action, Scroll) else action


def _inside(point: Point, box: Bounds) -> bool:
    return box[0] <= point[0] <= box[2] and box[1] <= point[1] <= box[3]
