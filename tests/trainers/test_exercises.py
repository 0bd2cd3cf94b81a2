from __future__ import annotations

import numpy as np

from agentenv.actions import InputText, Tap
from agentenv.observations import Observation
from tests.small_models import noise_png
from trainers.exercises import make_exercise

SCREEN = Observation(noise_png(0), (), "page", goal="Click OK.")


def test_right_actions_are_those_the_goal_names_on_elements_the_screen_has() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        exercise = make_exercise(SCREEN, rng)
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
        exercise = make_exercise(SCREEN, rng)
        by_index = {element.index: element for element in exercise.history.observation.elements}
        for action in exercise.wrong:
            assert isinstance(action, Tap | InputText)
            assert action.element is not None
            assert by_index[action.element].name == action.label
            assert action not in exercise.right
            wrong += 1
    assert wrong > 50
