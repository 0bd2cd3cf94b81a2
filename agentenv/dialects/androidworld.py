"""The `androidworld` dialect: the JSON of AndroidWorld's agents M3A and T3A.

``Reason: The button opens the menu.``
``Action: {"action_type": "click", "index": 3}``
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from agentenv.actions import (
    Action,
    Answer,
    Direction,
    DoubleTap,
    ElementIndex,
    Finish,
    InputText,
    LongPress,
    OpenApp,
    Point,
    PressKey,
    Scroll,
    ShortText,
    Swipe,
    Tap,
    Wait,
)
from agentenv.dialects.base import Scaled
from agentenv.dialects.parsing import (
    OutputError,
    after_heading,
    after_thinking,
    cut,
    first_object,
    parse_with,
    printable,
)
from agentenv.errors import ConfigError

HEADING = "Action:"
EXAMPLE = 'Action: {"action_type": "click", "index": 3}'

KEYS: dict[str, str] = {
    "enter": "keyboard_enter",
    "home": "navigate_home",
    "back": "navigate_back",
}
"""The keys that can be pressed -> the action types that press them."""
SWIPES: dict[str, tuple[Point, Point]] = {
    "up": ((0.5, 1.0), (0.5, 0.0)),
    "down": ((0.5, 0.0), (0.5, 1.0)),
    "left": ((1.0, 0.5), (0.0, 0.5)),
    "right": ((0.0, 0.5), (1.0, 0.5)),
}
"""Where the finger goes: across the whole screen. (AndroidWorld's own left goes right.)"""

_BEGINNINGS = ("{", "Reason:", HEADING)
_Number = Annotated[float, Field(allow_inf_nan=False)]


def _number_as_text(value: Any) -> Any:
    return str(value) if type(value) in (int, float) else value


def _digits_as_number(value: Any) -> Any:
    short = isinstance(value, str) and len(value) <= 4
    return int(value) if short and value.isascii() and value.isdecimal() else value


class _Fields(BaseModel):
    """The action's fields; which of them are needed depends on `action_type`."""

    model_config = ConfigDict(extra="forbid", strict=True)
    action_type: str
    index: Annotated[ElementIndex | None, BeforeValidator(_digits_as_number)] = None
    x: _Number | None = None
    y: _Number | None = None
    text: Annotated[ShortText | None, BeforeValidator(_number_as_text)] = None
    clear_text: bool | None = None
    direction: Direction | None = None
    app_name: ShortText | None = None
    goal_status: Literal["complete", "infeasible"] | None = None


class AndroidWorld(Scaled):
    """AndroidWorld's actions.

    Labels are not written. Two things differ from AndroidWorld's own environment: typing
    replaces what the field holds unless `clear_text` is false, and does not press enter;
    and an answer ends the episode.

    Args:
        width: the x that means the right edge, of the screen in pixels. The default is
            the Pixel 6 of AndroidWorld's emulator.
        height: the y that means the bottom edge.
    """

    name = "androidworld"

    def __init__(self, width: int = 1080, height: int = 2400) -> None:
        super().__init__(width, height)

    def parse(self, text: str | bytes) -> Action:
        """The first JSON object after "Action:" as an action, else `Invalid`.

        The heading may be missing; a reason before it is skipped.
        """
        return parse_with(self._read, text)

    def print(self, action: Action) -> str:
        """The action as AndroidWorld's agents write it, without a reason.

        Raises:
            ConfigError: AndroidWorld has no words for it: scrolling at a point, swipes
                other than `SWIPES`, keys other than `KEYS`, waiting for other than a
                second, actions beyond those of `instructions`.
        """
        text = f"{HEADING} {json.dumps(self._fields(action), ensure_ascii=False)}"
        return printable(text)

    def instructions(self, action_types: tuple[str, ...]) -> str:
        """The actions as a prompt lists them; those it has no words for are left out."""
        lines = [
            f'{{"action_type": {form}}} - {use}'
            for name in action_types
            for form, use in _FORMS.get(name, ())
        ]
        return (
            "Answer with a reason and the next action, in this form:\n"
            'Reason: ...\nAction: {"action_type": ...}\n\n'
            "The action is one of these; a field marked ? may be left out. In place of an "
            'index in the list of elements, "x" and "y" may be given (not to scroll), '
            f"from 0, 0 top left to {self.width}, {self.height} bottom right.\n" + "\n".join(lines)
        )

    def _read(self, text: str) -> Action:
        rest = after_heading(after_thinking(text, _BEGINNINGS), HEADING, r"[^{\w]*(?:json\s*)?\{")
        found = first_object(rest, EXAMPLE)
        return self._action(_Fields.model_validate_json(json.dumps(found)))

    def _action(self, given: _Fields) -> Action:
        match given.action_type:
            case "click":
                return Tap(**self._target(given))
            case "long_press":
                return LongPress(**self._target(given))
            case "double_tap":
                return DoubleTap(**self._target(given))
            case "scroll":
                if given.x is not None or given.y is not None:
                    raise OutputError("scroll: give an index, or no place at all")
                return Scroll(direction=_need(given, "direction"), element=given.index)
            case "swipe":
                start, end = SWIPES[_need(given, "direction")]
                return Swipe(start=start, end=end)
            case "input_text":
                return InputText(
                    text=_need(given, "text"),
                    clear=given.clear_text is not False,
                    **self._target(given, needed=False),
                )
            case "keyboard_enter":
                return PressKey(key="enter")
            case "navigate_home":
                return PressKey(key="home")
            case "navigate_back":
                return PressKey(key="back")
            case "open_app":
                return OpenApp(app=_need(given, "app_name"))
            case "wait":
                return Wait()
            case "answer":
                return Answer(text=_need(given, "text"))
            case "status":
                return Finish(success=_need(given, "goal_status") == "complete")
        names = ", ".join(_TYPES)
        raise OutputError(f"action_type: unknown {cut(given.action_type)!r}; one of {names}")

    def _target(self, given: _Fields, *, needed: bool = True) -> dict[str, Any]:
        x, y = given.x, given.y
        if given.index is not None and x is None and y is None:
            return {"element": given.index}
        if given.index is not None or (x is None) != (y is None) or (needed and x is None):
            raise OutputError(f"{given.action_type}: give either index, or both x and y")
        if x is None or y is None:
            return {}
        if not (0 <= x <= self.width and 0 <= y <= self.height):
            raise OutputError(f"x, y: outside the screen, 0, 0 to {self.width}, {self.height}")
        return {"point": (x / self.width, y / self.height)}

    def _fields(self, action: Action) -> dict[str, Any]:
        match action:
            case Tap():
                return {"action_type": "click", **self._place(action)}
            case LongPress():
                return {"action_type": "long_press", **self._place(action)}
            case DoubleTap():
                return {"action_type": "double_tap", **self._place(action)}
            case Scroll(point=None, direction=direction):
                return {
                    "action_type": "scroll",
                    "direction": direction,
                    **self._place(action),
                }
            case Swipe(start=start, end=end) if (start, end) in _DIRECTIONS:
                return {"action_type": "swipe", "direction": _DIRECTIONS[start, end]}
            case InputText(text=text, clear=clear):
                appends = {} if clear else {"clear_text": False}
                return {
                    "action_type": "input_text",
                    "text": text,
                    **self._place(action),
                    **appends,
                }
            case PressKey(key=key) if key in KEYS:
                return {"action_type": KEYS[key]}
            case OpenApp(app=app):
                return {"action_type": "open_app", "app_name": app}
            case Wait() if action == Wait():
                return {"action_type": "wait"}
            case Answer(text=text):
                return {"action_type": "answer", "text": text}
            case Finish(success=success):
                status = "complete" if success else "infeasible"
                return {"action_type": "status", "goal_status": status}
        raise ConfigError(f"{self.name} has no words for this {action.type!r}")

    def _place(self, action: Tap | LongPress | DoubleTap | Scroll | InputText) -> dict[str, int]:
        if action.element is not None:
            return {"index": action.element}
        if action.point is None:
            return {}
        x, y = action.point
        return {"x": round(x * self.width), "y": round(y * self.height)}


def _need(given: _Fields, field: str) -> Any:
    value = getattr(given, field)
    if value is None:
        raise OutputError(f"{field}: missing; {given.action_type} needs it")
    return value


_DIRECTIONS = {way: direction for direction, way in SWIPES.items()}
_WAYS = '"direction": "up"|"down"|"left"|"right"'
_FORMS: dict[str, tuple[tuple[str, str], ...]] = {
    "tap": (('"click", "index": 3', "tap it"),),
    "long_press": (('"long_press", "index": 3', "press and hold it"),),
    "double_tap": (('"double_tap", "index": 3', "tap it twice"),),
    "swipe": ((f'"swipe", {_WAYS}', "move a finger across the screen"),),
    "scroll": ((f'"scroll", {_WAYS}, "index"?: 3', "show what lies further in that direction"),),
    "input_text": (
        (
            '"input_text", "text": "...", "index"?: 3, "clear_text"?: false',
            "type into a field, by default the focused one, replacing its text unless "
            "clear_text is false",
        ),
    ),
    "press_key": tuple((f'"{name}"', f"press {key}") for key, name in KEYS.items()),
    "open_app": (('"open_app", "app_name": "..."', "open an app by its name"),),
    "wait": (('"wait"', "let the device run for a second"),),
    "answer": (('"answer", "text": "..."', "answer the question of the goal; ends the episode"),),
    "finish": (
        ('"status", "goal_status": "complete"', "the task is done; ends the episode"),
        ('"status", "goal_status": "infeasible"', "it cannot be done; ends the episode"),
    ),
}
"""Our action type -> what follows `action_type` in each of its forms, and what that does."""
_TYPES = dict.fromkeys(form.split('"')[1] for forms in _FORMS.values() for form, _ in forms)
