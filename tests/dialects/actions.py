"""Actions made by hypothesis, and the dialects that the tests say them in."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import strategies as st

from agentenv.actions import (
    ACTION_ADAPTER,
    ACTION_MODELS,
    Action,
    Answer,
    DoubleTap,
    Finish,
    Hover,
    InputText,
    LongPress,
    Navigate,
    OpenApp,
    PressKey,
    Scroll,
    Swipe,
    Tap,
    Wait,
)
from agentenv.dialects import Aitw, AndroidWorld, JsonDialect, QwenMobileUse, UITars
from agentenv.dialects.androidworld import SWIPES
from agentenv.dialects.qwen_mobile_use import BUTTONS, KEYS
from agentenv.shortcuts import SHORTCUTS

JSON = JsonDialect()
QWEN = QwenMobileUse()
UI_TARS = UITars()
ANDROIDWORLD = AndroidWorld()
AITW = Aitw()

# Text as pages and people write it: separators, quotes, controls, every script, emoji.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
POINTS = st.tuples(st.floats(0, 1), st.floats(0, 1))
AWKWARD = 'a, "b" {c} [d]\n\t\\ </tool_call> </think> 日本 😀'


@st.composite
def actions(draw: st.DrawFn) -> Action:
    """Any valid action, built from the models' own JSON schema."""
    name = draw(st.sampled_from(list(ACTION_MODELS)))
    model = ACTION_MODELS[name]
    schema = model.model_json_schema()
    fields: dict[str, Any] = {}
    for field, property_ in schema["properties"].items():
        if field in ("type", "element", "point", "to_element", "to_point"):
            continue
        if field in schema.get("required", []) or draw(st.booleans()):
            fields[field] = draw(_values(property_))
    if "element" in schema["properties"]:
        target = draw(st.sampled_from(["element", "point", "none"]))
        optional = name in ("scroll", "input_text", "choose_file")
        if target == "point":
            fields["point"] = draw(POINTS)
        elif target == "element" or not optional:
            fields["element"] = draw(st.integers(0, 9_999))
    if "to_element" in schema["properties"]:
        end = draw(st.sampled_from(["to_element", "to_point"]))
        fields[end] = draw(POINTS if end == "to_point" else st.integers(0, 9_999))
    return ACTION_ADAPTER.validate_python({"type": name, **fields})


def _values(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "prefixItems" in schema:
        return POINTS
    if schema.get("format") == "shortcut":
        return st.sampled_from(SHORTCUTS)
    return {
        "string": TEXT,
        "boolean": st.booleans(),
        "number": st.floats(0, 60),
        "array": st.lists(TEXT, max_size=4).map(tuple),
    }[schema["type"]]


@st.composite
def mobile_use_actions(draw: st.DrawFn) -> Action:
    """Any action the mobile_use tool has words for."""
    return draw(
        st.one_of(
            st.builds(Tap, point=POINTS),
            st.builds(LongPress, point=POINTS),
            st.builds(Swipe, start=POINTS, end=POINTS),
            st.builds(InputText, text=TEXT),
            st.builds(Answer, text=TEXT),
            st.builds(PressKey, key=st.sampled_from([*BUTTONS.values(), *KEYS.values()])),
            st.builds(Wait, seconds=st.floats(0, 60)),
            st.builds(Finish, success=st.booleans()),
            TEXT.map(lambda app: ACTION_ADAPTER.validate_python({"type": "open_app", "app": app})),
        )
    )


DIRECTIONS = st.sampled_from(["up", "down", "left", "right"])


@st.composite
def ui_tars_actions(draw: st.DrawFn) -> Action:
    """Any action that UI-TARS has a call for."""
    keys = [key for key in SHORTCUTS if key != "recents"]
    return draw(
        st.one_of(
            *(st.builds(kind, point=POINTS) for kind in (Tap, LongPress, DoubleTap, Hover)),
            st.builds(Swipe, start=POINTS, end=POINTS),
            st.builds(Scroll, direction=DIRECTIONS, point=POINTS | st.none()),
            st.builds(InputText, text=TEXT),
            st.builds(PressKey, key=st.sampled_from(keys)),
            st.builds(OpenApp, app=TEXT),
            st.builds(Navigate, url=TEXT),
            st.builds(Answer, text=TEXT.filter(bool)),
            st.builds(Finish, success=st.booleans()),
            st.just(Wait()),
        )
    )


@st.composite
def androidworld_actions(draw: st.DrawFn) -> Action:
    """Any action that AndroidWorld has a type for."""
    target = st.one_of(
        st.fixed_dictionaries({"element": st.integers(0, 9_999)}),
        st.fixed_dictionaries({"point": POINTS}),
    )
    kind = draw(st.sampled_from([Tap, LongPress, DoubleTap]))
    start, end = draw(st.sampled_from(list(SWIPES.values())))
    indices = st.none() | st.integers(0, 9_999)
    typed = InputText(text=draw(TEXT), clear=draw(st.booleans()), **draw(target | st.just({})))
    return draw(
        st.one_of(
            target.map(lambda fields: kind(**fields)),
            st.builds(Scroll, direction=DIRECTIONS, element=indices),
            st.builds(PressKey, key=st.sampled_from(["enter", "home", "back"])),
            st.builds(OpenApp, app=TEXT),
            st.builds(Answer, text=TEXT),
            st.builds(Finish, success=st.booleans()),
            st.sampled_from([typed, Swipe(start=start, end=end), Wait()]),
        )
    )


@st.composite
def aitw_actions(draw: st.DrawFn) -> Action:
    """Any action of Android in the Wild; swipes are longer than what counts as a tap."""
    start, end = draw(POINTS), draw(POINTS)
    swipes = [Swipe(start=start, end=end)] if math.dist(start, end) > 0.05 else []
    return draw(
        st.one_of(
            st.builds(Tap, point=POINTS),
            st.builds(InputText, text=TEXT),
            st.builds(PressKey, key=st.sampled_from(["enter", "home", "back"])),
            st.builds(Finish, success=st.booleans()),
            *map(st.just, swipes),
        )
    )
