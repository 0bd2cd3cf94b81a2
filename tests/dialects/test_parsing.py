"""Reading what models write: no output makes a parser raise."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentenv.actions import (
    ACTION_ADAPTER,
    ACTION_MODELS,
    Action,
    ChooseFile,
    Drag,
    Finish,
    InputText,
    Invalid,
    LongPress,
    PressKey,
    Scroll,
    Swipe,
    Tap,
    Wait,
)
from agentenv.dialects.parsing import MAX_OUTPUT
from agentenv.dialects.qwen_mobile_use import ACTION_NAMES
from tests.dialects.actions import AITW, ANDROIDWORLD, AWKWARD, JSON, QWEN, UI_TARS

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
    *(UI_TARS.print(action) for action in _SAYABLE if action.type != "wait"),
    *(AITW.print(action) for action in _SAYABLE if action.type not in ("wait", "press_key")),
    ANDROIDWORLD.print(Tap(point=(0.5, 0.25))),
    ANDROIDWORLD.print(InputText(text=AWKWARD, element=3)),
    UI_TARS.print(Scroll(direction="up")),
    "Thought: I'd tap.\nAction: click(start_box='<|box_start|>(10,20)<|box_end|>')",
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
        st.sampled_from(
            [
                '"',
                "'",
                "(",
                ")",
                "=",
                " ",
                "{",
                "}",
                "[",
                ",",
                "\\",
                "\x00",
                "\ud83d",
                "NaN",
                "9" * 400,
                "",
            ]
        )
        | st.text(max_size=4)
    )
    return text[:start] + piece * draw(st.sampled_from([1, 1, 2, 900])) + text[end:]


_OUTPUTS = st.one_of(
    st.text(),
    st.text(st.characters(categories=["Cs", "Cc", "Cf"])),
    st.text('{}[]":,\\ \n'),
    st.text("Action: type(x='\\), \n"),
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
    for dialect in (JSON, QWEN, UI_TARS, ANDROIDWORLD, AITW):
        action = dialect.parse(output)
        assert ACTION_ADAPTER.validate_python(action.model_dump()) == action
        json.dumps(action.model_dump(), ensure_ascii=False, allow_nan=False).encode("utf-8")
        if isinstance(action, Invalid):
            assert 0 < len(action.reason) <= 300
            assert len(action.raw) <= 1_000


@pytest.mark.parametrize("number", range(len(_VALID)))
def test_an_output_that_was_cut_off_says_no_other_action(number: int) -> None:
    output = _VALID[number]
    for dialect in (JSON, QWEN, UI_TARS, ANDROIDWORLD, AITW):
        whole = dialect.parse(output)
        if not isinstance(whole, Invalid):
            for length in range(len(output)):
                cut_off = dialect.parse(output[:length])
                assert cut_off == whole or isinstance(cut_off, Invalid)


@pytest.mark.parametrize(
    "piece", ["'", '"', "\\", " ", "\n", "(", "Action:", ', a="', '" ,', "' )", "<a", "[", "=", "*"]
)
def test_no_output_takes_long_to_read(piece: str) -> None:
    typed = "Action: type(content='a'", 'Action Decision: "typed_text": "a"'
    for opening in ("", "Action:", "Action: {", *typed, *(text[:-1] for text in typed)):
        output = opening + piece * ((MAX_OUTPUT - len(opening)) // len(piece))
        for dialect in (JSON, QWEN, UI_TARS, ANDROIDWORLD, AITW):
            started = time.process_time()
            dialect.parse(output)
            assert time.process_time() - started < 1
