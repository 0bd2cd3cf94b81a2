from __future__ import annotations

import numpy as np

from agentenv.actions import InputText, Tap
from agentenv.dialects import get_dialect
from agentenv.observations import Observation
from tests.small_models import noise_png
from trainers.exercises import make_exercise

SCREEN = Observation(noise_png(0), (), "page", goal="Click OK.")
SAY = get_dialect("json").print


def test_right_actions_are_those_the_goal_names_on_elements_the_screen_has() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        exercise = make_exercise(SCREEN, rng, SAY)
        now = exercise.history.observation
        by_index = {element.index: element for element in now.elements}
        assert exercise.right
        for action in exercise.right:
            assert isinstance(action, Tap | InputText)
            assert action.element is not None
            assert by_index[action.element].name == action.label
            assert action.label in now.goal
            if isinstance(action, InputText):
                assert f'"{action.text}"' in now.goal


def test_wrong_actions_can_be_carried_out_but_are_not_asked_for() -> None:
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(50):
        exercise = make_exercise(SCREEN, rng, SAY)
        by_index = {element.index: element for element in exercise.history.observation.elements}
        for action in exercise.wrong:
            assert isinstance(action, Tap | InputText)
            assert action.element is not None
            assert by_index[action.element].name == action.label
            assert action not in exercise.right
            wrong += 1
    assert wrong > 50


def test_what_was_done_is_told_and_is_not_right_again() -> None:
    rng = np.random.default_rng(0)
    exercises = [make_exercise(SCREEN, rng, SAY) for _ in range(50)]
    begun = [one for one in exercises if one.history.turns]
    assert 10 < len(begun) < 40
    for exercise in begun:
        now = exercise.history.observation
        for turn in exercise.history.turns:
            action = get_dialect("json").parse(turn.text)
            assert action in exercise.wrong
            assert action not in exercise.right
            if isinstance(action, InputText):
                assert action.element is not None
                values = {element.index: element.value for element in now.elements}
                assert values[action.element] == action.text
