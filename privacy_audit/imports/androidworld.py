"""AndroidWorld's vocabulary as JSON lines: its episode's and steps' fields by their own names.

    {"task_template": "ContactsAddContact", "instance_id": 0, "goal": "...", "is_successful": 1.0,
     "agent_name": "m3a", "screen_size": [1080, 2400]}
    {"before_screenshot": "0.png", "before_ui_elements": [{"text": "Save", "bbox_pixels": {...},
     "is_clickable": true, ...}], "action_output_json": {"action_type": "click", "index": 0}}

AndroidWorld itself stores a pickle, which can run code when it is read: no such file is opened
here. Write it as JSON lines where it was made, with screenshots as PNG files. `screen_size` is
ours; positions need it where no screenshot tells the size.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError

from agentenv.actions import ACTION_ADAPTER, Action, Invalid
from agentenv.dialects.parsing import explain
from agentenv.observations import Bounds, Observation, UIElement
from agentenv.trajectories.episode import Episode, Step
from privacy_audit.imports.lines import Lines, size_of
from privacy_audit.imports.plain import episode_of

_SYSTEM = frozenset({"com.android.systemui", "android"})
_ROLES = {"Button": "button", "ImageButton": "button", "CheckBox": "checkbox", "Switch": "switch",
          "RadioButton": "radio", "Spinner": "combobox", "ImageView": "image"}  # fmt: skip


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)


class _Head(_Model):
    task_template: str = Field(min_length=1)
    instance_id: int = Field(default=0, ge=0)
    goal: str = ""
    is_successful: float = 0.0
    agent_name: str = "unknown"
    screen_size: tuple[PositiveInt, PositiveInt] | None = None


class _Box(_Model):
    x_min: float
    x_max: float
    y_min: float
    y_max: float


class _Element(_Model):
    text: str | None = None
    content_description: str | None = None
    class_name: str | None = None
    hint_text: str | None = None
    tooltip: str | None = None
    bbox: _Box | None = None
    bbox_pixels: _Box | None = None
    is_checked: bool | None = None
    is_clickable: bool | None = None
    is_editable: bool | None = None
    is_enabled: bool | None = None
    is_focused: bool | None = None
    is_scrollable: bool | None = None
    package_name: str | None = None
    resource_name: str | None = None
    resource_id: str | None = None


class _StepData(_Model):
    before_screenshot: str | None = None
    raw_screenshot: str | None = None
    before_ui_elements: tuple[_Element, ...] = ()
    before_element_list: tuple[_Element, ...] = ()
    action_output: str | None = None
    action_output_json: dict[str, Any] | str | None = None


class _Action(_Model):
    action_type: str
    index: int | None = None
    x: float | None = None
    y: float | None = None
    text: str | None = None
    direction: str | None = None
    goal_status: str | None = None
    app_name: str | None = None
    clear_text: bool | None = None


def read(lines: Lines) -> Episode:
    """The trajectory.

    Raises:
        ConfigError: a line is wrong; names it.
    """
    head = lines.checked(_Head, lines.first_line, lines.first)
    steps, size = [], head.screen_size
    for at, (line, content) in enumerate(lines.steps):
        data = lines.checked(_StepData, line, content)
        png = lines.picture(line, data.raw_screenshot or data.before_screenshot)
        size = size_of(png) if png else size
        found = data.before_ui_elements or data.before_element_list
        elements = tuple(_element(i, one, size) for i, one in enumerate(found))
        seen = Observation(png, elements, _location(found), goal=head.goal, step=at)
        action = _action(lines, line, data, size)
        sent = None if isinstance(action, Invalid) else action
        steps.append(Step(seen, data.action_output or "", action, sent, 0.0))
    return episode_of(head.task_template, "test", head.instance_id, head.agent_name, "",
                      steps, None, head.is_successful >= 1)  # fmt: skip


def _element(index: int, seen: _Element, size: tuple[int, int] | None) -> UIElement:
    """A field holds its text; anything else is called by it."""
    kind = (seen.class_name or "").rpartition(".")[2]
    editable = bool(seen.is_editable) or kind == "EditText"
    label = seen.content_description or seen.hint_text or seen.tooltip or ""
    text = seen.text or ""
    return UIElement(
        index=index,
        role="textbox" if editable else _ROLES.get(kind, "text"),
        name=label if editable else text or label,
        bounds=_bounds(seen, size),
        value=text if editable else "",
        resource_id=(seen.resource_name or seen.resource_id or "").rpartition("/")[2],
        clickable=bool(seen.is_clickable),
        editable=editable,
        checked=bool(seen.is_checked),
        focused=bool(seen.is_focused),
        enabled=seen.is_enabled is not False,
        scrollable=bool(seen.is_scrollable),
    )


def _bounds(seen: _Element, size: tuple[int, int] | None) -> Bounds:
    box, (width, height) = seen.bbox, (1, 1)
    if box is None and size is not None:
        box, (width, height) = seen.bbox_pixels, size
    if box is None:
        return (0.0, 0.0, 0.0, 0.0)
    return (box.x_min / width, box.y_min / height, box.x_max / width, box.y_max / height)


def _location(elements: tuple[_Element, ...]) -> str:
    """The app in front: the package of the first element that is not the system's."""
    packages = (one.package_name or "" for one in elements)
    return next((one for one in packages if one and one not in _SYSTEM), "")


def _action(lines: Lines, line: int, data: _StepData, size: tuple[int, int] | None) -> Action:
    """What the agent did; Invalid for output that AndroidWorld could not read either."""
    given: object = data.action_output_json
    if given is None:
        given = (data.action_output or "").rpartition("Action:")[2]
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError):
            return Invalid(
                reason="the output holds no action", raw=(data.action_output or "")[:1000]
            )
    asked = lines.checked(_Action, line, given)
    if (asked.x is None) != (asked.y is None) or (asked.x is not None and size is None):
        raise lines.wrong(line, "a position needs x, y and a screenshot or screen_size")
    try:
        return ACTION_ADAPTER.validate_python(_ours(asked, size or (1, 1)))
    except ValidationError as error:
        raise lines.wrong(line, f"{asked.action_type}: {explain(error)}") from error


def _ours(asked: _Action, size: tuple[int, int]) -> dict[str, Any]:
    """The fields of our action."""
    target: dict[str, Any] = {} if asked.index is None else {"element": asked.index}
    if asked.x is not None and asked.y is not None:
        target = {"point": (asked.x / size[0], asked.y / size[1])}
    match asked.action_type:
        case "click":
            return {"type": "tap", **target}
        case "long_press" | "double_tap":
            return {"type": asked.action_type, **target}
        case "input_text":
            clear = bool(asked.clear_text)
            return {"type": "input_text", "text": asked.text or "", "clear": clear, **target}
        case "scroll" | "swipe":
            return {"type": "scroll", "direction": asked.direction, **target}
        case "keyboard_enter" | "navigate_back" | "navigate_home":
            return {"type": "press_key", "key": asked.action_type.rpartition("_")[2]}
        case "open_app":
            return {"type": "open_app", "app": asked.app_name or ""}
        case "wait":
            return {"type": "wait"}
        case "answer":
            return {"type": "answer", "text": asked.text or ""}
        case "status":
            return {"type": "finish", "success": asked.goal_status != "infeasible"}
    return {"type": "invalid", "reason": f"unknown action {asked.action_type[:40]!r}"}
