"""Importance sampling and doubly robust estimates against numbers worked by hand.

Two episodes of two steps and one of a single step, gamma = 0.5:

    episode   ratios     cumulative   rewards   return
    0         2, 1/2     2, 1         0, 1      0.5
    1         1/2, 1     1/2, 1/2     1, 0      1.0
    2         2          2, (2)       1         1.0
"""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from agentenv.errors import ConfigError
from trainers.ope.doubly_robust import direct, doubly_robust, weighted_doubly_robust
from trainers.ope.importance_sampling import (
    effective_sample_size,
    per_decision,
    trajectory_wise,
    weighted,
)
from trainers.ope.intervals import bootstrap
from trainers.ope.trajectories import Trajectories, lay_out_trajectories

LENGTHS = (2, 2, 1)
REWARDS = torch.tensor([0.0, 1.0, 1.0, 0.0, 1.0])
RATIOS = torch.tensor([2.0, 0.5, 0.5, 1.0, 2.0])
Q = torch.tensor([0.2, 0.8, 0.4, 0.0, 0.6])
V = torch.tensor([0.3, 0.6, 0.5, 0.2, 0.7])


@pytest.fixture
def log() -> Trajectories:
    return lay_out_trajectories(LENGTHS, REWARDS, log_ratios=RATIOS.log(), q=Q, v=V, gamma=0.5)


def test_trajectory_wise_importance_sampling(log: Trajectories) -> None:
    assert float(trajectory_wise(log)) == pytest.approx((1 * 0.5 + 0.5 * 1 + 2 * 1) / 3)


def test_weighted_importance_sampling_divides_by_the_weights(log: Trajectories) -> None:
    assert float(weighted(log)) == pytest.approx((1 * 0.5 + 0.5 * 1 + 2 * 1) / 3.5)


def test_per_decision_importance_sampling_weighs_a_reward_by_what_came_before_it(
    log: Trajectories,
) -> None:
    assert float(per_decision(log)) == pytest.approx((1 * 0.5 * 1 + 0.5 * 1 + 2 * 1) / 3)
    early = lay_out_trajectories([2], torch.tensor([1.0, 0.0]), log_ratios=RATIOS[:2].log())
    assert float(per_decision(early)) == pytest.approx(2.0)
    assert float(trajectory_wise(early)) == pytest.approx(1.0)


def test_the_effective_sample_size(log: Trajectories) -> None:
    assert float(effective_sample_size(log)) == pytest.approx(3.5**2 / (1 + 0.25 + 4))


def test_the_direct_estimate_is_the_mean_value_of_the_initial_states(log: Trajectories) -> None:
    assert float(direct(log)) == pytest.approx((0.3 + 0.5 + 0.7) / 3)


def test_the_doubly_robust_estimate(log: Trajectories) -> None:
    first = 0.3 + 2 * (0 + 0.5 * (0.6 + 0.5 * (1 - 0.8)) - 0.2)
    second = 0.5 + 0.5 * (1 + 0.5 * (0.2 + 1 * (0 - 0)) - 0.4)
    third = 0.7 + 2 * (1 - 0.6)
    assert float(doubly_robust(log)) == pytest.approx((first + second + third) / 3)


def test_the_weighted_doubly_robust_estimate(log: Trajectories) -> None:
    w0 = [2 / 4.5, 0.5 / 4.5, 2 / 4.5]
    w1 = [1 / 3.5, 0.5 / 3.5]  # the third episode is over: 2 / 3.5 of nothing
    at_0 = w0[0] * (0 - 0.2) + w0[1] * (1 - 0.4) + w0[2] * (1 - 0.6) + (0.3 + 0.5 + 0.7) / 3
    at_1 = w1[0] * (1 - 0.8) + w1[1] * (0 - 0) + w0[0] * 0.6 + w0[1] * 0.2
    assert float(weighted_doubly_robust(log)) == pytest.approx(at_0 + 0.5 * at_1)


def test_with_ratios_of_one_all_see_the_logged_return() -> None:
    log = lay_out_trajectories(LENGTHS, REWARDS, gamma=0.5)
    for estimator in (trajectory_wise, weighted, per_decision, doubly_robust):
        assert float(estimator(log)) == pytest.approx((0.5 + 1 + 1) / 3)
    assert float(effective_sample_size(log)) == pytest.approx(3)


def test_the_ratio_of_a_step_is_clipped() -> None:
    log = lay_out_trajectories([2], torch.ones(2), log_ratios=torch.tensor([3.0, 99.0]), clip=4.0)
    assert log.ratios.tolist() == [[4.0, 4.0]]


def test_a_policy_that_would_have_acted_like_no_episode_has_no_weighted_estimate() -> None:
    never = torch.full((5,), -torch.inf)
    log = lay_out_trajectories(LENGTHS, REWARDS, log_ratios=never, q=Q, v=V)
    assert math.isnan(float(weighted(log)))
    assert float(effective_sample_size(log)) == 0.0
    assert float(weighted_doubly_robust(log)) == pytest.approx(float(direct(log)))


def test_the_interval_holds_the_estimate_and_narrows_with_more_episodes() -> None:
    def width(episodes: int) -> float:
        rewards = torch.arange(episodes).remainder(2).float()
        estimate = bootstrap(trajectory_wise, lay_out_trajectories([1] * episodes, rewards))
        assert estimate.value == pytest.approx(0.5)
        low, high = estimate.interval
        assert low <= 0.5 <= high
        return high - low

    assert width(100) == pytest.approx(2 * 1.96 * 0.05, rel=0.2)
    assert width(400) < 0.6 * width(100)


@pytest.mark.parametrize(
    "estimator",
    [direct, doubly_robust, weighted_doubly_robust, trajectory_wise, weighted, per_decision],
)
def test_every_estimate_has_the_same_interval_again(
    estimator: Callable[[Trajectories], Tensor], log: Trajectories
) -> None:
    first = bootstrap(estimator, log)
    assert first.interval[0] <= first.value <= first.interval[1]
    assert bootstrap(estimator, log) == first


@pytest.mark.parametrize(
    ("lengths", "settings", "message"),
    [
        ((), {}, "no logged episode"),
        (LENGTHS, {"gamma": 1.5}, "gamma is 1.5"),
        (LENGTHS, {"clip": 0.0}, "clip is 0"),
        (LENGTHS, {"clip": math.nan}, "clip is nan"),
    ],
)
def test_what_cannot_be_estimated_from_is_refused(
    lengths: tuple[int, ...], settings: dict[str, float], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        lay_out_trajectories(lengths, REWARDS, **settings)  # type: ignore[arg-type]
