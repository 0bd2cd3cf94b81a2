"""Candidate actions of logged states, proposed by the model in ``data/``."""

from __future__ import annotations

from pathlib import Path

import torch

from agentenv.actions import Tap
from agentenv.data_files import data_file
from agentenv.dialects import get_dialect
from agentenv.observations import Observation, UIElement
from agentenv.policies.vlm import VLMPolicy
from agentenv.trajectories.episode import Episode, Step
from tests.small_models import noise_png
from trainers.digiq.candidates import (
    Candidates,
    load_candidates,
    propose_candidates,
    save_candidates,
)
from trainers.digiq.features import geometry_of

JSON = get_dialect("json")
SCREEN = Observation(
    noise_png(0),
    tuple(UIElement(i, "button", name, (0, 0, 1, 1)) for i, name in enumerate(("Ok", "Cancel"))),
    "page",
    goal='Click on the "Ok" button.',
)


def episode(*actions: Tap | str) -> Episode:
    steps = [
        Step(SCREEN, text, JSON.parse(text), None, 0.0, (1, 2), (-0.5, -0.25))
        for text in (a if isinstance(a, str) else JSON.print(a) for a in actions)
    ]
    return Episode("t", "train", 0, "p", "1", tuple(steps), SCREEN, False, True)


def test_the_logged_action_comes_first_and_is_called_by_the_elements_own_name(
    tmp_path: Path,
) -> None:
    policy = VLMPolicy.from_pretrained(data_file("small_vlm"), temperature=1.2)
    logged = episode(Tap(label="Okk", element=0), "no action")
    rows = propose_candidates([logged], policy, n=6, progress=lambda done: None)
    assert [len(row.texts) for row in rows] == [6, 6]
    assert rows[0].texts[0] == '{"type":"tap","label":"Ok","element":0}'
    assert rows[1].texts[0] == "no action"
    assert rows[0].log_probs[0] == -0.75
    save_candidates(tmp_path / "c.parquet", rows)
    assert load_candidates(tmp_path / "c.parquet") == rows


def test_the_trained_policy_proposes_what_is_on_the_screen() -> None:
    policy = VLMPolicy.from_pretrained(data_file("small_vlm"), temperature=1.0)
    rows = propose_candidates([episode(Tap(element=1))], policy, n=16, progress=lambda done: None)
    proposed = [JSON.parse(text) for text in rows[0].texts[1:]]
    wanted = sum(action == Tap(label="Ok", element=0) for action in proposed)
    assert wanted > len(proposed) / 2


def test_one_candidate_is_the_logged_action_alone() -> None:
    policy = VLMPolicy.from_pretrained(data_file("small_vlm"), temperature=1.2)
    (row,) = propose_candidates([episode(Tap(element=1))], policy, n=1, progress=lambda done: None)
    assert row.texts == ('{"type":"tap","label":"Cancel","element":1}',)


def test_a_candidate_that_is_aimed_at_nothing_is_invalid() -> None:
    texts = (*(JSON.print(Tap(element=index)) for index in (0, 1, 2)), "no action")
    row = Candidates(texts, (0.0,) * 4)
    _, valid = geometry_of([row], [SCREEN.elements], JSON, torch.zeros(1, 4, 2))
    assert valid.tolist() == [[True, True, False, False]]
