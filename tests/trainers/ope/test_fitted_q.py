"""A tabular problem whose values are known: fitted Q evaluation reaches them, and doubly
robust estimates are right if either the Q or the ratios are.

State 0: action 0 leads to state 1 with chance `p`, or ends; action 1 ends with 0.3.
State 1: action 0 ends with 1 with chance `q`, or with 0; action 1 ends with 0.2.
The log has every outcome exactly as often as a policy that tosses a coin expects it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from agentenv.errors import ConfigError
from trainers.digiq.transitions import TransitionFeatures, lay_out
from trainers.ope.doubly_robust import direct, doubly_robust, weighted_doubly_robust
from trainers.ope.fitted_q import SETTINGS, fit_q
from trainers.ope.trajectories import Trajectories, lay_out_trajectories

GAMMA = 0.9
POLICY = torch.tensor([[0.9, 0.1], [0.6, 0.4]])
"""What is evaluated: (states, actions)."""
QUICK = replace(
    SETTINGS,
    steps=150,
    batch=512,
    lr=0.03,
    tau=0.2,
    weight_decay=0.0,
    dropout=0.0,
    ensemble=2,
    hidden=16,
    layers=1,
)
Step = tuple[int, int, float]
"""State, action, reward."""


def logged(p: float, q: float) -> list[list[Step]]:
    """Two hundred episodes; p and q such that every outcome has a whole number."""
    half = round(50 * p)  # of those who arrive in state 1
    good = round(half * q)
    return [
        *[[(0, 1, 0.3)]] * 100,
        *[[(0, 0, 0.0)]] * (100 - 2 * half),
        *[[(0, 0, 0.0), (1, 1, 0.2)]] * half,
        *[[(0, 0, 0.0), (1, 0, 1.0)]] * good,
        *[[(0, 0, 0.0), (1, 0, 0.0)]] * (half - good),
    ]


def exact_q(p: float, q: float) -> Tensor:
    """(states, actions) of `POLICY`."""
    last = torch.tensor([q, 0.2])
    return torch.stack([torch.tensor([p * GAMMA * float(POLICY[1] @ last), 0.3]), last])


def columns(episodes: list[list[Step]]) -> tuple[Tensor, Tensor, Tensor]:
    """States, actions and rewards of all steps."""
    steps = [step for episode in episodes for step in episode]
    states, actions, rewards = (torch.tensor(column) for column in zip(*steps, strict=True))
    return states, actions, rewards


def features_of(episodes: list[list[Step]], *, ended: bool = True) -> TransitionFeatures:
    """One-hot features; slot 0 is the logged action, slots 1 and 2 are both there are."""
    states, actions, rewards = columns(episodes)
    offered = torch.tensor([[0, 1]]).expand(len(states), 2)
    pairs = 2 * states[:, None] + torch.cat([actions[:, None], offered], dim=1)
    finals = 0 if ended else len(episodes)
    return TransitionFeatures(
        state_features=torch.eye(2)[states],
        candidate_features=torch.eye(4)[pairs],
        candidate_geometry=torch.zeros(len(states), 3, 1),
        candidate_valid=torch.ones(len(states), 3, dtype=torch.bool),
        rewards=rewards,
        final_state_features=torch.ones(finals, 2),
        **vars(lay_out([len(e) for e in episodes], [ended] * len(episodes))),
    )


def policy_weights(episodes: list[list[Step]]) -> Tensor:
    """(S, 3): the policy's probabilities of the offered actions."""
    states = columns(episodes)[0]
    return torch.cat([torch.zeros(len(states), 1), POLICY[states]], dim=1)


@pytest.mark.parametrize(("p", "q"), [(1.0, 1.0), (0.8, 0.6)])
@pytest.mark.parametrize("ended", [True, False])
def test_fitted_q_reaches_the_exact_values_of_another_policy_than_the_logged_one(
    p: float, q: float, ended: bool
) -> None:
    episodes = logged(p, q)
    features = features_of(episodes, ended=ended)  # a time-out ends an episode as well
    values = fit_q(features, policy_weights(episodes), gamma=GAMMA, settings=QUICK, folds=1)
    states, actions, _ = columns(episodes)
    exact = exact_q(p, q)
    torch.testing.assert_close(values.q, exact[states, actions], atol=0.02, rtol=0.0)
    torch.testing.assert_close(values.v, (POLICY * exact).sum(1)[states], atol=0.02, rtol=0.0)


def test_a_step_is_valued_by_a_critic_that_has_not_seen_its_episode() -> None:
    rewards = torch.arange(40).remainder(2).float()
    own = torch.eye(40)  # every episode can be told from all others: learned by heart
    features = TransitionFeatures(
        state_features=own,
        candidate_features=own[:, None],
        candidate_geometry=torch.zeros(40, 1, 1),
        candidate_valid=torch.ones(40, 1, dtype=torch.bool),
        rewards=rewards,
        final_state_features=torch.zeros(0, 40),
        **vars(lay_out([1] * 40, [True] * 40)),
    )

    def error(folds: int) -> float:
        done: list[int] = []
        values = fit_q(
            features, torch.ones(40, 1), settings=QUICK, folds=folds, progress=done.append
        )
        assert done == list(range(1, folds + 1))
        return float((values.q - rewards).abs().mean())

    assert error(folds=1) < 0.05
    assert error(folds=2) > 0.3


def test_more_folds_than_episodes_are_refused() -> None:
    episodes = logged(1.0, 1.0)[:3]
    with pytest.raises(ConfigError, match="3 episodes cannot be split into 5"):
        fit_q(features_of(episodes), policy_weights(episodes))


@pytest.mark.parametrize("estimator", [doubly_robust, weighted_doubly_robust])
@pytest.mark.parametrize(
    ("q_is_right", "ratios_are_right"), [(True, True), (True, False), (False, True)]
)
def test_doubly_robust_estimates_are_right_if_q_or_the_ratios_are(
    estimator: Callable[[Trajectories], Tensor], q_is_right: bool, ratios_are_right: bool
) -> None:
    value = float(estimator(tabular_log(q_is_right, ratios_are_right)))
    assert value == pytest.approx(float(POLICY[0] @ exact_q(0.8, 0.6)[0]), abs=1e-6)


def test_doubly_robust_estimates_are_wrong_if_both_are() -> None:
    exact = float(POLICY[0] @ exact_q(0.8, 0.6)[0])
    assert abs(float(doubly_robust(tabular_log(False, False))) - exact) > 0.05
    assert abs(float(direct(tabular_log(False, True))) - exact) > 0.05


def tabular_log(q_is_right: bool, ratios_are_right: bool) -> Trajectories:
    """The stochastic problem's log with the policy's true Q and ratios, or made-up ones."""
    episodes = logged(0.8, 0.6)
    states, actions, rewards = columns(episodes)
    q = exact_q(0.8, 0.6) if q_is_right else torch.tensor([[0.9, 0.5], [0.1, 0.7]])
    ratios = POLICY / 0.5 if ratios_are_right else torch.tensor([[0.7, 1.6], [1.5, 0.4]])
    return lay_out_trajectories(
        [len(episode) for episode in episodes],
        rewards,
        log_ratios=ratios[states, actions].log(),
        q=q[states, actions],
        v=(POLICY * q).sum(dim=1)[states],
        gamma=GAMMA,
    )
