from __future__ import annotations

import io

import numpy as np
from PIL import Image

from agentenv.actions import Tap
from agentenv.observations import Screen
from agentenv.policies.prompts import Prompt
from tests.small_models import noise_png, untrained_vlm
from trainers.digiq.representation import (
    Question,
    finetune_representation,
    question_suffix,
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


def test_the_model_learns_which_actions_change_the_screen() -> None:
    vlm = untrained_vlm()
    suffixes = {
        name: tuple(question_suffix(vlm, f'{{"type":"tap","label":"{name}"}}', Tap(element=1)))
        for name in ("Ok", "dead")
    }
    questions = [
        Question(Prompt("goal", noise_png(seed)), suffixes[name], changed=name == "Ok")
        for seed in range(4)
        for name in suffixes
    ]
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
