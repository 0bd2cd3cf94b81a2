"""Best-of-N and its baselines: which action of each state is imitated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from trainers.digiq.critic import Critic, CriticShape, evaluate
from trainers.digiq.critic_config import CriticConfig
from trainers.digiq.diagnostics import diagnose, ranking
from trainers.digiq.extraction import (
    TIE_TOLERANCE,
    Aggregation,
    BestOfN,
    best_of_n,
    combine,
    observe,
    share_changed,
    unlikeliness,
)
from trainers.digiq.td import train_critic
from trainers.digiq.transitions import TransitionFeatures, lay_out

VALID = torch.ones(1, 3, dtype=torch.bool)


@pytest.mark.parametrize(
    ("aggregation", "expected"),
    [("min", [0.1, 0.0]), ("mean", [0.1, 0.2]), ("max", [0.1, 0.4])],
)
def test_advantages_aggregate_q_and_v_before_subtracting(
    aggregation: Aggregation, expected: list[float]
) -> None:
    q = torch.tensor([[[0.4, 0.3]], [[0.6, 0.9]]])
    v = torch.tensor([[0.3], [0.5]])
    result = combine(q, v, torch.ones(1, 2, dtype=torch.bool), aggregation)
    torch.testing.assert_close(result, torch.tensor([expected]))


def test_an_invalid_candidate_never_wins() -> None:
    q, v = torch.tensor([[[0.1, 9.0, 0.2]]]), torch.zeros(1, 1)
    valid = torch.tensor([[True, False, True]])
    table = combine(q, v, valid)
    assert table[0, 1] == -torch.inf
    slots, keep = best_of_n(table, valid)
    assert (slots.tolist(), keep.tolist()) == ([2], [True])


def test_a_state_without_valid_candidates_is_not_kept() -> None:
    slots, keep = best_of_n(torch.ones(1, 3), ~VALID, threshold=-torch.inf)
    assert (slots.tolist(), keep.tolist()) == ([0], [False])


def test_best_of_n_keeps_only_what_beats_the_threshold() -> None:
    table = torch.tensor([[0.0, 0.3, 0.1], [-0.2, -0.1, -0.3], [0.05, 0.0, -1.0]])
    slots, keep = best_of_n(table, VALID.expand(3, -1), threshold=0.1)
    assert slots.tolist() == [1, 1, 0]
    assert keep.tolist() == [True, False, False]
    assert best_of_n(table, VALID.expand(3, -1))[1].tolist() == [True, False, True]


def test_ties_prefer_the_lowest_slot_even_when_rounding_differs() -> None:
    assert best_of_n(torch.tensor([[0.5, 0.5, 0.5]]), VALID)[0].item() == 0
    assert best_of_n(torch.tensor([[0.5, 0.5 + 1e-7, 0.1]]), VALID)[0].item() == 0
    assert best_of_n(torch.tensor([[0.1, 0.5, 0.5]]), VALID)[0].item() == 1


def test_a_diverged_critic_is_not_extracted_from() -> None:
    with pytest.raises(ValueError, match="NaN"):
        best_of_n(torch.tensor([[0.1, torch.nan, 0.2]]), VALID)
    assert best_of_n(torch.tensor([[0.1, torch.nan, 0.2]]), torch.tensor([[1, 0, 1]]).bool())


@settings(deadline=None)
@given(
    arrays(np.float32, array_shapes(min_dims=2, max_dims=2), elements=st.floats(-1, 1, width=16)),
    st.randoms(use_true_random=False),
)
def test_no_valid_candidate_is_better_than_the_chosen_one(
    values: np.ndarray, random: np.random.Generator
) -> None:
    table = torch.from_numpy(values)
    valid = torch.tensor([[random.random() < 0.7 for _ in row] for row in values])
    slots, keep = best_of_n(table, valid)
    for row, slot in enumerate(slots.tolist()):
        choices = [float(x) for x, ok in zip(table[row], valid[row], strict=True) if ok]
        chosen = float(table[row, slot])
        assert bool(keep[row]) == (bool(choices) and chosen > 0)
        if choices:
            assert valid[row, slot]
            assert chosen >= max(choices) - TIE_TOLERANCE


def test_the_share_changed_counts_kept_states_only() -> None:
    slots, keep = torch.tensor([0, 2, 1, 3]), torch.tensor([True, True, True, False])
    assert share_changed(slots, keep) == pytest.approx(2 / 3)
    assert share_changed(slots, ~keep & False) == 0.0


def needle_problem(episodes: int, seed: int = 0) -> tuple[TransitionFeatures, torch.Tensor]:
    """Episodes of 1-3 right actions, with features in which the action is a small part.

    A candidate is good if a hidden linear score of its random embedding, together with
    the state's, is high; the logged action is one of 8 drawn alike. A bad action ends
    the episode half of the time. Features: tanh of a random mixture, states weighing
    twice as much as actions. Also which candidates are good, (S, N) bool.
    """
    rng = np.random.default_rng(seed)
    candidates, hidden, size = 8, 8, 64
    score = rng.normal(size=hidden) / np.sqrt(hidden)
    mix_state, mix_action = rng.normal(size=(2, hidden, size)) / np.sqrt(hidden)
    rows: list[tuple[np.ndarray, np.ndarray, np.ndarray, float]] = []
    lengths, terminated, finals = [], [], []
    for _ in range(episodes):
        needed, length, done = int(rng.integers(1, 4)), 0, False
        limit = needed + 2
        while not done and length < limit:
            state = rng.normal(size=hidden)
            state[0] = needed  # how much remains to be done
            actions = rng.normal(size=(candidates, hidden))
            good = actions @ score + 0.3 * actions[:, 0] * state[1] > 0.3
            mixture = 2 * state @ mix_state + actions @ mix_action
            features = np.tanh(mixture / 2) + 0.1 * rng.normal(size=mixture.shape)
            needed -= int(good[0])
            done = needed == 0 or (not good[0] and rng.random() < 0.5)
            rows.append((np.tanh(state @ mix_state), features, good, float(needed == 0)))
            length += 1
        lengths.append(length)
        terminated.append(done)
        if not done:
            finals.append(np.tanh(state @ mix_state))
    states, features, good, rewards = (np.array(column) for column in zip(*rows, strict=True))
    total = len(rewards)
    transitions = TransitionFeatures(
        state_features=torch.from_numpy(states).half(),
        candidate_features=torch.from_numpy(features).half(),
        candidate_geometry=torch.zeros(total, candidates, 1),
        candidate_valid=torch.ones(total, candidates, dtype=torch.bool),
        rewards=torch.from_numpy(rewards).float(),
        final_state_features=torch.from_numpy(np.array(finals)).half(),
        **vars(lay_out(lengths, terminated)),
    )
    return transitions, torch.from_numpy(good)


def test_best_of_n_beats_the_logged_actions_and_chance_on_a_problem_with_known_answers() -> None:
    features, good = needle_problem(episodes=300)
    critic, _ = train_critic(features, CriticConfig(steps=200, hidden=64))
    q, v = evaluate(critic, features)
    slots, keep = BestOfN().choose(q, v, features)
    chosen = good.gather(1, slots[:, None])[keep].float().mean()
    logged, chance = good[:, 0].float().mean(), good.float().mean()
    assert chosen > max(logged, chance) + 0.2
    never_logged = ranking(q.mean(dim=0)[:, 1:].flatten(), good[:, 1:].flatten())
    assert never_logged > 0.65
    numbers = diagnose(critic, features, 0.95)
    assert numbers.changed > 0.3
    assert numbers.sensitivity_relative > 0.1


def test_a_part_of_the_states_gets_the_same_advantages_as_all_of_them() -> None:
    features, _ = needle_problem(episodes=5)
    critic = Critic(CriticShape(64, 64, 1)).eval()
    rows = torch.tensor([3, 1])
    rule = BestOfN(observed=0.95)
    expected = rule.advantages(*evaluate(critic, features), features)[rows]
    part = rule.advantages(*evaluate(critic, features, rows), features, rows)
    torch.testing.assert_close(part, expected)


def test_a_candidate_replaces_the_logged_action_only_by_more_than_the_margin() -> None:
    advantages = torch.tensor([[0.2, 0.25, 0.0], [0.2, 0.0, 0.35], [-0.5, -0.3, -0.6]])
    valid = torch.ones(3, 3, dtype=torch.bool)
    slots, keep = best_of_n(advantages, valid, threshold=0.1, margin=0.1)
    assert slots.tolist() == [0, 2, 1]
    assert keep.tolist() == [True, True, False]
    # 0.15 beats the logged action by more than the margin, but not the threshold as well.
    only = torch.tensor([[-0.5, 0.15, 0.0]])
    assert best_of_n(only, valid[:1], threshold=0.1, margin=0.1)[1].tolist() == [False]


def test_an_unlikely_candidate_must_be_better_by_the_prior_for_each_nat() -> None:
    probabilities = torch.tensor([[0.8, 0.1, 0.05, 0.05]])
    valid = torch.tensor([[True, True, True, False]])
    handicap = unlikeliness(probabilities.log(), valid, 0.1)
    torch.testing.assert_close(
        handicap, torch.tensor([[0.0, 0.2079, 0.2773, 0.0]]), atol=1e-4, rtol=0
    )
    table = torch.tensor([[0.1, 0.3, 0.4, 9.0]])
    assert best_of_n(table, valid, handicap=handicap)[0].tolist() == [2]
    assert best_of_n(table - torch.tensor([0.0, 0.0, 0.05, 0.0]), valid, handicap=handicap)[
        0
    ].tolist() == [0]


@settings(deadline=None)
@given(
    arrays(np.float64, (3, 5), elements=st.floats(-1, 1)),
    arrays(np.float64, (3, 5), elements=st.floats(-9, 0)),
)
def test_the_prior_chooses_the_likeliest_action_of_the_regularised_policy(
    values: np.ndarray, log_probs: np.ndarray
) -> None:
    prior, valid = 0.2, torch.ones(3, 5, dtype=torch.bool)
    q, log_pi = torch.from_numpy(values), torch.from_numpy(log_probs)
    slots, _ = best_of_n(q, valid, handicap=unlikeliness(log_pi, valid, prior))
    best = (log_pi.exp() * (q / prior).exp()).log()  # pi * exp(Q / prior), unnormalised
    chosen = best.gather(1, slots[:, None])[:, 0]
    torch.testing.assert_close(chosen, best.amax(dim=1), atol=2 * TIE_TOLERANCE / prior, rtol=0)


def test_the_rule_puts_everything_together() -> None:
    """Two heads, three candidates; worked by hand."""
    features = TransitionFeatures(
        state_features=torch.zeros(2, 1),
        candidate_features=torch.zeros(2, 3, 1),
        candidate_geometry=torch.zeros(2, 3, 1),
        candidate_valid=torch.tensor([[True, True, True], [True, True, False]]),
        rewards=torch.tensor([0.0, 1.0]),
        final_state_features=torch.zeros(0, 1),
        base_log_probs=torch.tensor([[-1.0, -1.0, -3.0], [-1.0, -2.0, -1.0]]),
        **vars(lay_out([2], [True])),
    )
    q = torch.tensor([[[0.1, 0.6, 0.9], [0.2, 0.9, 0.9]], [[0.3, 0.8, 0.9], [0.2, 0.9, 0.9]]])
    v = torch.tensor([[0.4, 0.4], [0.2, 0.6]])
    # Logged: a return of 0.5 and a reward of 1 instead of what the heads say. Minima of Q:
    # 0.5, 0.6, 0.9 and 1, 0.9; of V: 0.2 and 0.4; off the others 0.05, and 0.1 a nat.
    rule = BestOfN("min", threshold=0.4, margin=0.05, prior=0.1, observed=0.5)
    table = rule.advantages(q, v, features)
    expected = [[0.3, 0.4, 0.7], [0.6, 0.5, -torch.inf]]
    torch.testing.assert_close(table, torch.tensor(expected))
    slots, keep = rule.choose(q, v, features)
    assert slots.tolist() == [2, 0]  # 0.7 - 0.05 - 0.2 = 0.45 beats 0.4 - 0.05 and 0.3
    assert keep.tolist() == [True, True]
    # Of the first two candidates alone: 0.3 (logged) and 0.4 - 0.05; of one: 0.3 < 0.4.
    slots, keep = replace(rule, n=2, threshold=0.34).choose(q, v, features)
    assert (slots.tolist(), keep.tolist()) == ([1, 0], [True, True])
    slots, keep = replace(rule, n=1).choose(q, v, features)
    assert (slots.tolist(), keep.tolist()) == ([0, 0], [False, True])
    second = rule.choose(q[:, 1:], v[:, 1:], features, torch.tensor([1]))
    assert [part.tolist() for part in second] == [[0], [True]]


def test_what_was_seen_of_a_logged_action_outweighs_what_the_critic_thinks() -> None:
    # One episode of two steps that succeeded, one of a single step that failed.
    features = TransitionFeatures(
        state_features=torch.zeros(3, 1),
        candidate_features=torch.zeros(3, 2, 1),
        candidate_geometry=torch.zeros(3, 2, 1),
        candidate_valid=torch.ones(3, 2, dtype=torch.bool),
        rewards=torch.tensor([0.0, 1.0, 0.0]),
        final_state_features=torch.zeros(0, 1),
        **vars(lay_out([2, 1], [True, True])),
    )
    q = torch.tensor([[[0.2, 0.6], [0.3, 0.1], [0.9, 0.4]]])
    known = observe(q, features, torch.arange(3), gamma=0.5)
    torch.testing.assert_close(known, torch.tensor([[[0.5, 0.6], [1.0, 0.1], [0.0, 0.4]]]))
