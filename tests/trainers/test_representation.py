from __future__ import annotations

import io

import numpy as np
from PIL import Image

from agentenv.actions import Tap
from agentenv.observations import Observation, Screen
from agentenv.policies.prompts import Prompt
from agentenv.trajectories.episode import Episode, Step
from tests.small_models import noise_png, untrained_vlm
from trainers.digiq.representation import (
    Question,
    ask,
    finetune_representation,
    right_answers,
    screen_changed,
)


def gray(level: int, dot: int = 0) -> Screen:
    pixels = np.full((210, 160, 3), level, dtype=np.uint8)
    pixels[:dot, :dot] = 255
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return Screen(buffer.getvalue(), (), "page")


def test_a_screen_has_changed_past_thirty_squared_grey_levels() -> None:
    assert not screen_changed(gray(100), gray(105))  # 5 squared is 25
    assert screen_changed(gray(100), gray(106))  # 6 squared is 36
    assert not screen_changed(gray(100), gray(100, dot=4))


def test_nobody_knows_what_an_action_led_to_whose_next_screen_was_not_seen() -> None:
    seen = [Observation(screen.png, (), "page", goal="") for screen in (gray(100), gray(200))]
    steps = tuple(Step(screen, "", Tap(element=1), None, 0.0, (), ()) for screen in seen)
    episode = Episode("t", "train", 0, "p", "1", steps, None, False, True)
    assert right_answers(episode) == [{"change": True, "outcome": False}, None]


def test_the_model_learns_what_actions_do_and_what_becomes_of_them() -> None:
    vlm = untrained_vlm()
    questions = []
    for seed in range(4):
        for name, answers in (("Ok", (True, False)), ("dead", (False, True))):
            suffix, ends = ask(
                vlm, f'{{"type":"tap","label":"{name}"}}', Tap(element=1), ("change", "outcome")
            )
            prompt = Prompt("goal", noise_png(seed))
            questions.append(Question(prompt, tuple(suffix), tuple(ends), answers))
    accuracies: list[float] = []
    finetune_representation(
        vlm,
        questions,
        steps=40,
        batch_size=8,
        learning_rate=1e-3,
        seed=0,
        progress=lambda step, values: accuracies.append(values["accuracy"]),
    )
    assert accuracies[-1] == 1.0


def test_a_question_ends_where_its_answer_is_expected() -> None:
    vlm = untrained_vlm()
    text = '{"type":"tap","element":1}'
    ids, (first, last) = ask(vlm, text, Tap(element=1), ("change", "outcome"))
    asked = vlm.tokenizer.decode(ids[: first + 1])
    assert asked == f"{text}\nDoes this tap change the screen?\n"
    assert last == len(ids) - 1
    assert vlm.tokenizer.decode(ids).endswith("Does it lead to the goal?\n")
