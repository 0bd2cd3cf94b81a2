"""What each method imitates, and how hard: numbers worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from agentenv.policies.prompts import Prompt
from trainers.digiq import methods
from trainers.digiq.candidates import Candidates
from trainers.digiq.critic import Critic, CriticShape
from trainers.digiq.extraction import best_of_n
from trainers.digiq.methods import Selection, digirl_advantages, examples_of
from trainers.digiq.transitions import TransitionFeatures, lay_out


def test_filtered_bc_imitates_the_logged_steps_of_successes() -> None:
    chosen = methods.filtered_bc(torch.tensor([True, True, False]))
    assert chosen.slots.tolist() == [0, 0, 0]
    assert chosen.keep.tolist() == [True, True, False]
    assert chosen.weights.tolist() == [1.0, 1.0, 0.0]
    assert chosen.changed == 0.0


def test_digiq_imitates_the_best_candidate() -> None:
    table = torch.tensor([[0.1, 0.3], [0.2, 0.1], [-0.2, -0.1]])
    chosen = methods.digiq(*best_of_n(table, torch.ones(3, 2, dtype=torch.bool)))
    assert chosen.slots.tolist() == [1, 0, 1]
    assert chosen.keep.tolist() == [True, True, False]
    assert chosen.weights.tolist() == [1.0, 1.0, 1.0]
    assert chosen.changed == 0.5


def test_digirl_keeps_the_logged_actions_that_beat_one_over_the_step_limit() -> None:
    chosen = methods.digirl(torch.tensor([0.11, 0.09, 0.09]), torch.tensor([10, 10, 20]))
    assert chosen.slots.tolist() == [0, 0, 0]
    assert chosen.keep.tolist() == [True, False, True]


def test_reinforce_weighs_by_the_advantage_and_leaves_out_what_is_invalid() -> None:
    chosen = methods.reinforce(torch.tensor([0.3, -0.2, -math.inf]))
    assert chosen.slots.tolist() == [0, 0, 0]
    assert chosen.keep.tolist() == [True, True, False]
    assert chosen.weights.tolist() == pytest.approx([0.3, -0.2, 0.0])


def test_awr_weighs_by_the_exponential_of_the_advantage_up_to_a_limit() -> None:
    chosen = methods.awr(torch.tensor([0.0, 0.1, -0.2, 9.0, -math.inf]), beta=0.1, max_weight=20)
    assert chosen.keep.tolist() == [True, True, True, True, False]
    assert chosen.weights.tolist() == pytest.approx([1.0, math.e, math.exp(-2), 20.0, 0.0])


def two_episodes() -> tuple[Critic, TransitionFeatures]:
    """A success of three steps, and a time-out of one. V_1(s) = s, V_2(s) = 2 s; the
    states are 0.2, 0.1, 0.4 and 0.3, after the time-out 0.5."""
    features = TransitionFeatures(
        state_features=torch.tensor([[0.2], [0.1], [0.4], [0.3]]),
        candidate_features=torch.zeros(4, 1, 1),
        candidate_geometry=torch.zeros(4, 1, 1),
        candidate_valid=torch.ones(4, 1, dtype=torch.bool),
        rewards=torch.tensor([0.0, 0.0, 1.0, 0.0]),
        final_state_features=torch.tensor([[0.5]]),
        **vars(lay_out([3, 1], [True, False])),
    )
    critic = Critic(CriticShape(1, 1, 1, ensemble=2, layers=0)).eval()
    with torch.no_grad():
        critic.v_heads.weights[0].copy_(torch.tensor([[[1.0]], [[2.0]]]))
    return critic, features


def test_the_digirl_advantage_mixes_the_outcome_with_the_rise_of_the_smallest_v() -> None:
    result = digirl_advantages(*two_episodes(), mixing=0.5)
    expected = [
        0.25 * 1 + 0.75 * (0.1 - 0.2),  # two steps before the end
        0.5 * 1 + 0.5 * (0.4 - 0.1),
        1.0,  # the last step is judged by the outcome
        0.0,
    ]
    torch.testing.assert_close(result, torch.tensor(expected))


def test_without_mixing_the_digirl_advantage_is_the_rise_of_v_but_for_the_last_step() -> None:
    result = digirl_advantages(*two_episodes(), mixing=0.0)
    torch.testing.assert_close(result, torch.tensor([-0.1, 0.3, 1.0, 0.0]))


def test_a_selection_becomes_answers_with_weights_and_where_they_came_from() -> None:
    prompts = [Prompt(text, None) for text in "abc"]
    candidates = [
        Candidates((f"{p.text}0", f"{p.text}1"), (-1.0 - i, -5.0)) for i, p in enumerate(prompts)
    ]
    chosen = Selection(
        torch.tensor([0, 1, 0]), torch.tensor([True, False, True]), torch.tensor([0.5, 1.0, -0.25])
    )
    found = [
        (e.prompt, e.answer, e.weight, e.behaviour)
        for e in examples_of(chosen, prompts, candidates)
    ]
    assert found == [(prompts[0], "a0", 0.5, -1.0), (prompts[2], "c0", -0.25, -3.0)]
