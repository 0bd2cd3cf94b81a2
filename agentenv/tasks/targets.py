"""Aiming at elements: how every script, oracle and candidate names its target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from agentenv.actions import (
    ACTION_ADAPTER,
    TARGET_FIELDS,
    Action,
    InputText,
    Invalid,
    Point,
    Scroll,
)
from agentenv.errors import ActionError
from agentenv.observations import UIElement

PLACE_MATTERS = frozenset({"img", "slider", "iframe", "region", "progressbar"})
"""Roles of elements that are not one target: where in them one acts decides."""
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


def missing_element(action: Action, elements: Sequence[UIElement]) -> int | None:
    """Index of an element that the action is aimed at and that is not there."""
    named = [getattr(action, by_index, None) for _, by_index, _ in TARGET_FIELDS]
    there = {None, *(element.index for element in elements)}
    return next((index for index in named if index not in there), None)


def does_nothing(action: Action, elements: Sequence[UIElement]) -> bool:
    """Whether that can be told beforehand: it did not parse, or its element is not there."""
    return isinstance(action, Invalid) or missing_element(action, elements) is not None


def at_center(action: Action, elements: Sequence[UIElement]) -> Action:
    """The same action aimed at its elements' centres, for dialects that only know points.

    Actions without an element target are returned as they are.

    Raises:
        ActionError: no such element.
    """
    missing = missing_element(action, elements)
    if missing is not None:
        raise ActionError(f"no element {missing}; there are {len(elements)}")
    found = {element.index: element for element in elements}
    update: dict[str, object] = {}
    for _, by_index, by_point in TARGET_FIELDS:
        index = getattr(action, by_index, None)
        if index is not None:
            x, y = found[index].center
            update |= {by_index: None, by_point: (min(max(x, 0.0), 1.0), min(max(y, 0.0), 1.0))}
    return action.model_copy(update=update) if update else action


def relabelled(action: Action, elements: Sequence[UIElement]) -> Action:
    """The same action with its elements called by their own names, whatever it called them."""
    found = {element.index: element for element in elements}
    update: dict[str, object] = {}
    for by_label, by_index, _ in TARGET_FIELDS:
        index = getattr(action, by_index, None)
        if index in found:
            update[by_label] = label_of(found[index])
    return action.model_copy(update=update) if update else action


def aimed(action: Action, elements: Sequence[UIElement]) -> Action:
    """What a person did at a point as an agent would say it: by element and label.

    A point on an element becomes that element, unless the exact place matters; a scroll
    turns what can be scrolled there; typing without a target goes to the focused field.
    Labels are filled in. An action with no element to name is returned as it is.
    """
    if not {"element", "point", "label"} <= type(action).model_fields.keys():
        return action
    found = _aimed_at(action, elements)
    if found is None:
        return action
    fields = action.model_dump()
    keep_point = fields["point"] is not None and found.role in PLACE_MATTERS
    if not keep_point or isinstance(action, Scroll):
        fields |= {"element": found.index, "point": None}
    return ACTION_ADAPTER.validate_python(fields | {"label": label_of(found)})


def element_at(point: Point, elements: Sequence[UIElement]) -> UIElement | None:
    """The smallest element that lies there; of equally small ones the topmost."""
    x, y = point
    best: tuple[float, UIElement] | None = None
    for element in elements:
        left, top, right, bottom = element.bounds
        area = (right - left) * (bottom - top)
        if left <= x <= right and top <= y <= bottom and (best is None or area <= best[0]):
            best = (area, element)
    return best[1] if best else None


def _aimed_at(action: Action, elements: Sequence[UIElement]) -> UIElement | None:
    index, point = getattr(action, "element", None), getattr(action, "point", None)
    if isinstance(action, Scroll):
        elements = [element for element in elements if element.scrollable]
    if index is not None:
        return next((element for element in elements if element.index == index), None)
    if point is not None:
        return element_at(point, elements)
    if isinstance(action, InputText):
        return next((element for element in elements if element.focused), None)
    return None
