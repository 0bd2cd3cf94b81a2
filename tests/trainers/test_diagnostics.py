"""The numbers that tell whether a critic is any good, and what is said about them."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from trainers.digiq.critic import Critic, CriticShape
from trainers.digiq.diagnostics import (
    CalibrationBin,
    Diagnostics,
    action_sensitivity,
    calibration_error,
    calibration_table,
    diagnose,
    ranking,
    verdict,
)
from trainers.digiq.transitions import TransitionFeatures, lay_out


def test_ranking_is_the_share_of_pairs_in_the_right_order() -> None:
    scores = torch.tensor([0.9, 0.4, 0.5, 0.4])
    labels = torch.tensor([True, True, False, False])
    assert ranking(scores, labels) == pytest.approx((1 + 1 + 0 + 0.5) / 4)


def test_ranking_within_groups_ignores_that_one_task_is_easier() -> None:
    scores = torch.tensor([0.9, 0.8, 0.2, 0.1])
    labels = torch.tensor([True, False, False, True])
    assert ranking(scores, labels, torch.tensor([0, 0, 1, 1])) == pytest.approx(0.5)


def test_ranking_without_both_kinds_is_not_a_number() -> None:
    assert math.isnan(ranking(torch.rand(3), torch.ones(3, dtype=torch.bool)))


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=1, max_size=30))
def test_ranking_agrees_with_counting_every_pair(rows: list[tuple[int, bool]]) -> None:
    pairs = [(a > b) + (a == b) / 2 for a, good in rows if good for b, bad in rows if not bad]
    result = ranking(
        torch.tensor([float(score) for score, _ in rows]),
        torch.tensor([label for _, label in rows]),
    )
    assert result == pytest.approx(sum(pairs) / len(pairs) if pairs else math.nan, nan_ok=True)


def test_calibration_compares_predicted_and_observed_in_each_bin() -> None:
    values = torch.tensor([0.12, 0.18, 0.95, 1.2, -0.3])
    returns = torch.tensor([0.0, 1.0, 1.0, 1.0, 0.0])
    table = calibration_table(values, returns)
    assert [(row.low, row.count) for row in table] == [(0.0, 1), (0.1, 2), (0.9, 2)]
    assert table[1].predicted == pytest.approx(0.15)
    assert table[1].observed == pytest.approx(0.5)
    error = (1 * 0.3 + 2 * 0.35 + 2 * (2.15 / 2 - 1)) / 5
    assert calibration_error(table) == pytest.approx(error)


def test_sensitivity_counts_valid_candidates_only() -> None:
    q = torch.tensor([[0.0, 0.2, 9.0], [1.0, 1.0, 1.0], [5.0, 7.0, 7.0]])
    valid = torch.tensor([[True, True, False], [True, True, True], [True, False, False]])
    spread, relative = action_sensitivity(q, valid)
    assert spread == pytest.approx(0.1 / 2)
    assert relative == pytest.approx(0.05 / 0.45)


def test_a_critic_that_ignores_the_action_has_no_sensitivity() -> None:
    q = torch.rand(6, 1).expand(6, 4)
    spread, relative = action_sensitivity(q, torch.ones(6, 4, dtype=torch.bool))
    assert spread == pytest.approx(0.0, abs=1e-6)
    assert relative == pytest.approx(0.0, abs=1e-6)


def hand_made() -> tuple[Critic, TransitionFeatures]:
    """Two episodes of two steps, one a success. Q(s, a) = the candidate's feature,
    V(s) = the state's."""
    features = TransitionFeatures(
        state_features=torch.tensor([[0.7], [0.9], [0.3], [0.2]]),
        candidate_features=torch.tensor([[0.8, 0.6], [0.95, 0.5], [0.2, 0.6], [0.1, 0.0]])[
            ..., None
        ],
        candidate_geometry=torch.zeros(4, 2, 1),
        candidate_valid=torch.ones(4, 2, dtype=torch.bool),
        rewards=torch.tensor([0.0, 1.0, 0.0, 0.0]),
        final_state_features=torch.zeros(0, 1),
        task=torch.tensor([0, 0, 1, 1]),
        **vars(lay_out([2, 2], [True, True])),
    )
    critic = Critic(CriticShape(1, 1, 1, ensemble=1, layers=0)).eval()
    with torch.no_grad():
        critic.q_heads.weights[0].copy_(torch.tensor([0.0, 1.0, 0.0])[None, :, None])
        critic.v_heads.weights[0].fill_(1.0)
    return critic, features


def test_a_hand_made_critic_is_described_as_it_is() -> None:
    d = diagnose(*hand_made(), gamma=0.9)
    assert (d.states, d.successes) == (4, 2)
    assert d.ranking == 1.0
    assert math.isnan(d.ranking_within_task)  # no task has both outcomes
    assert d.advantage_ranking == 1.0
    assert d.choice == 1.0
    assert d.sensitivity == pytest.approx((0.1 + 0.225 + 0.2 + 0.05) / 4)
    errors = [(0.8 - 0.9) ** 2, (0.95 - 1.0) ** 2, 0.2**2, 0.1**2]
    assert d.return_error == pytest.approx(sum(errors) / 4)
    assert d.kept == 0.75
    assert d.changed == pytest.approx(1 / 3)
    depth_0 = (abs(0.9 * 0.9 - 0.8) + abs(0.9 * 0.2 - 0.2)) / 2
    depth_1 = (abs(1.0 - 0.95) + abs(0.0 - 0.1)) / 2
    assert d.td_error_by_depth == pytest.approx({0: depth_0, 1: depth_1}, abs=1e-5)


def test_an_action_that_was_sampled_twice_is_no_choice() -> None:
    critic, features = hand_made()
    twice = features.candidate_features.clone()
    twice[:2, 1] = twice[:2, 0]
    d = diagnose(critic, replace(features, candidate_features=twice), gamma=0.9)
    assert d.choice == 0.5
    assert d.sensitivity == pytest.approx((0.2 + 0.05) / 2)


def test_a_critic_can_be_judged_on_some_states() -> None:
    critic, features = hand_made()
    d = diagnose(critic, features, gamma=0.9, rows=torch.tensor([1, 3]))
    assert (d.states, d.successes) == (2, 1)
    assert set(d.td_error_by_depth) == {1}


def test_the_numbers_for_a_log_are_all_scalars() -> None:
    numbers = diagnose(*hand_made(), gamma=0.9).numbers()
    assert {"ranking", "sensitivity", "changed"} <= set(numbers)
    assert all(isinstance(value, float) for value in numbers.values())


SOUND = Diagnostics(
    states=500,
    successes=200,
    return_error=0.1,
    return_variance=0.2,
    ranking=0.85,
    ranking_within_task=0.7,
    advantage_ranking=0.6,
    calibration=(CalibrationBin(0.0, 0.1, 500, 0.05, 0.06),),
    calibration_error=0.05,
    choice=0.6,
    sensitivity=0.1,
    sensitivity_relative=0.5,
    changed=0.6,
    kept=0.9,
    td_error_by_depth={0: 0.1},
)


def test_a_sound_critic_gets_one_reassuring_sentence() -> None:
    (sentence,) = verdict(SOUND)
    assert "looks sound" in sentence


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        ({"successes": 0}, "nothing to learn from"),
        ({"successes": 500}, "nothing to learn from"),
        ({"successes": 7}, "rough"),
        ({"return_error": 0.3}, "worse than their mean"),
        ({"ranking": 0.5}, "hardly knows success from failure"),
        ({"ranking_within_task": 0.5}, "which tasks are easy"),
        ({"sensitivity_relative": 0.01}, "collapsed to V"),
        ({"choice": 0.1}, "10% of the states have two different candidates"),
        ({"advantage_ranking": 0.5}, "spread is noise"),
        ({"calibration_error": 0.3}, "off by 0.30"),
        ({"kept": 0.0}, "lower the threshold"),
        ({"changed": 0.0}, "close to imitating"),
    ],
)
def test_the_verdict_names_the_trouble(trouble: dict[str, float], words: str) -> None:
    sentences = verdict(replace(SOUND, **trouble))  # type: ignore[arg-type]
    assert any(words in sentence for sentence in sentences)
    assert not any("looks sound" in sentence for sentence in sentences)


def test_numbers_the_data_cannot_tell_are_no_trouble() -> None:
    unknown = replace(SOUND, ranking_within_task=math.nan, sensitivity_relative=math.nan)
    assert "looks sound" in verdict(unknown)[0]
