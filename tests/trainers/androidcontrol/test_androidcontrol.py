"""AndroidControl: files as they are published, three protocols, and the command."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from agentenv.actions import (
    Action,
    InputText,
    Invalid,
    LongPress,
    OpenApp,
    PressKey,
    Scroll,
    Swipe,
    Tap,
    Wait,
)
from agentenv.cli.main import main
from agentenv.dialects import get_dialect
from agentenv.errors import ConfigError, StoreError
from agentenv.observations import UIElement
from agentenv.policies.base import Decision, History
from tests.trainers.androidcontrol.files import ACTIONS, HEIGHT, WIDTH, episode, write
from trainers.androidcontrol.evaluation import answer, episodes_of, groups_of, histories_of, score
from trainers.androidcontrol.protocols import PROTOCOLS, compare
from trainers.androidcontrol.records import Demonstration, demonstrations

JSON = get_dialect("json")
SIZE = (WIDTH, HEIGHT)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    shards = [[episode(0), episode(7)], [episode(8, ACTIONS[1:3])]]
    return write(tmp_path_factory.mktemp("android") / "data", shards)


class Told:
    """Says what was demonstrated, but for some steps."""

    name, version = "told", "1"

    def __init__(self, wrong: Sequence[int] = (), text: str = "?") -> None:
        self.wrong, self.text = wrong, text
        self.asked = 0

    def act(self, histories: Sequence[History]) -> list[Decision]:
        self.asked += len(histories)
        said = []
        for history in histories:
            step = history.observation.step
            actions = ACTIONS if history.instance.endswith(("/0", "/7")) else ACTIONS[1:3]
            right = JSON.print(demonstrated(actions[step]))
            said.append(self.text if step in self.wrong else right)
        return [Decision(text, JSON.parse(text)) for text in said]


def demonstrated(action: dict[str, Any]) -> Action:
    """As the reader makes it."""
    made: dict[str, Action] = {
        "open_app": OpenApp(app="Notes"),
        "click": Tap(point=(20 / WIDTH, 30 / HEIGHT)),
        "input_text": InputText(text="Buy milk"),
        "scroll": Scroll(direction="down"),
        "navigate_back": PressKey(key="back"),
    }
    return made[action["action_type"]]


def test_an_episode_is_read_as_it_was_written(data: Path) -> None:
    first, second, third = demonstrations(data)
    assert (first.episode, second.episode, third.episode) == (0, 7, 8)
    assert first.goal == "Write a note"
    assert first.instructions[1] == "Do step 1"
    assert first.actions == tuple(demonstrated(action) for action in ACTIONS)
    screen = first.screens[0]
    assert screen.screenshot.shape == (HEIGHT, WIDTH, 3)
    (button,) = screen.elements
    assert (button.role, button.name, button.clickable) == ("button", 'Ok "<&', True)
    assert button.bounds == pytest.approx((10 / 108, 20 / 240, 60 / 108, 40 / 240), abs=1e-4)


def test_splits_choose_episodes(data: Path) -> None:
    assert [one.episode for one in episodes_of(data, "test", 0)] == [7, 8]
    assert [one.episode for one in episodes_of(data, "test", 1)] == [7]
    assert len(list(episodes_of(data, "all", 0))) == 3
    with pytest.raises(ConfigError, match="no split 'tset'; there are: train, test, all"):
        episodes_of(data, "tset", 0)


def test_every_action_of_the_dataset_is_known() -> None:
    from trainers.androidcontrol.records import _action

    assert _action({"action_type": "long_press", "x": 54, "y": 999}, SIZE) == LongPress(
        point=(0.5, 1.0)
    )
    assert _action({"action_type": "wait"}, SIZE) == Wait()
    assert _action({"action_type": "navigate_home"}, SIZE) == PressKey(key="home")
    typed = _action({"action_type": "type", "text": "hi", "x": 54, "y": 0}, SIZE)
    assert typed == InputText(text="hi", point=(0.5, 0.0))
    for wrong in ({"action_type": "fly"}, {"action_type": "scroll", "direction": "sideways"}):
        with pytest.raises(ValueError, match="action"):
            _action(wrong, SIZE)


@pytest.mark.parametrize("damage", ["cut", "no gzip", "no record", "no episode"])
def test_a_damaged_file_is_named(damage: str, data: Path, tmp_path: Path) -> None:
    whole = (data / "android_control-00000-of-00002").read_bytes()
    path = tmp_path / "android_control-00000-of-00001"
    if damage == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    elif damage == "no gzip":
        path.write_bytes(b"<html>not found</html>")
    elif damage == "no record":
        path.write_bytes(gzip.compress(b"<html>not found</html>"))
    else:
        broken = episode(1)
        del broken["goal"]
        write(tmp_path, [[broken]])
    with pytest.raises(StoreError, match="android_control-00000-of-00001"):
        list(demonstrations(tmp_path))


def test_a_folder_without_the_dataset_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no files named android_control"):
        list(demonstrations(tmp_path))
    with pytest.raises(ConfigError, match="downloaded with the data"):
        episodes_of(tmp_path, "test", 0)


BUTTON = UIElement(3, "button", "Ok", (0.2, 0.2, 0.4, 0.3), clickable=True)
CLICK = Tap(point=(0.25, 0.28))


def right(action: Action, reference: Action = CLICK) -> dict[str, bool]:
    """By protocol; on a screen of 1000 x 2000."""
    return {
        name: compare(action, reference, [BUTTON], (1000, 2000), rule).arguments
        for name, rule in PROTOCOLS.items()
    }


@pytest.mark.parametrize(
    ("point", "strict", "qwen", "r14"),
    [
        ((0.39, 0.21), True, True, False),  # in the box, 0.157 away
        ((0.41, 0.29), False, True, False),  # in the box enlarged by a tenth on each side
        ((0.30, 0.33), False, False, True),  # below the enlarged box; 112 pixels away
        ((0.25, 0.315), False, True, True),  # below it, 70 pixels away, of at most 80
        ((0.60, 0.28), False, False, False),
    ],
)
def test_protocols_differ_in_where_a_click_is_right(
    point: tuple[float, float], strict: bool, qwen: bool, r14: bool
) -> None:
    found = right(Tap(point=point))
    assert found == {"strict_bbox": strict, "qwen_1.2x_0.04": qwen, "r14": r14}


def test_an_element_counts_by_its_centre() -> None:
    assert all(right(Tap(element=3)).values())
    assert not any(right(Tap(element=9)).values())


def test_without_an_element_there_the_strict_box_is_the_point() -> None:
    away = Tap(point=(0.9, 0.9))
    assert right(Tap(point=(0.9, 0.91)), away) == {
        "strict_bbox": False,
        "qwen_1.2x_0.04": True,
        "r14": True,
    }


@pytest.mark.parametrize(
    ("action", "reference", "type_right", "all_right"),
    [
        (Swipe(start=(0.5, 0.8), end=(0.5, 0.2)), Scroll(direction="down"), True, True),
        (Scroll(direction="up"), Scroll(direction="down"), True, False),
        (InputText(text="buy  MILK", element=3), InputText(text="Buy milk"), True, True),
        (InputText(text="buy"), InputText(text="Buy milk"), True, False),
        (OpenApp(app="the notes"), OpenApp(app="The Notes"), True, True),
        (PressKey(key="home"), PressKey(key="back"), False, False),
        (Wait(seconds=5), Wait(), True, True),
        (LongPress(element=3), CLICK, False, False),
        (Invalid(reason="?"), CLICK, False, False),
    ],
)
def test_type_and_arguments(
    action: Action, reference: Action, type_right: bool, all_right: bool
) -> None:
    match = compare(action, reference, [BUTTON], (1000, 2000), PROTOCOLS["strict_bbox"])
    assert (match.type, match.arguments) == (type_right, all_right)


def test_history_is_what_was_demonstrated_and_low_says_the_instruction(data: Path) -> None:
    one = next(iter(demonstrations(data)))
    high = histories_of(one, "high", JSON)
    low = histories_of(one, "low", JSON)
    assert high[2].observation.goal == "Write a note"
    assert low[2].observation.goal == "Write a note\nNow: Do step 2"
    assert [turn.text for turn in low[2].turns] == [JSON.print(a) for a in one.actions[:2]]


def answered(data: Path, policy: Told, kept: Path) -> list[tuple[Demonstration, Any, list[str]]]:
    episodes = list(episodes_of(data, "test", 0))
    return list(answer(policy, episodes, ("high", "low"), JSON, kept, batch=2))


def test_scores_by_length_and_group_with_what_does_not_parse_in_the_denominator(
    data: Path, tmp_path: Path
) -> None:
    policy = Told(wrong=[1], text="no idea")
    scores = score(answered(data, policy, tmp_path / "kept"), JSON, groups_of(data))
    every = scores["high", "strict_bbox", "all"]
    # Seven steps, two of them clicks; step 1 is a click in one and a text in the other.
    assert (every.type.successes, every.type.n) == (5, 7)
    assert (every.grounding.successes, every.grounding.n) == (1, 2)
    assert every.success == every.type
    assert scores["low", "r14", "length 4-8"].type.n == 5
    assert scores["low", "r14", "length 1-3"].type.n == 2
    assert scores["high", "r14", "app_unseen"].type.n == 5


def test_what_was_answered_is_not_asked_again(data: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    first = Told()
    whole = answered(data, first, kept)
    assert first.asked == 14
    lines = kept.read_text().splitlines(keepends=True)
    kept.write_text("".join(lines[:-1]) + lines[-1][:20])  # killed while it wrote
    again = Told()
    assert [texts for *_, texts in answered(data, again, kept)] == [t for *_, t in whole]
    assert again.asked == 2


def test_the_command_prints_every_protocol(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["eval", "androidcontrol", str(data), "--policy", "random", "--out", str(tmp_path)]
    assert main(words) == 0
    said = capsys.readouterr().out
    for name in (*PROTOCOLS, "AndroidControl-High", "AndroidControl-Low", "app_unseen"):
        assert name in said
    rows = json.loads((tmp_path / "results.json").read_text())["rows"]
    assert {row["type"]["n"] for row in rows if row["episodes"] == "all"} == {7}
    assert main([*words[:3], "--policy", "oracle"]) == 1
    assert "no oracle" in capsys.readouterr().err
