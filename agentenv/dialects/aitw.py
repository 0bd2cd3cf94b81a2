"""The `aitw` dialect: Android in the Wild as Auto-UI, DigiRL and Digi-Q write it.

``Action Plan: [DUAL_POINT] ; Action Decision: "action_type": "DUAL_POINT",``
``"touch_point": "[0.7700, 0.7100]", "lift_point": "[0.7700, 0.7100]", "typed_text": ""``
"""

from __future__ import annotations

import math
import re

from agentenv.actions import Action, Finish, InputText, Point, PressKey, Swipe, Tap
from agentenv.dialects.parsing import (
    OutputError,
    after_heading,
    after_thinking,
    coordinates,
    cut,
    parse_with,
    printable,
)
from agentenv.dialects.quoted import quote, read_quoted, refuse_more
from agentenv.errors import ConfigError

PLAN, HEADING = "Action Plan:", "Action Decision:"
EXAMPLE = (
    f'{HEADING} "action_type": "DUAL_POINT", "touch_point": "[0.77, 0.71]", '
    '"lift_point": "[0.77, 0.71]", "typed_text": ""'
)
TAP_DISTANCE = 0.04
"""A gesture that ends this close to its start, or closer, is a tap."""
DECIMALS = 4
"""Digits after the point of printed coordinates; the resolution of the round trip."""

KEYS: dict[str, str] = {"back": "PRESS_BACK", "home": "PRESS_HOME", "enter": "PRESS_ENTER"}
"""The keys that can be pressed -> the action types that press them."""

_FIELDS = ("action_type", "touch_point", "lift_point", "typed_text")
_NOWHERE = "[-1.0, -1.0]"
_BEGINNINGS = (PLAN, HEADING, '"action_type"', "{")
_KEY = re.compile(r"[\s,{]*[\"'](\w+)[\"']\s*:\s*")
# Where quoted text ends: another field follows, or the answer is over.
_ENDING = re.compile(r"\s*,\s*[\"']\w+[\"']\s*:|[^\S\n]*(?:[}<`\n]|\Z)")
_UNQUOTED = re.compile(r"\[[^\[\]]*\]|[^\s,{}\[\]\"']+")


class Aitw:
    """Android in the Wild's actions, all of which are gestures, typing, or three keys.

    Points are written y first, as fractions of the screen, and of the plan only the action
    at hand. Targets are points (`agentenv.tasks.targets.at_center` turns an element into
    one) and labels are not written. Typing replaces what the focused field holds. A
    comma, a quotation mark or a line break in typed text survives: it is written with a
    backslash where it must be.
    """

    name = "aitw"

    def parse(self, text: str | bytes) -> Action:
        """The fields after "Action Decision:" as an action, else `Invalid`.

        The heading may be missing; the plan before it is skipped.
        """
        return parse_with(_read, text)

    def print(self, action: Action) -> str:
        """The action as a plan of one and a decision.

        Raises:
            ConfigError: Android in the Wild has no words for it: element targets, targeted
                or appending text input, swipes so short that they are taps, keys other
                than `KEYS`, actions beyond those of `instructions`.
        """
        kind, start, end, typed = _gesture(action)
        quoted = quote(typed, '"')
        text = (
            f'{PLAN} [{kind}] ; {HEADING} "action_type": "{kind}", '
            f'"touch_point": "{start}", "lift_point": "{end}", "typed_text": {quoted}'
        )
        return printable(text)

    def instructions(self, action_types: tuple[str, ...]) -> str:
        """The action types as a prompt lists them; actions that have none are left out."""
        lines = [f"{kind}: {use}" for name in action_types for kind, use in _KINDS.get(name, ())]
        return (
            "Answer with the types of the actions that you plan, the next one first, and the "
            f"next action, in this form:\n{PLAN} [DUAL_POINT,PRESS_BACK] ; {EXAMPLE}\n\n"
            "A point is [y, x], from [0, 0] top left to [1, 1] bottom right, or "
            f'{_NOWHERE} where none is needed. Write \\" for a quotation mark in typed text. '
            "The action types:\n" + "\n".join(lines)
        )


def _read(text: str) -> Action:
    rest = after_heading(after_thinking(text, _BEGINNINGS), HEADING, r"\W*action_type")
    fields = _read_fields(rest)
    kind = _need(fields, "action_type")
    match kind:
        case "DUAL_POINT":
            start, end = _point(fields, "touch_point"), _point(fields, "lift_point")
            return Tap(point=start) if _is_tap(start, end) else Swipe(start=start, end=end)
        case "TYPE":
            return InputText(text=_need(fields, "typed_text"))
        case "PRESS_BACK":
            return PressKey(key="back")
        case "PRESS_HOME":
            return PressKey(key="home")
        case "PRESS_ENTER":
            return PressKey(key="enter")
        case "STATUS_TASK_COMPLETE" | "TASK_COMPLETE":
            return Finish()
        case "STATUS_TASK_IMPOSSIBLE" | "TASK_IMPOSSIBLE":
            return Finish(success=False)
    names = dict.fromkeys(kind for kinds in _KINDS.values() for kind, _ in kinds)
    raise OutputError(f"action_type: unknown {cut(kind)!r}; one of {', '.join(names)}")


def _read_fields(text: str) -> dict[str, str]:
    """The fields that the text begins with, their values as texts."""
    fields: dict[str, str] = {}
    position = 0
    while (key := _KEY.match(text, position)) is not None:
        name = key[1]
        if name not in _FIELDS:
            raise OutputError(f"no field {cut(name)!r}; there are {', '.join(_FIELDS)}")
        if name in fields:
            raise OutputError(f"{name}: given twice")
        start = key.end()
        if text[start : start + 1] in ("'", '"'):
            fields[name], position = read_quoted(text, start, _ENDING)
        elif (value := _UNQUOTED.match(text, start)) is not None:
            fields[name], position = value[0], value.end()
        else:
            raise OutputError(f'{name}: write its value as "{name}": "..."')
    if not fields:
        raise OutputError(f"no action in the output; write one like {EXAMPLE}")
    refuse_more(text, position)
    return fields


def _need(fields: dict[str, str], name: str) -> str:
    if name not in fields:
        raise OutputError(f"{name}: missing")
    return fields[name]


def _point(fields: dict[str, str], name: str) -> Point:
    numbers = coordinates(_need(fields, name))
    if len(numbers) != 2 or not all(0 <= number <= 1 for number in numbers):
        raise OutputError(f"{name}: write [y, x], from [0, 0] to [1, 1]")
    y, x = numbers
    return (x, y)


def _is_tap(start: Point, end: Point) -> bool:
    return math.dist(start, end) <= TAP_DISTANCE


def _gesture(action: Action) -> tuple[str, str, str, str]:
    """The four fields: type, touch point, lift point, typed text."""
    match action:
        case Tap(point=point) if point is not None:
            return "DUAL_POINT", _yx(point), _yx(point), ""
        case Swipe(start=start, end=end):
            if _is_tap(_rounded(start), _rounded(end)):
                raise ConfigError(f"{Aitw.name} would read a swipe as short as this as a tap")
            return "DUAL_POINT", _yx(start), _yx(end), ""
        case InputText():
            if action.element is not None or action.point is not None or not action.clear:
                raise ConfigError(
                    f"{Aitw.name} types into the focused field and replaces its text: "
                    "tap the field first, then type without a target"
                )
            return "TYPE", _NOWHERE, _NOWHERE, action.text
        case PressKey(key=key) if key in KEYS:
            return KEYS[key], _NOWHERE, _NOWHERE, ""
        case Finish(success=success):
            kind = "STATUS_TASK_COMPLETE" if success else "STATUS_TASK_IMPOSSIBLE"
            return kind, _NOWHERE, _NOWHERE, ""
    if getattr(action, "element", None) is not None:
        raise ConfigError(f"{Aitw.name} has no words for elements; see at_center")
    raise ConfigError(f"{Aitw.name} has no words for this {action.type!r}")


def _rounded(point: Point) -> Point:
    return (round(point[0], DECIMALS), round(point[1], DECIMALS))


def _yx(point: Point) -> str:
    return f"[{point[1]:.{DECIMALS}f}, {point[0]:.{DECIMALS}f}]"


_KINDS: dict[str, tuple[tuple[str, str], ...]] = {
    "tap": (("DUAL_POINT", "touch and lift at the same point to tap it"),),
    "swipe": (("DUAL_POINT", "touch at one point and lift at another to swipe"),),
    "input_text": (("TYPE", "type typed_text into the focused field"),),
    "press_key": tuple((kind, f"press {key}") for key, kind in KEYS.items()),
    "finish": (
        ("STATUS_TASK_COMPLETE", "the task is done"),
        ("STATUS_TASK_IMPOSSIBLE", "the task cannot be done"),
    ),
}
"""Our action type -> the action types for it, and what each does."""
