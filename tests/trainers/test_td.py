"""Temporal-difference learning of the critic: targets, loss, convergence, splits."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
import torch

from agentenv.errors import ConfigError
from trainers.digiq.critic import Critic, CriticShape, evaluate
from trainers.digiq.critic_config import CriticConfig
from trainers.digiq.targets import (
    Batch,
    backup_of,
    critic_loss,
    expectile_loss,
    learning_targets,
    make_batch,
)
from trainers.digiq.td import split_by_episode, train_critic
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


def whole_batch(features: TransitionFeatures, config: CriticConfig) -> Batch:
    rows = torch.arange(len(features))
    return make_batch(features, backup_of(features, config), rows, True)


def targets(features: TransitionFeatures, **settings: Any) -> tuple[torch.Tensor, torch.Tensor]:
    config = CriticConfig(gamma=GAMMA, **settings)
    return learning_targets(linear_critic(), whole_batch(features, config), config)


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


@pytest.mark.parametrize("critic", ["nstep", "iql", "hlgauss"])
def test_v_targets_of_every_bootstrapping_critic_are_q_of_the_logged_action(critic: str) -> None:
    _, v_target = targets(three_step_episode(terminated=True), critic=critic)
    torch.testing.assert_close(v_target, torch.tensor([[0.1] * 3, [0.05] * 3]))


def test_n_step_targets_add_up_rewards_and_stop_at_a_success() -> None:
    q_target, _ = targets(three_step_episode(terminated=True), critic="nstep", n_step=2)
    expected = torch.tensor([[0.81 * 0.8, 0.9, 1.0], [0.81 * 0.4, 0.9, 1.0]])
    torch.testing.assert_close(q_target, expected)


def test_n_step_targets_bootstrap_through_a_timeout_from_the_state_after_it() -> None:
    features = replace(three_step_episode(terminated=False), rewards=torch.tensor([0.0, 0.3, 0.1]))
    q_target, _ = targets(features, critic="nstep", n_step=2)
    v_1 = [0.9 * 0.3 + 0.81 * 0.8, 0.3 + 0.9 * 0.1 + 0.81 * 0.6, 0.1 + 0.9 * 0.6]
    v_2 = [0.9 * 0.3 + 0.81 * 0.4, 0.3 + 0.9 * 0.1 + 0.81 * 0.3, 0.1 + 0.9 * 0.3]
    torch.testing.assert_close(q_target, torch.tensor([v_1, v_2]))


@pytest.mark.parametrize("terminated", [True, False])
def test_one_step_is_td_and_more_steps_than_an_episode_has_change_nothing(
    terminated: bool,
) -> None:
    features = three_step_episode(terminated=terminated)
    td, _ = targets(features, critic="td")
    torch.testing.assert_close(targets(features, critic="nstep", n_step=1)[0], td)
    three, _ = targets(features, critic="nstep", n_step=3)
    torch.testing.assert_close(targets(features, critic="nstep", n_step=9)[0], three)


def test_n_step_returns_do_not_run_into_the_next_episode() -> None:
    layout = lay_out([1, 2], [True, True])
    features = TransitionFeatures(
        state_features=torch.tensor([[0.2], [0.4], [0.8]]),
        candidate_features=torch.zeros(3, 1, 1),
        candidate_geometry=torch.zeros(3, 1, 1),
        candidate_valid=torch.ones(3, 1, dtype=torch.bool),
        rewards=torch.tensor([0.0, 0.0, 1.0]),
        final_state_features=torch.zeros(0, 1),
        **vars(layout),
    )
    backup = features.backup(3, GAMMA)
    torch.testing.assert_close(backup.rewards, torch.tensor([0.0, 0.9, 1.0]))
    assert backup.discount.tolist() == [0.0, 0.0, 0.0]


def test_the_expectile_loss_weighs_a_shortfall_more_than_an_excess() -> None:
    values, wanted = torch.tensor([0.5, 0.5], requires_grad=True), torch.tensor([0.7, 0.1])
    loss = expectile_loss(values, wanted, expectile=0.8)
    torch.testing.assert_close(loss, torch.tensor((0.8 * 0.2**2 + 0.2 * 0.4**2) / 2))
    loss.backward()
    assert values.grad is not None
    torch.testing.assert_close(values.grad, torch.tensor([-2 * 0.8 * 0.2, 2 * 0.2 * 0.4]) / 2)


def test_the_gradient_is_that_of_the_closed_form() -> None:
    critic, features = linear_critic(), three_step_episode(terminated=True)
    config = CriticConfig(gamma=GAMMA)
    batch = whole_batch(features, config)
    q_target, v_target = learning_targets(critic, batch, config)
    q_loss, v_loss = critic_loss(critic, batch, q_target, v_target, config)
    (q_loss + v_loss).backward()
    error = critic.v(batch.state).detach() - v_target
    torch.testing.assert_close(v_loss.detach(), error.square().mean())
    gradient = critic.v_heads.weights[0].grad
    assert gradient is not None
    closed_form = 2 / error.numel() * (error @ batch.state)
    torch.testing.assert_close(gradient[:, :, 0], closed_form)
    assert critic.target_v_heads.weights[0].grad is None


STATES, ACTIONS, GOAL = 4, 3, 3


def corridor(plans: Iterable[Sequence[int]]) -> TransitionFeatures:
    """A corridor of four states, in which action 0 goes on, 1 stays, 2 falls (the end).

    Going on from the last state is success. Each episode follows a plan of actions and
    is cut short after it. One-hot features of states and of (state, action) pairs; slot
    1 is the action after the logged one.
    """
    visits: list[tuple[int, int, float]] = []
    lengths, terminated, finals = [], [], []
    for plan in plans:
        state, length = 0, 0
        for action in plan:
            visits.append((state, action, float(state == GOAL and action == 0)))
            state, length = [state + 1 if state < GOAL else -1, state, -1][action], length + 1
            if state < 0:
                break
        lengths.append(length)
        terminated.append(state < 0)
        if state >= 0:
            finals.append(state)
    states, actions, rewards = (torch.tensor(column) for column in zip(*visits, strict=True))
    pairs = torch.stack([states * ACTIONS + actions, states * ACTIONS + (actions + 1) % ACTIONS], 1)
    return TransitionFeatures(
        state_features=torch.eye(STATES)[states],
        candidate_features=torch.eye(STATES * ACTIONS)[pairs],
        candidate_geometry=torch.zeros(len(visits), 2, 1),
        candidate_valid=torch.ones(len(visits), 2, dtype=torch.bool),
        rewards=rewards,
        final_state_features=torch.eye(STATES)[finals],
        **vars(lay_out(lengths, terminated)),
    )


def tabular_problem(episodes: int, seed: int = 0) -> TransitionFeatures:
    """The corridor under a policy that draws its actions."""
    generator = torch.Generator().manual_seed(seed)
    return corridor(torch.randint(ACTIONS, (episodes, 5), generator=generator).tolist())


def exact_q(expectile: float = 0.5) -> torch.Tensor:
    """The corridor's Q (STATES, ACTIONS) where V is that expectile of Q over equally likely
    actions, 0.5 being the mean: the Bellman equation, iterated."""
    q = torch.zeros(STATES, ACTIONS, dtype=torch.float64)
    for _ in range(300):
        v = q.mean(dim=1)
        for _ in range(50):  # an expectile is the mean with weights that depend on it
            weight = torch.where(q < v[:, None], 1 - expectile, expectile)
            v = (weight * q).sum(dim=1) / weight.sum(dim=1)
        after = torch.cat([v[1:], torch.ones(1)])  # from the last state on: the reward
        q = torch.stack([GAMMA * after, GAMMA * v, torch.zeros(STATES, dtype=torch.float64)], dim=1)
        q[GOAL, 0] = 1.0
    return q.float()


@pytest.mark.parametrize(
    ("critic", "expectile", "steps"),
    [
        *(("td", 0.5, 150), ("nstep", 0.5, 150), ("chunk", 0.5, 250)),
        *(("iql", 0.8, 200), ("hlgauss", 0.5, 300)),
    ],
)
def test_every_bootstrapping_critic_reaches_the_exact_q_of_a_tabular_problem(
    critic: Any, expectile: float, steps: int
) -> None:
    features = corridor(product(range(ACTIONS), repeat=4))  # every plan: no sampling noise
    config = CriticConfig(
        critic=critic,
        expectile=expectile,
        gamma=GAMMA,
        validation_share=0.0,
        dropout=0.0,
        weight_decay=0.0,
        ensemble=2,
        hidden=32,
        layers=1,
        tau=0.2,
        lr=0.03,
        batch=256,
        steps=steps,
    )
    trained, _ = train_critic(features, config)
    q, _ = evaluate(trained, features)
    pairs = features.candidate_features[:, 0].argmax(dim=1)
    for member in q[:, :, 0]:
        torch.testing.assert_close(member, exact_q(expectile).flatten()[pairs], atol=0.04, rtol=0.0)


def test_the_monte_carlo_critic_counts_a_timeout_as_a_failure() -> None:
    """Which is why it is not the default: the cut-off hides successes that were to come."""
    features = corridor([[0, 0]])
    assert features.backup(9, GAMMA).discount.tolist() == pytest.approx([0.81, 0.9])
    backup = backup_of(features, CriticConfig(critic="mc", gamma=GAMMA))
    assert backup.rewards.tolist() == backup.discount.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"critic": "nstep", "n_step": 0}, "n_step is 0"),
        ({"critic": "chunk", "chunk": 1}, "chunk is 1"),
        ({"critic": "chunk", "v_target": "expected"}, "logged actions alone"),
        ({"critic": "iql", "expectile": 1.0}, "expectile is 1.0"),
        ({"critic": "iql", "v_target": "expected"}, "logged actions alone"),
        ({"critic": "hlgauss", "bins": 1}, "at least 2 bins"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        train_critic(tabular_problem(episodes=10), replace(QUICK, **settings))


def test_categories_are_refused_for_returns_they_cannot_hold() -> None:
    features = tabular_problem(episodes=10)
    large = replace(features, rewards=features.rewards + 1.0)
    with pytest.raises(ConfigError, match=r"returns in \[0, 1\]"):
        train_critic(large, replace(QUICK, critic="hlgauss"))


QUICK = CriticConfig(steps=30, evaluate_every=10, hidden=16, ensemble=2)


def test_the_same_seed_gives_the_same_critic_and_leaves_torch_alone() -> None:
    features = tabular_problem(episodes=40)
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
    features = tabular_problem(episodes=60)
    rows: list[dict[str, float]] = []
    _, best = train_critic(features, replace(QUICK, steps=50), log=rows.append)
    assert [row["step"] for row in rows] == [10, 20, 30, 40, 50]
    errors = [row["validation_return_error"] for row in rows]
    assert best["validation_return_error"] == min(errors)
    assert {"train_loss", "validation_loss", "validation_sensitivity"} <= set(rows[0])


def test_training_stops_once_validation_no_longer_improves() -> None:
    features = tabular_problem(episodes=30)
    rows: list[dict[str, float]] = []
    config = replace(QUICK, steps=5000, patience=2, lr=0.03)
    _, best = train_critic(features, config, log=rows.append)
    assert rows[-1]["step"] < 5000
    assert rows[-1]["step"] - best["step"] == 20


def test_the_evaluation_to_keep_can_be_chosen_by_another_diagnostic() -> None:
    features = tabular_problem(episodes=300)
    rows: list[dict[str, float]] = []
    config = replace(QUICK, steps=50, validation_share=0.5, stop_on="advantage_ranking")
    _, best = train_critic(features, config, log=rows.append)
    found = [row["validation_advantage_ranking"] for row in rows]
    assert best["validation_advantage_ranking"] == max(found)


def test_a_critic_that_has_collapsed_is_reported_while_it_is_trained(
    caplog: pytest.LogCaptureFixture,
) -> None:
    features = tabular_problem(episodes=40)
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(features.candidate_features.shape, generator=generator)
    noise *= 1e-3  # all that tells actions apart
    noise[0] += 100.0
    blind = replace(features, candidate_features=noise)
    with caplog.at_level(logging.INFO):
        train_critic(blind, QUICK)
    warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert "step 10: Q has collapsed to V" in warnings[0]
    assert "Fine-tune the representation" in warnings[0]


def test_an_episode_is_never_split_between_training_and_validation() -> None:
    features = tabular_problem(episodes=50)
    training, validation = split_by_episode(features, 0.2, torch.Generator().manual_seed(0))
    assert len(features.episode[validation].unique()) == 10
    assert not set(features.episode[training].tolist()) & set(features.episode[validation].tolist())
    assert len(training) + len(validation) == len(features)


def test_too_few_episodes_are_refused_with_advice() -> None:
    with pytest.raises(ConfigError, match="leave none to train on"):
        train_critic(three_step_episode(terminated=True), QUICK)


def test_features_that_are_not_finite_are_named_as_the_cause() -> None:
    features = tabular_problem(episodes=20)
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
