"""The dialects: what they print is parsed back, and no output makes a parser raise."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentenv.actions import (
    ACTION_ADAPTER,
    ACTION_MODELS,
    BROWSER_ACTIONS,
    Action,
    Answer,
    ChooseFile,
    Drag,
    Finish,
    Hover,
    InputText,
    Invalid,
    LongPress,
    PressKey,
    Scroll,
    Swipe,
    Tap,
    Wait,
)
from agentenv.dialects import DIALECTS, Dialect, JsonDialect, QwenMobileUse, get_dialect
from agentenv.dialects.parsing import MAX_OUTPUT
from agentenv.dialects.qwen_mobile_use import ACTION_NAMES, BUTTONS, KEYS
from agentenv.errors import ConfigError
from agentenv.shortcuts import SHORTCUTS

JSON = JsonDialect()
QWEN = QwenMobileUse()

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


def assert_same(got: Action, want: Action, resolution: float) -> None:
    """Equal, numbers up to the resolution."""
    got_fields, want_fields = got.model_dump(), want.model_dump()
    assert got_fields.keys() == want_fields.keys()
    for name, value in want_fields.items():
        parts = zip(_flat(got_fields[name]), _flat(value), strict=True)
        for got_part, want_part in parts:
            if isinstance(want_part, float):
                assert math.isclose(got_part, want_part, abs_tol=resolution), name
            else:
                assert got_part == want_part, name


def _flat(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


# Printing, and the round trip.


@given(actions())
def test_json_parses_what_it_prints(action: Action) -> None:
    assert_same(JSON.parse(JSON.print(action)), action, resolution=0.00051)


@given(mobile_use_actions(), st.sampled_from([QWEN, QwenMobileUse(1080, 2400)]))
def test_qwen_mobile_use_parses_what_it_prints(action: Action, dialect: QwenMobileUse) -> None:
    assert_same(dialect.parse(dialect.print(action)), action, resolution=0.51 / dialect.width)


@given(actions())
def test_printing_what_was_parsed_changes_nothing(action: Action) -> None:
    text = JSON.print(action)
    assert JSON.print(JSON.parse(text)) == text


@pytest.mark.parametrize("dialect", [JSON, QWEN], ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("text", [AWKWARD, "a,b", '"', "{}", "}{", "\n", "\x00", "", "x" * 5_000])
def test_typed_text_survives_the_round_trip(dialect: Dialect, text: str) -> None:
    action = InputText(text=text)
    assert dialect.parse(dialect.print(action)) == action


def test_json_is_printed_compactly_in_a_fixed_order() -> None:
    assert JSON.print(Tap(element=3, label="Ok")) == '{"type":"tap","label":"Ok","element":3}'
    assert JSON.print(Tap(point=(0.5, 0.12345))) == '{"type":"tap","point":[0.5,0.123]}'
    assert JSON.print(Finish()) == '{"type":"finish"}'
    typed = InputText(text="é", clear=False, element=1)
    assert JSON.print(typed) == '{"type":"input_text","element":1,"text":"é","clear":false}'


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Ctrl+A", "ctrl+a"),
        ("SHIFT + Ctrl + z", "ctrl+shift+z"),
        ("Enter", "enter"),
        ("meta+F5", "meta+f5"),
        ("ctrl+-", "ctrl+-"),
    ],
)
def test_a_shortcut_has_one_name_however_it_is_written(written: str, meant: str) -> None:
    parsed = JSON.parse(json.dumps({"type": "press_key", "key": written}))
    assert parsed == PressKey(key=meant)


def test_the_schema_allows_exactly_the_shortcuts_there_are() -> None:
    schema = PressKey.model_json_schema()["properties"]["key"]
    pattern = re.compile(schema["pattern"])
    assert len(set(SHORTCUTS)) == len(SHORTCUTS)
    for shortcut in SHORTCUTS:
        assert pattern.fullmatch(shortcut)
        assert PressKey(key=shortcut).key == shortcut
    for wrong in ("ctrl+back", "shift+ctrl+a", "ctrl", "", "A", "ctrl++", "enter+ctrl"):
        assert not pattern.fullmatch(wrong)


def test_more_decimals_print_finer_points() -> None:
    assert JsonDialect(decimals=5).print(Tap(point=(0.5, 0.12345))).endswith("[0.5,0.12345]}")


def test_qwen_coordinates_follow_the_resolution() -> None:
    output = '{"name": "mobile_use", "arguments": {"action": "click", "coordinate": [540, 1200]}}'
    assert QwenMobileUse(1080, 2400).parse(output) == Tap(point=(0.5, 0.5))
    assert QWEN.parse(output.replace("540, 1200", "999, 0")) == Tap(point=(1.0, 0.0))
    outside = QWEN.parse(output)
    assert isinstance(outside, Invalid)
    assert "coordinate" in outside.reason


@pytest.mark.parametrize(
    "action",
    [
        Tap(element=1),
        LongPress(element=1),
        InputText(text="a", element=1),
        InputText(text="a", point=(0.1, 0.1)),
        InputText(text="a", clear=False),
        Scroll(direction="down"),
        Hover(point=(0.5, 0.5)),
        Drag(point=(0.5, 0.5), to_point=(0.1, 0.1)),
        ChooseFile(name="a.pdf"),
        PressKey(key="ctrl+a"),
        PressKey(key="f5"),
        Invalid(reason="no"),
    ],
)
def test_qwen_refuses_to_print_what_it_has_no_words_for(action: Action) -> None:
    with pytest.raises(ConfigError):
        QWEN.print(action)


@pytest.mark.parametrize("dialect", [JSON, QWEN], ids=lambda dialect: dialect.name)
def test_nothing_is_printed_that_would_be_too_long_to_parse(dialect: Dialect) -> None:
    with pytest.raises(ConfigError):
        dialect.print(Answer(text="\n" * 10_000))


def test_json_has_no_words_for_invalid() -> None:
    with pytest.raises(ConfigError):
        JSON.print(Invalid(reason="no"))


# Reading what models write.

TAP = '{"type":"tap","element":3}'
CLICK = '{"name": "mobile_use", "arguments": {"action": "click", "coordinate": [0, 999]}}'


@pytest.mark.parametrize(
    "output",
    [
        TAP,
        f"I tap {{the button}}: {TAP} and wait.",
        f"```json\n{TAP}\n```",
        f'<think>Maybe {{"type":"finish"}}?</think>\n{TAP}',
        f'Hm, {{"type":"finish"}}?\n</think>\n{TAP}',
        TAP.encode(),
        TAP + '{"type":"finish"}',
        "\ufeff" + TAP,
    ],
)
def test_json_finds_the_action_in_what_surrounds_it(output: str | bytes) -> None:
    assert JSON.parse(output) == Tap(element=3)


@pytest.mark.parametrize(
    "output",
    [
        f"<tool_call>\n{CLICK}\n</tool_call>",
        CLICK,
        f"Thought: click it.\n<tool_call>{CLICK}</tool_call><|im_end|>",
        f'<think>{{"a":1}}</think><tool_call>{CLICK}</tool_call>',
        f'The state is {{"a":1}}. <tool_call>{CLICK}',
    ],
)
def test_qwen_finds_the_tool_call_in_what_surrounds_it(output: str) -> None:
    assert QWEN.parse(output) == Tap(point=(0.0, 1.0))


@pytest.mark.parametrize(
    ("arguments", "action"),
    [
        ({"action": "long_press", "coordinate": [999, 999], "time": 3}, LongPress(point=(1, 1))),
        ({"action": "system_button", "button": "Menu"}, PressKey(key="recents")),
        ({"action": "key", "text": "KEYCODE_DEL"}, PressKey(key="backspace")),
        ({"action": "terminate", "status": "failure"}, Finish(success=False)),
    ],
)
def test_qwen_understands_the_tools_other_actions(arguments: object, action: Action) -> None:
    assert QWEN.parse(json.dumps({"name": "mobile_use", "arguments": arguments})) == action


@pytest.mark.parametrize(
    ("output", "hint"),
    [
        ("", "no JSON object"),
        ("{'type': 'tap'}", "no JSON object"),
        ("{}", "type"),
        ("[1]", "no JSON object"),
        ('{"type":"tap"', "not valid JSON"),
        ('{"type":"tap"}', "element"),
        ('{"type":"tap","element":1,"point":[0,0]}', "element"),
        ('{"type":"tap","element":"1"}', "element"),
        ('{"type":"tap","element":true}', "element"),
        ('{"type":"tap","element":-1}', "element"),
        ('{"type":"tap","element":10000}', "element"),
        ('{"type":"tap","element":1.5}', "element"),
        ('{"type":"tap","point":[0.5,1.01]}', "point"),
        ('{"type":"tap","point":[0.5]}', "point"),
        ('{"type":"tap","point":["0","0"]}', "point"),
        ('{"type":"tap","element":1,"colour":"red"}', "colour"),
        ('{"type":"tap","element":1,"element":2}', "element"),
        ('{"type":"drag","element":1}', "to_element"),
        ('{"type":"drag","element":1,"to_element":2,"to_point":[0,0]}', "to_point"),
        ('{"type":"drag","to_element":2}', "element"),
        ('{"type":"choose_file","element":1}', "name"),
        ('{"type":"press_key","key":"ctrl+"}', "no key 'ctrl+'; write back, home"),
        ('{"type":"press_key","key":"ctrl"}', "key"),
        ('{"type":"press_key","key":"ctrl+ctrl+a"}', "key"),
        ('{"type":"press_key","key":"ctrl+back"}', "key"),
        ('{"type":"press_key","key":"a+b"}', "key"),
        ('{"type":"press_key","key":"é"}', "key"),
        ('{"type":"press_key","key":["ctrl","a"]}', "key"),
        ('{"type":"press_key","key":"' + "+" * 9_000 + '"}', "key"),
        ('{"type":"fly"}', "unknown action 'fly'"),
        ('{"type":"invalid","reason":"x"}', "type"),
        ('{"type":["tap"],"element":1}', "type"),
        ('{"type":"wait","seconds":NaN}', "NaN"),
        ('{"type":"wait","seconds":-Infinity}', "Infinity"),
        ('{"type":"wait","seconds":1e999}', "too large"),
        ('{"type":"wait","seconds":' + "9" * 5_000 + "}", "digits"),
        ('{"type":"answer","text":"\\ud800"}', "surrogate"),
        ('{"type":"answer","text":"' + "x" * 10_001 + '"}', "text"),
        ('{"a":' * 3_000, "nested"),
        ('{"a":' + "[" * 19_000, "nested"),
        ("<think>so " + TAP, "<think>"),
        (b'{"type":"answer","text":"\xff"}', "UTF-8"),
        ("x" * (MAX_OUTPUT + 1), "longer"),
        (b"x" * 10_000_000, "longer"),
    ],
)
def test_json_says_what_is_wrong(output: str | bytes, hint: str) -> None:
    action = JSON.parse(output)
    assert isinstance(action, Invalid)
    assert hint in action.reason
    assert len(action.reason) <= 300
    assert len(action.raw) <= 1_000


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (None, "arguments"),
        ([], "arguments"),
        ({}, "action"),
        ({"action": "fly"}, "unknown 'fly'"),
        ({"action": "click"}, "coordinate"),
        ({"action": "click", "coordinate": [0, 1_000]}, "coordinate"),
        ({"action": "click", "coordinate": ["1", "2"]}, "coordinate"),
        ({"action": "click", "coordinate": [True, False]}, "coordinate"),
        ({"action": "click", "coordinate": [1, 2, 3]}, "coordinate"),
        ({"action": "swipe", "coordinate": [1, 2]}, "coordinate2"),
        ({"action": "wait", "time": 61}, "time"),
        ({"action": "key", "text": "volume_up"}, "volume_up"),
        ({"action": "system_button", "button": "Power"}, "Power"),
        ({"action": "terminate", "status": "maybe"}, "status"),
        ({"action": "click", "coordinate": [1, 2], "speed": 3}, "speed"),
    ],
)
def test_qwen_says_what_is_wrong(arguments: object, hint: str) -> None:
    action = QWEN.parse(json.dumps({"name": "mobile_use", "arguments": arguments}))
    assert isinstance(action, Invalid)
    assert hint in action.reason


# Anything at all: never raises, always an action of the schema.

_SCALARS = st.one_of(
    st.sampled_from([None, True, False, "tap", "x", 10**40]), st.integers(), st.floats(), st.text()
)
_JSON = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=5,
)
_KEYS = st.sampled_from(
    [
        "type",
        "element",
        "point",
        "to_element",
        "key",
        "label",
        "text",
        "action",
        "coordinate",
        "name",
        "arguments",
    ]
)
_ALMOST = st.dictionaries(
    _KEYS, _JSON | st.sampled_from([*ACTION_MODELS, *ACTION_NAMES.values()]), max_size=3
)


_SAYABLE: list[Action] = [
    Tap(point=(0.5, 0.25)),
    Swipe(start=(0, 0), end=(1, 1)),
    InputText(text=AWKWARD),
    PressKey(key="tab"),
    Wait(seconds=2),
    Finish(success=False),
]
_VALID = [
    *(dialect.print(action) for dialect in (JSON, QWEN) for action in _SAYABLE),
    JSON.print(Tap(element=3, label="Ok")),
    JSON.print(Scroll(direction="up")),
    JSON.print(Drag(element=3, label="Ok", to_element=4, to_label="Bin")),
    JSON.print(PressKey(key="ctrl+shift+z")),
    JSON.print(ChooseFile(name="a.pdf", element=2)),
    JSON.print(InputText(text=AWKWARD, element=1, clear=False)),
]


@st.composite
def _mutated(draw: st.DrawFn) -> str:
    """A valid output with one piece cut out, doubled or replaced by something else."""
    text = draw(st.sampled_from(_VALID))
    start = draw(st.integers(0, len(text)))
    end = draw(st.integers(start, min(len(text), start + 8)))
    piece = draw(
        st.sampled_from(['"', "{", "}", "[", ",", "\\", "\x00", "\ud83d", "NaN", "9" * 400, ""])
        | st.text(max_size=4)
    )
    return text[:start] + piece * draw(st.sampled_from([1, 1, 2, 900])) + text[end:]


_OUTPUTS = st.one_of(
    st.text(),
    st.text(st.characters(categories=["Cs", "Cc", "Cf"])),
    st.text('{}[]":,\\ \n'),
    st.binary(),
    _mutated(),
    _mutated().map(lambda text: text.encode("utf-8", "surrogatepass")),
    _JSON.map(json.dumps),
    _ALMOST.map(json.dumps),
    _ALMOST.map(lambda value: json.dumps({"name": "mobile_use", "arguments": value})),
)


@pytest.mark.timeout(600)  # a loaded machine
@settings(
    max_examples=10_000,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(output=_OUTPUTS)
def test_no_output_makes_a_parser_raise_or_leave_the_schema(output: str | bytes) -> None:
    for dialect in (JSON, QWEN):
        action = dialect.parse(output)
        assert ACTION_ADAPTER.validate_python(action.model_dump()) == action
        json.dumps(action.model_dump(), ensure_ascii=False, allow_nan=False).encode("utf-8")
        if isinstance(action, Invalid):
            assert 0 < len(action.reason) <= 300
            assert len(action.raw) <= 1_000


# Prompts and look-up.


def test_instructions_name_every_action_and_only_those() -> None:
    text = JSON.instructions(BROWSER_ACTIONS)
    for name in ACTION_MODELS:
        assert (f'"type":"{name}"' in text) == (name in BROWSER_ACTIONS)
    assert '"direction":"up"|"down"|"left"|"right"' in text


def test_qwen_instructions_give_the_resolution_and_the_tools_names() -> None:
    text = QwenMobileUse(1080, 2400).instructions(("tap", "press_key", "navigate"))
    assert "1080x2400" in text
    assert '"enum": ["click", "system_button", "key"]' in text
    assert "coordinate2" not in text
    assert "navigate" not in text


def test_dialects_are_found_by_name() -> None:
    for name in DIALECTS:
        assert get_dialect(name).name == name
    assert get_dialect(QWEN) is QWEN
    with pytest.raises(ConfigError, match="json"):
        get_dialect("latin")
