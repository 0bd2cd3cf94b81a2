"""Temporal-difference learning of the critic: targets, loss, convergence, splits."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from agentenv.errors import ConfigError
from trainers.digiq.critic import Critic, CriticShape, evaluate
from trainers.digiq.critic_config import CriticConfig
from trainers.digiq.td import (
    Batch,
    critic_loss,
    learning_targets,
    make_batch,
    split_by_episode,
    train_critic,
)
from trainers.digiq.transitions import TransitionFeatures, lay_out

GAMMA = 0.9


def three_step_episode(*, terminated: bool) -> TransitionFeatures:
    """States 0.2, 0.4, 0.8; after a timeout 0.6. Two candidates, features 1 and 3."""
    layout = lay_out([3], [terminated])
    return TransitionFeatures(
        state_features=torch.tensor([[0.2], [0.4], [0.8]]),
        candidate_features=torch.tensor([[[1.0], [3.0]]]).repeat(3, 1, 1),
        candidate_geometry=torch.zeros(3, 2, 1),
        candidate_valid=torch.ones(3, 2, dtype=torch.bool),
        rewards=torch.tensor([0.0, 0.0, 1.0 if terminated else 0.0]),
        final_state_features=torch.tensor([[0.6]])[int(terminated) :],
        **vars(layout),
    )


def linear_critic() -> Critic:
    """V_1(s) = s, V_2(s) = s / 2; Q_1(s, a) = a / 10, Q_2(s, a) = a / 20."""
    critic = Critic(CriticShape(1, 1, 1, ensemble=2, layers=0))
    with torch.no_grad():
        critic.v_heads.weights[0].copy_(torch.tensor([[[1.0]], [[0.5]]]))
        q_weights = torch.tensor([[0.0, 0.1, 0.0], [0.0, 0.05, 0.0]])
        critic.q_heads.weights[0].copy_(q_weights[..., None])
    critic.update_targets(1.0)
    return critic


def whole_batch(features: TransitionFeatures) -> Batch:
    return make_batch(features, features.returns(GAMMA), torch.arange(len(features)), True)


def targets(features: TransitionFeatures, **settings: str) -> tuple[torch.Tensor, torch.Tensor]:
    config = CriticConfig(gamma=GAMMA, **settings)  # type: ignore[arg-type]
    return learning_targets(linear_critic(), whole_batch(features), config)


def test_q_targets_of_a_success_end_with_the_reward() -> None:
    q_target, _ = targets(three_step_episode(terminated=True))
    expected = torch.tensor([[0.9 * 0.4, 0.9 * 0.8, 1.0], [0.9 * 0.2, 0.9 * 0.4, 1.0]])
    torch.testing.assert_close(q_target, expected)


def test_a_timeout_is_bootstrapped_through() -> None:
    q_target, _ = targets(three_step_episode(terminated=False))
    expected = torch.tensor([[0.9 * 0.4, 0.9 * 0.8, 0.9 * 0.6], [0.9 * 0.2, 0.9 * 0.4, 0.9 * 0.3]])
    torch.testing.assert_close(q_target, expected)


def test_v_targets_are_the_logged_action_or_the_mean_over_valid_candidates() -> None:
    features = three_step_episode(terminated=True)
    _, logged = targets(features, v_target="logged")
    torch.testing.assert_close(logged, torch.tensor([[0.1] * 3, [0.05] * 3]))
    valid = torch.tensor([[True, True], [True, False], [False, False]])
    _, expected = targets(replace(features, candidate_valid=valid), v_target="expected")
    torch.testing.assert_close(expected, torch.tensor([[0.2, 0.1, 0.1], [0.1, 0.05, 0.05]]))


def test_monte_carlo_targets_are_the_discounted_returns() -> None:
    q_target, v_target = targets(three_step_episode(terminated=True), critic="mc")
    torch.testing.assert_close(q_target, torch.tensor([[0.81, 0.9, 1.0]] * 2))
    torch.testing.assert_close(v_target, q_target)


def test_the_gradient_is_that_of_the_closed_form() -> None:
    critic, features = linear_critic(), three_step_episode(terminated=True)
    batch = whole_batch(features)
    q_target, v_target = learning_targets(critic, batch, CriticConfig(gamma=GAMMA))
    q_loss, v_loss = critic_loss(critic, batch, q_target, v_target)
    (q_loss + v_loss).backward()
    error = critic.v(batch.state).detach() - v_target
    torch.testing.assert_close(v_loss.detach(), error.square().mean())
    gradient = critic.v_heads.weights[0].grad
    assert gradient is not None
    closed_form = 2 / error.numel() * (error @ batch.state)
    torch.testing.assert_close(gradient[:, :, 0], closed_form)
    assert critic.target_v_heads.weights[0].grad is None


STATES, ACTIONS, GOAL = 4, 3, 3


def tabular_problem(episodes: int, seed: int = 0) -> tuple[TransitionFeatures, torch.Tensor]:
    """A corridor of four states under a random policy: on, stay, fall (which ends it).

    Going on from the last state is success. One-hot features of states and of (state,
    action) pairs; slot 1 is the action after the logged one. Also the exact Q of what
    was logged (STATES, ACTIONS), by iterating the Bellman equation on the counts.
    """
    generator = torch.Generator().manual_seed(seed)
    visits: list[tuple[int, int, float, int]] = []  # state, action, reward, next (-1: none)
    lengths, terminated, finals = [], [], []
    for _ in range(episodes):
        state, length = 0, 0
        while state >= 0 and length < 5:
            action = int(torch.randint(ACTIONS, (1,), generator=generator))
            after = [state + 1 if state < GOAL else -1, state, -1][action]
            visits.append((state, action, float(state == GOAL and action == 0), after))
            state, length = after, length + 1
        lengths.append(length)
        terminated.append(state < 0)
        if state >= 0:
            finals.append(state)
    states, actions, rewards, following = (
        torch.tensor(column) for column in zip(*visits, strict=True)
    )
    pairs = torch.stack([states * ACTIONS + actions, states * ACTIONS + (actions + 1) % ACTIONS], 1)
    features = TransitionFeatures(
        state_features=torch.eye(STATES)[states],
        candidate_features=torch.eye(STATES * ACTIONS)[pairs],
        candidate_geometry=torch.zeros(len(visits), 2, 1),
        candidate_valid=torch.ones(len(visits), 2, dtype=torch.bool),
        rewards=rewards,
        final_state_features=torch.eye(STATES)[finals],
        **vars(lay_out(lengths, terminated)),
    )
    counts = torch.zeros(STATES, ACTIONS)
    counts.index_put_((states, actions), torch.ones(len(visits)), accumulate=True)
    policy = counts / counts.sum(dim=1, keepdim=True)
    q = torch.zeros(STATES, ACTIONS)
    for _ in range(200):
        v = (policy * q).sum(dim=1)
        q[states, actions] = rewards + GAMMA * (following >= 0) * v[following.clamp(min=0)]
    return features, q


def test_td_reaches_the_exact_q_of_a_tabular_problem() -> None:
    features, exact = tabular_problem(episodes=150)
    config = CriticConfig(
        gamma=GAMMA,
        validation_share=0.0,
        dropout=0.0,
        weight_decay=0.0,
        ensemble=2,
        hidden=32,
        lr=1e-2,
        batch=256,
        steps=300,
    )
    critic, _ = train_critic(features, config)
    q, _ = evaluate(critic, features)
    pairs = features.candidate_features[:, 0].argmax(dim=1)
    for member in q[:, :, 0]:
        torch.testing.assert_close(member, exact.flatten()[pairs], atol=0.04, rtol=0.0)


QUICK = CriticConfig(steps=30, evaluate_every=10, hidden=16, ensemble=2)


def test_the_same_seed_gives_the_same_critic_and_leaves_torch_alone() -> None:
    features, _ = tabular_problem(episodes=40)
    torch.manual_seed(1)
    untouched = torch.rand(3)
    torch.manual_seed(1)
    threads = torch.get_num_threads()
    first, first_row = train_critic(features, QUICK)
    assert torch.equal(torch.rand(3), untouched)
    assert torch.get_num_threads() == threads
    second, second_row = train_critic(features, QUICK)
    other, _ = train_critic(features, replace(QUICK, seed=1))
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)
    assert first_row == second_row
    assert not torch.equal(first.v_heads.weights[0], other.v_heads.weights[0])


def test_training_reports_loss_and_diagnostics_and_keeps_the_best() -> None:
    features, _ = tabular_problem(episodes=60)
    rows: list[dict[str, float]] = []
    _, best = train_critic(features, replace(QUICK, steps=50), log=rows.append)
    assert [row["step"] for row in rows] == [10, 20, 30, 40, 50]
    errors = [row["validation_return_error"] for row in rows]
    assert best["validation_return_error"] == min(errors)
    assert {"train_loss", "validation_loss", "validation_sensitivity"} <= set(rows[0])


def test_training_stops_once_validation_no_longer_improves() -> None:
    features, _ = tabular_problem(episodes=30)
    rows: list[dict[str, float]] = []
    config = replace(QUICK, steps=5000, patience=2, lr=0.03)
    _, best = train_critic(features, config, log=rows.append)
    assert rows[-1]["step"] < 5000
    assert rows[-1]["step"] - best["step"] == 20


def test_an_episode_is_never_split_between_training_and_validation() -> None:
    features, _ = tabular_problem(episodes=50)
    training, validation = split_by_episode(features, 0.2, torch.Generator().manual_seed(0))
    assert len(features.episode[validation].unique()) == 10
    assert not set(features.episode[training].tolist()) & set(features.episode[validation].tolist())
    assert len(training) + len(validation) == len(features)


def test_too_few_episodes_are_refused_with_advice() -> None:
    with pytest.raises(ConfigError, match="leave none to train on"):
        train_critic(three_step_episode(terminated=True), QUICK)


def test_features_that_are_not_finite_are_named_as_the_cause() -> None:
    features, _ = tabular_problem(episodes=20)
    broken = replace(features, state_features=features.state_features / 0.0)
    with pytest.raises(ConfigError, match="NaN or infinite features"):
        train_critic(broken, QUICK)


def test_the_layout_points_at_each_next_state() -> None:
    layout = lay_out([2, 3, 1], [True, False, False])
    assert layout.next_index.tolist() == [1, 0, 3, 4, 6, 7]
    assert layout.terminal.tolist() == [False, True, False, False, False, False]
    assert layout.timeout.tolist() == [False, False, False, False, True, True]
    assert layout.episode.tolist() == [0, 0, 1, 1, 1, 2]
    assert layout.step.tolist() == [0, 1, 0, 1, 2, 0]


def test_tensors_that_do_not_fit_together_are_refused() -> None:
    features = three_step_episode(terminated=True)
    with pytest.raises(ConfigError, match="rewards has shape"):
        replace(features, rewards=torch.zeros(2))
    with pytest.raises(ConfigError, match="both terminal and a timeout"):
        replace(features, timeout=features.terminal)
    timed_out = three_step_episode(terminated=False)
    with pytest.raises(ConfigError, match="final states"):
        replace(timed_out, final_state_features=torch.zeros(0, 1))
