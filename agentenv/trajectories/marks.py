"""What an action looks like on a screenshot, and in words: shared by every picture of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from agentenv.actions import (
    TARGET_FIELDS,
    Action,
    Answer,
    AskUser,
    ChooseFile,
    DoubleTap,
    Drag,
    Finish,
    Hover,
    InputText,
    Invalid,
    LongPress,
    Navigate,
    OpenApp,
    Point,
    PressKey,
    ReadProfile,
    RequestPermission,
    SaveProfile,
    Scroll,
    Swipe,
    Tap,
    Wait,
)
from agentenv.observations import Bounds, UIElement

SCROLL_LENGTH = 0.3
"""Length of the arrow that stands for a scroll, as a fraction of the screen."""

_POINT_WORDS = {"tap": "", "long_press": "hold", "double_tap": "×2", "hover": "hover"}
_DIRECTIONS = {"up": (0.0, -1.0), "down": (0.0, 1.0), "left": (-1.0, 0.0), "right": (1.0, 0.0)}


@dataclass(frozen=True)
class Mark:
    """How an action is drawn."""

    kind: Literal["point", "arrow", "text", "note"]
    """A ring at `start`; an arrow from `start` to `end`; a bubble with `text` at
    `start`; or, for actions without a place, a caption with `text`."""
    text: str
    start: Point | None = None
    end: Point | None = None
    bounds: Bounds | None = None
    """Of the element the action targets, if it names one."""


def mark_of(action: Action, elements: Sequence[UIElement] = (), sent: Action | None = None) -> Mark:
    """How to draw an action.

    Args:
        action: what the agent chose.
        elements: of the observation it chose from, to find its target.
        sent: what the device really did; where it has a point, that is the place.
    """
    place, bounds = _place(action, elements, sent, "element", "point")
    match action:
        case Swipe(start=start, end=end):
            return Mark("arrow", "", start, end)
        case Drag() if place:
            drop, _ = _place(action, elements, sent, "to_element", "to_point")
            return Mark("arrow", "", place, drop or place, bounds)
        case Scroll(direction=direction):
            start, end = _scroll_arrow(place or (0.5, 0.5), direction)
            return Mark("arrow", "", start, end, bounds)
        case InputText(text=text):
            place = place or _focused(elements)
            return Mark("text" if place else "note", f"“{text}”", place, bounds=bounds)
        case ChooseFile(name=name):
            return Mark("text" if place else "note", name, place, bounds=bounds)
        case Tap() | LongPress() | DoubleTap() | Hover() if place:
            name = _POINT_WORDS[action.type]
            return Mark("point", name, place, bounds=bounds)
        case _:
            return Mark("note", describe(action))


def describe(action: Action) -> str:
    """An action in a few words, e.g. ``tap “Submit” [3]``."""
    target = _target_words(action)
    match action:
        case Tap() | LongPress() | DoubleTap() | Hover():
            return f"{action.type.replace('_', ' ')} {target}"
        case Swipe(start=start, end=end):
            return f"swipe {_point(start)} → {_point(end)}"
        case Scroll(direction=direction):
            return f"scroll {direction} {target}".rstrip()
        case InputText(text=text, clear=clear):
            into = f" into {target}" if target else ""
            return f"{'type' if clear else 'append'} “{text}”{into}"
        case Drag():
            return f"drag {target} → {_target_words(action, *TARGET_FIELDS[1])}"
        case ChooseFile(name=name):
            return f"choose file “{name}” {f'for {target}' if target else ''}".rstrip()
        case PressKey(key=key):
            return f"press {key.replace('_', ' ')}"
        case OpenApp(app=name):
            return f"open {name}"
        case Navigate(url=url):
            return f"go to {url}"
        case Wait(seconds=seconds):
            return f"wait {seconds:g} s"
        case Answer(text=text):
            return f"answer “{text}”"
        case Finish(success=success):
            return "finish" if success else "give up"
        case Invalid(reason=reason):
            return f"not an action: {reason}"
    return _describe_privacy(action)


def _describe_privacy(action: Action) -> str:
    match action:
        case RequestPermission(permission=permission, resource=resource):
            return f"ask permission: {permission.replace('_', ' ')} {resource}"
        case ReadProfile(key=key):
            return f"read profile: {key}"
        case SaveProfile(key=key, value=value):
            return f"save profile: {key} = “{value}”"
        case AskUser(question=question):
            return f"ask user: “{question}”"
    return action.type


def _place(
    action: Action,
    elements: Sequence[UIElement],
    sent: Action | None,
    by_index: str,
    by_point: str,
) -> tuple[Point | None, Bounds | None]:
    """Where these fields aim, and the bounds of the element they name."""
    index = getattr(action, by_index, None)
    element = next((element for element in elements if element.index == index), None)
    point: Point | None = getattr(sent, by_point, None) or getattr(action, by_point, None)
    if element is None:
        return point, None
    return point or element.center, element.bounds


def _target_words(
    action: Action, by_label: str = "label", by_index: str = "element", by_point: str = "point"
) -> str:
    label, element = getattr(action, by_label, ""), getattr(action, by_index, None)
    point: Point | None = getattr(action, by_point, None)
    words = [f"“{label}”"] if label else []
    if element is not None:
        words.append(f"[{element}]")
    if point is not None:
        words.append(_point(point))
    return " ".join(words)


def _point(point: Point) -> str:
    return f"({point[0]:.2f}, {point[1]:.2f})"


def _focused(elements: Sequence[UIElement]) -> Point | None:
    return next((element.center for element in elements if element.focused), None)


def _scroll_arrow(middle: Point, direction: str) -> tuple[Point, Point]:
    """An arrow around `middle` that stays on the screen."""
    dx, dy = (SCROLL_LENGTH / 2 * step for step in _DIRECTIONS[direction])
    x, y = (min(max(value, SCROLL_LENGTH / 2), 1 - SCROLL_LENGTH / 2) for value in middle)
    return (x - dx, y - dy), (x + dx, y + dy)
