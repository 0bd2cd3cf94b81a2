"""Trajectories of other tools: audited like our own, and every wrong line is named."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from agentenv.actions import InputText, Invalid, Tap
from agentenv.cli.main import FAILED, main
from agentenv.errors import ConfigError
from privacy_audit.imports import open_run, read_trajectory

CARD = "9123 4567 8901 2347"
CONTRACT = "purpose: shop\nitems:\n  card: {value: 9123456789012347, category: payment}\n"
PLAIN: list[dict[str, Any]] = [
    {"task": "shop/buy", "goal": "Buy a lamp", "success": True, "policy": "mine"},
    {
        "screenshot": "0.png",
        "location": "shop/order",
        "elements": [{"role": "textbox", "name": "Remark", "editable": True,
                      "bounds": [0.1, 0.1, 0.9, 0.2]}],
        "action": {"type": "input_text", "element": 0, "text": CARD},
    },
    {"location": "shop/order", "action": {"type": "tap", "point": [0.5, 0.5]}},
    {"location": "shop/done"},
]  # fmt: skip
ANDROID: list[dict[str, Any]] = [
    {"task_template": "ShopBuy", "instance_id": 3, "goal": "Buy a lamp", "is_successful": 1.0,
     "agent_name": "m3a", "aux_data": None},
    {
        "before_screenshot": "0.png",
        "before_ui_elements": [
            {"package_name": "com.android.systemui", "text": "12:30"},
            {"package_name": "com.shop", "class_name": "android.widget.EditText", "text": None,
             "hint_text": "Remark", "is_editable": True,
             "bbox_pixels": {"x_min": 20, "x_max": 180, "y_min": 40, "y_max": 80}},
            {"package_name": "com.shop", "class_name": "android.widget.Button", "text": "Send",
             "is_clickable": True, "bbox": {"x_min": 0, "x_max": 1, "y_min": 0.5, "y_max": 0.6}},
        ],
        "action_output": "Reason: it asks.\nAction: " + json.dumps(
            {"action_type": "input_text", "index": 1, "text": CARD}),
    },
    {"before_screenshot": "0.png", "action_output": "Reason: ...",
     "action_output_json": {"action_type": "click", "x": 100, "y": 220}},
    {"action_output": "Reason: none. Action: tap it", "summary": "no action"},
    {"action_output_json": {"action_type": "status", "goal_status": "complete"}},
]  # fmt: skip


def write(path: Path, lines: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = io.BytesIO()
    Image.new("RGB", (200, 400), "white").save(data, "PNG")
    (path.parent / "0.png").write_bytes(data.getvalue())
    path.write_text("\n".join(map(json.dumps, lines)) + "\n", encoding="utf-8")
    return path


def test_a_plain_trajectory_is_an_episode(tmp_path: Path) -> None:
    episode = read_trajectory(write(tmp_path / "a.jsonl", PLAIN))
    assert (episode.key, episode.policy, episode.success) == ("shop/buy/test/0", "mine", True)
    assert [one.action.type for one in episode.steps] == ["input_text", "tap"]
    assert episode.steps[0].observation.screenshot.shape == (400, 200, 3)
    assert episode.final_observation is not None
    assert episode.final_observation.location == "shop/done"
    assert episode.goal == "Buy a lamp"


def test_an_androidworld_trajectory_is_an_episode(tmp_path: Path) -> None:
    episode = read_trajectory(write(tmp_path / "a.jsonl", ANDROID))
    assert (episode.key, episode.policy, episode.success) == ("ShopBuy/test/3", "m3a", True)
    typed, clicked, unread, status = (one.action for one in episode.steps)
    assert typed == InputText(text=CARD, element=1, clear=False)
    assert clicked == Tap(point=(0.5, 0.55))
    assert isinstance(unread, Invalid)
    assert episode.steps[2].sent is None
    assert status.type == "finish"
    field, button = episode.steps[0].observation.elements[1:]
    assert (field.role, field.name, field.bounds) == ("textbox", "Remark", (0.1, 0.1, 0.9, 0.2))
    assert (button.role, button.name) == ("button", "Send")
    assert episode.steps[0].observation.location == "com.shop"


@pytest.mark.parametrize(("lines", "place"), [(PLAIN, "shop/order/Remark"),
                                              (ANDROID, "com.shop//Remark")])  # fmt: skip
def test_what_was_typed_in_another_tool_is_found(
    lines: list[dict[str, Any]], place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "run" / "deep" / "a.jsonl", lines)
    contract = tmp_path / "contract.yaml"
    contract.write_text(CONTRACT)
    command = ["audit", str(tmp_path / "run"), "--contract", str(contract)]
    assert main([*command, "--format", "json"]) == 0
    [trajectory] = json.loads(capsys.readouterr().out)["trajectories"]
    assert trajectory["evidence"] == "trajectory"
    assert {(one["item"], one["place"]) for one in trajectory["findings"]} == {("card", place)}
    assert main([*command, "--format", "html"]) == 0
    page = (tmp_path / "run" / "audit.html").read_text(encoding="utf-8")
    assert "data:image/png" in page
    assert CARD not in page
    assert main(["audit", "compare", *[str(tmp_path / "run")] * 2, *command[2:]]) == 0


@pytest.mark.parametrize(
    ("lines", "line", "change", "message"),
    [
        (PLAIN, 0, {"task": ""}, "line 1: task: "),
        (PLAIN, 0, {"colour": 1}, "line 1: colour: "),
        (PLAIN, 1, {"screenshot": "1.png"}, r"line 2: cannot read '1\.png'"),
        (PLAIN, 1, {"screenshot": "../x.png"}, "line 2: .* lies outside"),
        (PLAIN, 1, {"screenshot": "a.jsonl"}, "line 2: .* is no PNG"),
        (PLAIN, 1, {"elements": [{"bounds": [0, 0, 1]}]}, r"line 2: elements\.0\.bounds"),
        (PLAIN, 1, {"elements": [{"bounds": [0, 0, 1, float("nan")]}]}, "line 2: elements"),
        (PLAIN, 1, {"action": {"type": "jump"}}, "line 2: action: type: unknown action 'jump'"),
        (PLAIN, 2, {"action": None}, "line 3: action: "),
        (ANDROID, 0, {"instance_id": "x"}, "line 1: instance_id"),
        (ANDROID, 0, {"screen_size": [0, 9]}, "line 1: screen_size"),
        (ANDROID, 1, {"before_ui_elements": [{"bbox": 3}]}, r"before_ui_elements\.0\.bbox"),
        (ANDROID, 4, {"action_output_json": {"action_type": "click", "x": 1, "y": 9_999_999}},
         "line 5: click: "),
        (ANDROID, 4, {"action_output_json": {"action_type": "click", "x": 1}}, "needs x, y"),
        (ANDROID, 4, {"action_output_json": {"index": 1}}, "line 5: action_type"),
        (ANDROID, 4, {"action_output_json": "[]"}, "line 5: "),
    ],
)  # fmt: skip
def test_a_wrong_line_is_named(
    lines: list[dict[str, Any]], line: int, change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    changed = [*lines[:line], lines[line] | change, *lines[line + 1 :]]
    with pytest.raises(ConfigError, match=message):
        read_trajectory(write(tmp_path / "a.jsonl", changed))


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "is empty"), ("{}\n[]", "line 2: a line is"), ('{"task": 1', "line 1: not JSON"),
     ("[" * 99_999, "line 1: not JSON")],
)  # fmt: skip
def test_what_is_no_trajectory_is_refused(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_trajectory(path)


def test_a_run_without_trajectories_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigError, match="neither"):
        open_run(tmp_path)
    assert main(["audit", str(tmp_path / "none")]) == FAILED
    assert "neither" in capsys.readouterr().err


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


@settings(deadline=None, max_examples=80)
@given(data=st.data())
def test_a_garbled_trajectory_is_read_or_its_line_named(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    lines = data.draw(st.sampled_from([PLAIN, ANDROID]))
    number = data.draw(st.integers(0, len(lines) - 1))
    key = data.draw(st.sampled_from([*lines[number], "x"]))
    garbled = [*lines[:number], lines[number] | {key: data.draw(_JSON)}, *lines[number + 1 :]]
    path = write(tmp_path_factory.getbasetemp() / "garbled" / "a.jsonl", garbled)
    problem = ""
    try:
        read_trajectory(path)
    except ConfigError as error:
        problem = str(error)
    assert not problem or f"line {number + 1}: " in problem
