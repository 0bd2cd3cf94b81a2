"""The `qwen_mobile_use` dialect: the tool calls that Qwen-VL models are trained on.

``<tool_call>{"name": "mobile_use", "arguments": {"action": "click", "coordinate": [500, 300]}}
</tool_call>``
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from agentenv.actions import (
    ACTION_MODELS,
    Action,
    Answer,
    Finish,
    InputText,
    LongPress,
    OpenApp,
    Point,
    PressKey,
    ShortText,
    Swipe,
    Tap,
    Wait,
)
from agentenv.dialects.base import Scaled
from agentenv.dialects.parsing import (
    OutputError,
    after_thinking,
    cut,
    first_object,
    parse_with,
    printable,
)
from agentenv.errors import ConfigError

OPEN, CLOSE = "<tool_call>", "</tool_call>"
EXAMPLE = (
    OPEN
    + '{"name": "mobile_use", "arguments": {"action": "click", "coordinate": [500, 300]}}'
    + CLOSE
)
LONG_PRESS_SECONDS = 2

BUTTONS: dict[str, str] = {"Back": "back", "Home": "home", "Menu": "recents", "Enter": "enter"}
KEYS: dict[str, str] = {
    "tab": "tab",
    "escape": "escape",
    "del": "backspace",
    "forward_del": "delete",
    "space": "space",
    "dpad_up": "arrow_up",
    "dpad_down": "arrow_down",
    "dpad_left": "arrow_left",
    "dpad_right": "arrow_right",
    "page_up": "page_up",
    "page_down": "page_down",
    "move_end": "end",
}
"""Android's key event names (KEYCODE_DEL is the backspace key)."""
KEY_ALIASES: dict[str, str] = {"back": "back", "home": "home", "enter": "enter", **KEYS}
KEY_ALIASES["app_switch"] = "recents"

ACTION_NAMES: dict[str, str] = {
    "tap": "click",
    "long_press": "long_press",
    "swipe": "swipe",
    "input_text": "type",
    "press_key": "system_button",
    "open_app": "open",
    "wait": "wait",
    "answer": "answer",
    "finish": "terminate",
}
"""Our action type -> the tool's name for it; `press_key` is also called `key`."""

_Number = Annotated[float, Field(allow_inf_nan=False)]


class _Arguments(BaseModel):
    """The tool's arguments; which of them are needed depends on `action`."""

    model_config = ConfigDict(extra="forbid", strict=True)
    action: str
    coordinate: tuple[_Number, _Number] | None = None
    coordinate2: tuple[_Number, _Number] | None = None
    text: ShortText | None = None
    time: Annotated[float, Field(ge=0.0, le=60.0, allow_inf_nan=False)] | None = None
    button: str | None = None
    status: Literal["success", "failure"] | None = None


class QwenMobileUse(Scaled):
    """Qwen-VL's `mobile_use` tool.

    Targets are points only (`agentenv.tasks.targets.at_center` turns an element into
    one) and labels are not written. Typing replaces what the focused field holds.

    Args:
        width: the coordinate that means the right edge. The default suits Qwen3-VL,
            whose coordinates run from 0 to 999 on both axes whatever the screen's size;
            for Qwen2.5-VL give the size in pixels of the image the model sees.
        height: the coordinate that means the bottom edge.
    """

    name = "qwen_mobile_use"

    def __init__(self, width: int = 999, height: int = 999) -> None:
        super().__init__(width, height)

    def parse(self, text: str | bytes) -> Action:
        """The first tool call of the output as an action, else `Invalid`.

        The <tool_call> tags may be missing; thoughts before them are skipped.
        """
        return parse_with(self._read, text)

    def print(self, action: Action) -> str:
        """The action as a tool call, with the spaces and line breaks of Qwen's chat template.

        Raises:
            ConfigError: the tool has no words for it: element targets, targeted or
                appending text input, shortcuts, actions beyond `ACTION_NAMES`.
        """
        call = {"name": "mobile_use", "arguments": self._arguments(action)}
        text = f"{OPEN}\n{json.dumps(call, ensure_ascii=False)}\n{CLOSE}"
        return printable(text)

    def instructions(self, action_types: tuple[str, ...]) -> str:
        """The tool's description; actions it has no words for are left out."""
        known = [name for name in action_types if name in ACTION_NAMES]
        lines = [f"* `{ACTION_NAMES[name]}`: {ACTION_MODELS[name].summary}" for name in known]
        if "press_key" in known:
            lines.append("* `key`: press a key by Android's name for it")
        function = {
            "name": "mobile_use",
            "description": (
                "Use a touchscreen. The screen's resolution is "
                f"{self.width}x{self.height}; [0, 0] is the top left corner."
            ),
            "parameters": self._schema(known),
        }
        tool = json.dumps({"type": "function", "function": function})
        return (
            "# Tools\n\nYou may call this function:\n<tools>\n" + tool + "\n</tools>\n\n"
            "Its actions:\n" + "\n".join(lines) + "\n\n"
            f"Answer with one call inside {OPEN}{CLOSE} tags:\n{EXAMPLE}"
        )

    def _schema(self, action_types: list[str]) -> dict[str, Any]:
        names = [ACTION_NAMES[name] for name in action_types]
        if "press_key" in action_types:
            names.append("key")
        uses: dict[str, tuple[dict[str, Any], set[str]]] = {
            "coordinate": (
                {"type": "array", "description": "[x, y]: where, or where a swipe starts"},
                {"click", "long_press", "swipe"},
            ),
            "coordinate2": (
                {"type": "array", "description": "[x, y]: where a swipe ends"},
                {"swipe"},
            ),
            "text": (
                {"type": "string", "description": f"key: one of {', '.join(KEYS)}"},
                {"type", "open", "answer", "key"},
            ),
            "time": ({"type": "number", "description": "seconds"}, {"long_press", "wait"}),
            "button": ({"type": "string", "enum": list(BUTTONS)}, {"system_button"}),
            "status": ({"type": "string", "enum": ["success", "failure"]}, {"terminate"}),
        }
        properties: dict[str, Any] = {"action": {"type": "string", "enum": names}}
        for name, (schema, users) in uses.items():
            needed_by = [user for user in names if user in users]
            if needed_by:
                note = f"Needed by {', '.join(needed_by)}. " + schema.get("description", "")
                properties[name] = {**schema, "description": note.strip()}
        return {"type": "object", "properties": properties, "required": ["action"]}

    def _read(self, text: str) -> Action:
        rest = after_thinking(text)
        _, tagged, call = rest.partition(OPEN)
        found = first_object(call if tagged else rest, EXAMPLE)
        if found.get("name") != "mobile_use":
            raise OutputError('name: must be "mobile_use"')
        arguments = found.get("arguments")
        if not isinstance(arguments, dict):
            raise OutputError("arguments: must be an object with an action")
        return self._action(_Arguments.model_validate_json(json.dumps(arguments)))

    def _action(self, given: _Arguments) -> Action:
        match given.action:
            case "click" | "left_click":
                return Tap(point=self._point(given, "coordinate"))
            case "long_press":
                return LongPress(point=self._point(given, "coordinate"))
            case "swipe":
                start = self._point(given, "coordinate")
                return Swipe(start=start, end=self._point(given, "coordinate2"))
            case "type":
                return InputText(text=_need(given, "text"))
            case "key":
                return PressKey(key=_key(_need(given, "text")))
            case "system_button":
                return PressKey(key=_button(_need(given, "button")))
            case "open":
                return OpenApp(app=_need(given, "text"))
            case "wait":
                return Wait(seconds=_need(given, "time"))
            case "answer":
                return Answer(text=_need(given, "text"))
            case "terminate":
                return Finish(success=_need(given, "status") == "success")
        names = ", ".join([*ACTION_NAMES.values(), "key"])
        raise OutputError(f"action: unknown {cut(given.action)!r}; one of {names}")

    def _point(self, given: _Arguments, field: str) -> Point:
        x, y = _need(given, field)
        if not (0 <= x <= self.width and 0 <= y <= self.height):
            raise OutputError(
                f"{field}: outside the screen, [0, 0] to [{self.width}, {self.height}]"
            )
        return (x / self.width, y / self.height)

    def _arguments(self, action: Action) -> dict[str, Any]:
        match action:
            case Tap() | LongPress() if action.point is None:
                raise ConfigError(
                    f"{self.name} has no words for elements; give a point (see at_center)"
                )
            case Tap(point=point) if point is not None:
                return {"action": "click", "coordinate": self._pixels(point)}
            case LongPress(point=point) if point is not None:
                pixels = self._pixels(point)
                return {"action": "long_press", "coordinate": pixels, "time": LONG_PRESS_SECONDS}
            case Swipe(start=start, end=end):
                first, last = self._pixels(start), self._pixels(end)
                return {"action": "swipe", "coordinate": first, "coordinate2": last}
            case InputText():
                if action.element is not None or action.point is not None or not action.clear:
                    raise ConfigError(
                        f"{self.name} types into the focused field and replaces its text: "
                        "tap the field first, then type without a target"
                    )
                return {"action": "type", "text": action.text}
            case PressKey(key=key):
                return _press(key)
            case OpenApp(app=app):
                return {"action": "open", "text": app}
            case Wait(seconds=seconds):
                return {"action": "wait", "time": seconds}
            case Answer(text=text):
                return {"action": "answer", "text": text}
            case Finish(success=success):
                return {"action": "terminate", "status": "success" if success else "failure"}
        raise ConfigError(f"{self.name} has no words for {action.type!r}")

    def _pixels(self, point: Point) -> list[int]:
        return [round(point[0] * self.width), round(point[1] * self.height)]


def _need(given: _Arguments, field: str) -> Any:
    value = getattr(given, field)
    if value is None:
        raise OutputError(f"{field}: missing; {given.action} needs it")
    return value


def _key(name: str) -> str:
    key = KEY_ALIASES.get(name.lower().removeprefix("keycode_"))
    if key is None:
        raise OutputError(f"text: no key {cut(name)!r}; one of {', '.join(KEYS)}")
    return key


def _button(name: str) -> str:
    if name not in BUTTONS:
        raise OutputError(f"button: no button {cut(name)!r}; one of {', '.join(BUTTONS)}")
    return BUTTONS[name]


def _press(key: str) -> dict[str, Any]:
    for button, pressed in BUTTONS.items():
        if pressed == key:
            return {"action": "system_button", "button": button}
    for name, pressed in KEYS.items():
        if pressed == key:
            return {"action": "key", "text": name}
    raise ConfigError(f"{QwenMobileUse.name} has no words for the key {key!r}")
