"""What a model reads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentenv.actions import ACTION_MODELS, BROWSER_ACTIONS, Tap
from agentenv.dialects import get_dialect
from agentenv.errors import ConfigError
from agentenv.observations import Observation, UIElement
from agentenv.policies.base import History, Turn
from agentenv.policies.prompts import FORMAT_FILE, PromptFormat, element_line, render
from agentenv.tasks.targets import target_of
from tests.small_models import noise_png

JSON = get_dialect("json")
FORM = PromptFormat(instructions=False)


def screen(*elements: UIElement, **rest: object) -> Observation:
    return Observation(noise_png(0), elements, "page", goal="Log in.", **rest)  # type: ignore[arg-type]


@given(name=st.text(max_size=80), value=st.text(max_size=80), index=st.integers(0, 500))
def test_to_act_on_an_element_is_to_repeat_a_piece_of_its_line(
    name: str, value: str, index: int
) -> None:
    element = UIElement(index, "button", name, (0, 0, 1, 1), value=value)
    answer = JSON.print(Tap(**target_of(element)))
    target = answer.removeprefix('{"type":"tap",')
    assert element_line(element, FORM).startswith("{" + target)


def test_an_element_is_one_line_whatever_it_says() -> None:
    element = UIElement(
        3, "textbox", "a\nb", (0, 0, 1, 1), value="c\r\nd", description="e\u2028f", focused=True
    )
    assert len(element_line(element, FORM).splitlines()) == 1


def test_a_password_is_not_shown_as_a_label() -> None:
    element = UIElement(3, "textbox", "", (0, 0, 1, 1), value="secret", password=True)
    assert "secret" not in element_line(element, FORM)


def test_the_goal_the_last_actions_messages_and_the_last_error_are_told() -> None:
    now = screen(
        UIElement(1, "button", "Go", (0, 0.5, 1, 0.6)),
        last_action_error="no element 9",
        messages=("alert: Saved", "a\nb"),
    )
    turns = tuple(Turn(now, f"answer {number}") for number in range(9))
    text = render(History(now, turns), JSON, FORM).text
    assert text.splitlines() == [
        "Log in.",
        '{"label":"Go","element":1} button',
        "did answer 6",
        "did answer 7",
        "did answer 8",
        "message alert: Saved",
        "message a b",
        "error no element 9",
    ]


def test_what_earlier_steps_were_told_is_shown_once_as_far_as_the_format_keeps_it() -> None:
    past = [Turn(screen(messages=(f"profile {key}: x",)), "y") for key in "aabc"]
    now = screen(messages=("profile d: x",))

    def lines(form: PromptFormat) -> list[str]:
        return render(History(now, tuple(past)), JSON, form).text.splitlines()

    end = ["did y"] * 3 + ["message profile d: x"]
    assert lines(replace(FORM, max_told=2))[-6:] == [
        "told profile b: x",
        "told profile c: x",
        *end,
    ]
    assert lines(replace(FORM, max_told=8))[-7:-4] == [f"told profile {k}: x" for k in "abc"]
    assert not any(line.startswith("told") for line in lines(replace(FORM, max_told=0)))


def test_a_format_that_was_saved_before_messages_were_kept_keeps_none(tmp_path: Path) -> None:
    (tmp_path / FORMAT_FILE).write_text('{"max_turns": 4}')
    assert PromptFormat.load(tmp_path) == PromptFormat(max_turns=4, max_told=0)


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "not JSON"), ("[]", "holds no settings"), ('{"max_turn": 3}', "max_turn")],
)
def test_a_format_that_cannot_be_read_is_refused_with_its_file(
    tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / FORMAT_FILE).write_text(text)
    with pytest.raises(ConfigError, match=said):
        PromptFormat.load(tmp_path)


def test_the_instructions_name_what_the_device_can_do_and_nothing_else() -> None:
    text = render(History(screen()), JSON, PromptFormat(), BROWSER_ACTIONS).text
    assert all(name in text for name in BROWSER_ACTIONS)
    assert not any(name in text for name in set(ACTION_MODELS) - set(BROWSER_ACTIONS))


def test_a_format_survives_saving(tmp_path: Path) -> None:
    form = PromptFormat(instructions=False, max_elements=7)
    form.save(tmp_path)
    assert PromptFormat.load(tmp_path) == form
    assert PromptFormat.load(tmp_path / "missing") == PromptFormat()
