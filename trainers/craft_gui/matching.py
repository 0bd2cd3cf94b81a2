"""How well an action agrees with the one that was demonstrated in the same state."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from agentenv.actions import TARGET_FIELDS, Action, Direction, Point, Scroll, Swipe
from agentenv.observations import UIElement
from agentenv.tasks.targets import aimed

TOLERANCE = 0.04
"""Distance, in widths and heights of the screen, at which two points are still the same."""


def argument_score(
    action: Action,
    reference: Action,
    elements: Sequence[UIElement],
    *,
    tolerance: float = TOLERANCE,
) -> float:
    """How right everything but the action's type is.

    Args:
        action: the policy's.
        reference: the demonstrated one.
        elements: of the screen that both answer.
        tolerance: of points, as a fraction of the screen.

    Returns:
        In [0, 1]: the product over what the reference says. A place is right (1) inside the
        target's box, or within `tolerance` of its point; a swipe or scroll by its direction;
        typed text by `token_f1`; names of apps and files if they are the same letters and
        digits; the rest if it is equal. 0 for actions of different types.
    """
    if type(action) is not type(reference):
        return 0.0
    if isinstance(action, Swipe) and isinstance(reference, Swipe):
        return float(swipe_direction(action) == swipe_direction(reference))
    fields = type(reference).model_fields
    scores = [
        compare(getattr(action, name), getattr(reference, name))
        for name, compare in COMPARED.items()
        if name in fields
    ]
    if not isinstance(reference, Scroll):
        scores += [
            _same_place(action, reference, elements, by_index, by_point, tolerance)
            for _, by_index, by_point in TARGET_FIELDS
            if by_index in fields
        ]
    return math.prod(scores)


def token_f1(text: str, reference: str) -> float:
    """Words that two texts share: the harmonic mean of precision and recall, in [0, 1];
    1 where both are empty. Case does not matter."""
    said, expected = Counter(text.casefold().split()), Counter(reference.casefold().split())
    if not said or not expected:
        return float(said == expected)
    shared = (said & expected).total()
    return 2 * shared / (said.total() + expected.total())


def swipe_direction(swipe: Swipe) -> Direction:
    """Where the finger moves, mostly."""
    dx, dy = swipe.end[0] - swipe.start[0], swipe.end[1] - swipe.start[1]
    if abs(dx) > abs(dy):
        return "right" if dx > 0 else "left"
    return "down" if dy > 0 else "up"


def _same_name(name: str, reference: str) -> float:
    return float(_letters(name) == _letters(reference))


def _letters(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())


def _equal(value: Any, reference: Any) -> float:
    return float(value == reference)


COMPARED: dict[str, Callable[[Any, Any], float]] = {
    "text": token_f1,
    "question": token_f1,
    "value": token_f1,
    "app": _same_name,
    "name": _same_name,
    "url": _same_name,
    "resource": _same_name,
    "key": _equal,
    "direction": _equal,
    "success": _equal,
    "permission": _equal,
}
"""How each field of an action is compared. The others (labels, reasons, seconds) are free."""


def _same_place(
    action: Action,
    reference: Action,
    elements: Sequence[UIElement],
    by_index: str,
    by_point: str,
    tolerance: float,
) -> float:
    """0 or 1."""
    expected = _point(reference, elements, by_index, by_point)
    # A demonstrated point stands for the element that lies there, where there is one.
    index = getattr(aimed(reference, elements) if by_index == "element" else reference, by_index)
    if index is None and expected is None:
        return 1.0  # the reference leaves it open
    if index is not None and getattr(action, by_index) == index:
        return 1.0
    place = _point(action, elements, by_index, by_point)
    if place is None:
        return 0.0
    box = next((element.bounds for element in elements if element.index == index), None)
    if box and box[0] <= place[0] <= box[2] and box[1] <= place[1] <= box[3]:
        return 1.0
    named = getattr(reference, by_index) is not None  # then its box decides, not its centre
    return float(not named and expected is not None and math.dist(place, expected) <= tolerance)


def _point(
    action: Action, elements: Sequence[UIElement], by_index: str, by_point: str
) -> Point | None:
    """Where an action acts: its point, or its element's centre; without either, the field
    that typing goes to."""
    point: Point | None = getattr(action, by_point)
    index = getattr(action, by_index)
    if point is None and index is None and by_index == "element":
        index = getattr(aimed(action, elements), by_index)
    found = next((element for element in elements if element.index == index), None)
    return found.center if point is None and found else point
