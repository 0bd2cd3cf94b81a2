from __future__ import annotations

from dataclasses import replace

import numpy as np

from agentenv.actions import Answer, InputText, Tap
from agentenv.observations import Observation, UIElement
from agentenv.policies.base import History, Turn
from tests.small_models import noise_png
from trainers.augmentation import random_word, substitute

ELEMENTS = (
    UIElement(0, "textbox", "Username", (0, 0, 1, 0.1), editable=True),
    UIElement(1, "button", "Log in", (0, 0.2, 1, 0.3), clickable=True),
)
SCREEN = Observation(noise_png(0), ELEMENTS, "page", goal='Enter "jess" as the Username.')


def test_a_replaced_word_is_replaced_everywhere_and_nowhere_else() -> None:
    action = InputText(label="Username", element=0, text="jess")
    turns = (Turn(SCREEN, '{"type":"tap","label":"Username","element":0}'),)
    history, changed = substitute(
        History(SCREEN, turns), action, np.random.default_rng(0), share=1.0
    )
    assert isinstance(changed, InputText)
    assert changed.text not in ("jess", "")
    assert changed.label not in ("Username", "")
    assert history.observation.goal == f'Enter "{changed.text}" as the {changed.label}.'
    assert history.observation.elements[0].name == changed.label
    assert history.observation.elements[1].name == "Log in"
    assert history.turns[0].text == f'{{"type":"tap","label":"{changed.label}","element":0}}'
    assert changed.element == 0


def test_a_control_that_the_goal_does_not_name_keeps_its_name() -> None:
    """Whether to press it is told by its name alone."""
    history = History(SCREEN)
    assert substitute(history, Tap(label="Log in", element=1), np.random.default_rng(0), 1.0) == (
        history,
        Tap(label="Log in", element=1),
    )


def test_an_answer_that_was_read_or_told_stays_the_one_that_stands_there() -> None:
    told = Observation(noise_png(0), ELEMENTS, "page", goal="Who?", messages=("phone: jess",))
    history, changed = substitute(
        History(told), Answer(text="jess, of course"), np.random.default_rng(0), 1.0
    )
    assert isinstance(changed, Answer)
    assert changed.text != "jess, of course"
    name = changed.text.removesuffix(", of course")
    assert history.observation.messages == (f"phone: {name}",)


def test_what_was_told_before_is_replaced_with_what_is_typed_if_the_model_still_sees_it() -> None:
    past = Observation(noise_png(0), (), "page", messages=("profile phone: 12345",))
    history = History(replace(SCREEN, goal="Tell them."), (Turn(past, "x"),))
    action = InputText(label="Username", element=0, text="12345")
    rng = np.random.default_rng(0)
    assert substitute(history, action, rng, 1.0) == (history, action)
    changed_history, changed = substitute(history, action, rng, 1.0, max_told=1)
    assert isinstance(changed, InputText)
    assert changed.text != "12345"
    assert changed_history.turns[0].observation.messages == (f"profile phone: {changed.text}",)


def test_nothing_changes_at_share_zero() -> None:
    action = Tap(label="Log in", element=1)
    assert substitute(History(SCREEN), action, np.random.default_rng(0), 0.0) == (
        History(SCREEN),
        action,
    )


def test_made_up_words_keep_case_and_kind() -> None:
    rng = np.random.default_rng(0)
    assert random_word(rng, "Jess")[0].isupper()
    assert random_word(rng, "jess").islower()
    assert len(random_word(rng, "x9")) >= 2
