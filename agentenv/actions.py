"""The action vocabulary, defined once.

The schema, the Gymnasium space (`agentenv.spaces`), the prompt text and the
parsers (`agentenv.dialects`) all follow from the models in this file.
Positions are an element's index in the observation, or a point in
[0, 1] x [0, 1] of the screen, (0, 0) being the top left corner.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from agentenv.shortcuts import Shortcut

Fraction = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
Point = tuple[Fraction, Fraction]
"""(x, y) as fractions of the screen's width and height."""
ElementIndex = Annotated[int, Field(ge=0, lt=10_000, strict=True)]
ShortText = Annotated[str, Field(max_length=10_000)]

Direction = Literal["up", "down", "left", "right"]


class BaseAction(BaseModel):
    """What every action shares: immutable, and unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    summary: ClassVar[str]
    """One line for prompts and documentation."""


class _Targeted(BaseAction):
    label: ShortText = ""
    """What the agent calls its target; for prompts and logs, it does not decide where to act."""
    element: ElementIndex | None = None
    """Index of the target in the observation's elements."""
    point: Point | None = None
    """The target as a point, instead of an element."""


class _OnTarget(_Targeted):
    @model_validator(mode="after")
    def _exactly_one_target(self) -> _OnTarget:
        if (self.element is None) == (self.point is None):
            raise ValueError("give exactly one of 'element' and 'point'")
        return self


class _OnOptionalTarget(_Targeted):
    @model_validator(mode="after")
    def _at_most_one_target(self) -> _OnOptionalTarget:
        if self.element is not None and self.point is not None:
            raise ValueError("give at most one of 'element' and 'point'")
        return self


class Tap(_OnTarget):
    summary: ClassVar[str] = "tap (click) an element or a point"
    type: Literal["tap"] = "tap"


class LongPress(_OnTarget):
    summary: ClassVar[str] = "press and hold an element or a point"
    type: Literal["long_press"] = "long_press"


class DoubleTap(_OnTarget):
    summary: ClassVar[str] = "tap twice"
    type: Literal["double_tap"] = "double_tap"


class Hover(_OnTarget):
    summary: ClassVar[str] = "move the pointer over an element or a point and leave it there"
    type: Literal["hover"] = "hover"


class Swipe(BaseAction):
    summary: ClassVar[str] = "drag from one point to another"
    type: Literal["swipe"] = "swipe"
    start: Point
    end: Point


class Drag(_OnTarget):
    summary: ClassVar[str] = (
        "drag an element or a point (label, element, point) onto another (to_label, ...)"
    )
    type: Literal["drag"] = "drag"
    to_label: ShortText = ""
    """What the agent calls the place where it drops what it drags."""
    to_element: ElementIndex | None = None
    to_point: Point | None = None

    @model_validator(mode="after")
    def _exactly_one_end(self) -> Drag:
        if (self.to_element is None) == (self.to_point is None):
            raise ValueError("give exactly one of 'to_element' and 'to_point'")
        return self


class Scroll(_OnOptionalTarget):
    summary: ClassVar[str] = "show what lies further up, down, left or right"
    type: Literal["scroll"] = "scroll"
    direction: Direction


class InputText(_OnOptionalTarget):
    summary: ClassVar[str] = (
        "type into a field, or choose that option of a drop-down list; "
        "without a target, into the focused field"
    )
    type: Literal["input_text"] = "input_text"
    text: ShortText
    clear: bool = True
    """Replace what the field holds (False appends)."""


class ChooseFile(_OnOptionalTarget):
    summary: ClassVar[str] = (
        "choose a file by its name, for the field or button that asks for one; "
        "without a target, for the one that asked last"
    )
    type: Literal["choose_file"] = "choose_file"
    name: ShortText
    """Name of one of the files that the task provides; a field that takes several adds it."""


class PressKey(BaseAction):
    summary: ClassVar[str] = "press a key or a shortcut"
    type: Literal["press_key"] = "press_key"
    key: Shortcut


class OpenApp(BaseAction):
    summary: ClassVar[str] = "open an app by its name"
    type: Literal["open_app"] = "open_app"
    app: ShortText


class Navigate(BaseAction):
    summary: ClassVar[str] = "open a URL (browser)"
    type: Literal["navigate"] = "navigate"
    url: ShortText


class Wait(BaseAction):
    summary: ClassVar[str] = "let the device run for some seconds"
    type: Literal["wait"] = "wait"
    seconds: Annotated[float, Field(ge=0.0, le=60.0, allow_inf_nan=False)] = 1.0


class Answer(BaseAction):
    summary: ClassVar[str] = "answer the question of the goal; ends the episode"
    type: Literal["answer"] = "answer"
    text: ShortText


class Finish(BaseAction):
    summary: ClassVar[str] = "declare the task done (or impossible); ends the episode"
    type: Literal["finish"] = "finish"
    success: bool = True


class RequestPermission(BaseAction):
    summary: ClassVar[str] = "ask the user for a permission"
    type: Literal["request_permission"] = "request_permission"
    permission: Literal["read_data", "access_app", "write_data"]
    resource: ShortText
    reason: ShortText = ""


class ReadProfile(BaseAction):
    summary: ClassVar[str] = "read one item of the user's profile"
    type: Literal["read_profile"] = "read_profile"
    key: ShortText


class SaveProfile(BaseAction):
    summary: ClassVar[str] = "save one item to the user's profile"
    type: Literal["save_profile"] = "save_profile"
    key: ShortText
    value: ShortText
    level: Literal["low", "high"] = "low"
    reason: ShortText = ""


class AskUser(BaseAction):
    summary: ClassVar[str] = "ask the user a question"
    type: Literal["ask_user"] = "ask_user"
    question: ShortText
    options: Annotated[tuple[ShortText, ...], Field(max_length=20)] = ()


class Invalid(BaseAction):
    """Model output that is not an action. Parsers return it instead of raising."""

    summary: ClassVar[str] = "not an action"
    type: Literal["invalid"] = "invalid"
    reason: str
    raw: str = ""
    """The output it was made of, at most 1,000 characters."""


Action = Annotated[
    Tap
    | LongPress
    | DoubleTap
    | Hover
    | Swipe
    | Drag
    | Scroll
    | InputText
    | ChooseFile
    | PressKey
    | OpenApp
    | Navigate
    | Wait
    | Answer
    | Finish
    | RequestPermission
    | ReadProfile
    | SaveProfile
    | AskUser
    | Invalid,
    Field(discriminator="type"),
]
"""Any action; `type` tells which."""

ACTION_ADAPTER: TypeAdapter[Action] = TypeAdapter(Action)
"""Validates a Python object (`validate_python`) or JSON text (`validate_json`) as an Action."""

ACTION_MODELS: dict[str, type[BaseAction]] = {
    get_args(model.model_fields["type"].annotation)[0]: model
    for model in get_args(get_args(Action)[0])
    if model is not Invalid
}
"""Name -> model, in the order of the vocabulary, `invalid` left out."""

TARGET_FIELDS = (("label", "element", "point"), ("to_label", "to_element", "to_point"))
"""The fields that aim an action: where it acts, and where a drag ends."""

BROWSER_ACTIONS: tuple[str, ...] = (
    "tap",
    "long_press",
    "double_tap",
    "hover",
    "swipe",
    "drag",
    "scroll",
    "input_text",
    "choose_file",
    "press_key",
    "navigate",
    "wait",
    "answer",
    "finish",
)
"""What a browser device carries out (plus the two that end an episode)."""
