from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.trainers.objectives.batches import objective
from trainers.objectives.config import ObjectiveConfig
from trainers.objectives.objective import build
from trainers.objectives.registry import PARTS, find_part
from trainers.objectives.step_advantages import Steps, discounted_returns, gigpo

REWARDS = torch.tensor([1.0, 0.0, 0.0, 1.0, 0.0, 0.0])
GROUPS = torch.tensor([7, 3, 7, 3, 7, 7])
"""Group 7: 1, 0, 0, 0. Group 3: 0, 1."""


def advantage(
    name: str, rewards: Tensor = REWARDS, groups: Tensor = GROUPS, **settings: float
) -> list[float]:
    values = find_part("advantage", name).with_settings(settings)(rewards, groups)
    assert values.dtype == torch.float32
    return [float(x) for x in values]


ROOT = math.sqrt(3) / 4
BY_HAND = [
    ("reward", {}, [1, 0, 0, 1, 0, 0]),
    ("group_mean", {}, [0.75, -0.5, -0.25, 0.5, -0.25, -0.25]),
    ("group_normalised", {}, [0.75 / ROOT, -1, -0.25 / ROOT, 1, -0.25 / ROOT, -0.25 / ROOT]),
    ("shifted_mean", {}, [0.85, -0.4, -0.15, 0.6, -0.15, -0.15]),
    ("shifted_mean", {"delta": 0.25}, [0.5, -0.75, -0.5, 0.25, -0.5, -0.5]),
]


@pytest.mark.parametrize(("name", "settings", "expected"), BY_HAND)
def test_advantages_are_those_worked_out_by_hand(
    name: str, settings: dict[str, float], expected: list[float]
) -> None:
    assert advantage(name, REWARDS, GROUPS, **settings) == pytest.approx(expected)


def test_the_soft_maximum_is_the_one_worked_out_by_hand() -> None:
    baseline = 0.5 * math.log((math.exp(2) + 3) / 4)
    assert advantage("soft_maximum", tau=0.5)[0] == pytest.approx(1 - baseline)


def test_the_soft_maximum_with_a_high_temperature_is_the_mean_and_with_a_low_one_the_maximum() -> (
    None
):
    assert advantage("soft_maximum", tau=1e5) == pytest.approx(advantage("group_mean"), abs=1e-4)
    assert advantage("soft_maximum", tau=1e-3) == pytest.approx([0, -1, -1, 0, -1, -1], abs=1e-2)

    failed = torch.tensor([0.0, 1.0, 0.0, 0.0]), torch.tensor([0, 0, 1, 1])
    assert advantage("soft_maximum", *failed, tau=1e-4) == pytest.approx([-1, 0, 0, 0], abs=1e-3)


def test_asymre_without_a_shift_is_reinforce_with_the_mean() -> None:
    assert advantage("shifted_mean", delta=0.0) == pytest.approx(advantage("group_mean"))


def test_bnpo_divides_by_the_density_worked_out_by_hand() -> None:
    # Pass rates 1/4 and 1/2: m = 3/8, v = 1/64, a + b = 14, so Beta(1 + 5.25/3, 1 + 8.75/3).
    alpha, beta = 2.75, 1 + 8.75 / 3
    norm = math.gamma(alpha) * math.gamma(beta) / math.gamma(alpha + beta)
    density = 0.25 ** (alpha - 1) * 0.75 ** (beta - 1) / norm
    assert advantage("beta_normalised")[0] == pytest.approx(0.75 / density)


def test_bnpo_with_pass_rates_like_beta_of_three_halves_is_grpo_scaled() -> None:
    # Rates 1/4 and 3/4 have a = b = 3/2: the density is 8 / pi sqrt(p (1 - p)), GRPO's std.
    rewards = torch.tensor([1.0, 0, 0, 0, 1, 1, 1, 0])
    groups = torch.tensor([0, 0, 0, 0, 1, 1, 1, 1])
    scaled = [math.pi / 8 * a for a in advantage("group_normalised", rewards, groups)]
    assert advantage("beta_normalised", rewards, groups) == pytest.approx(scaled, rel=1e-5)


def test_bnpo_divides_by_nothing_where_all_pass_rates_are_equal() -> None:
    rewards, groups = torch.tensor([1.0, 0, 0, 1]), torch.tensor([0, 0, 1, 1])
    assert advantage("beta_normalised", rewards, groups) == pytest.approx([0.5, -0.5, -0.5, 0.5])


rewards_and_groups = st.lists(
    st.tuples(st.sampled_from([0.0, 0.1, 0.5, 1.0]), st.integers(0, 3)), min_size=1, max_size=24
)


@pytest.mark.parametrize("name", list(PARTS["advantage"]))
@settings(deadline=None, max_examples=40)
@given(rows=rewards_and_groups)
def test_advantages_are_finite_and_those_of_equal_groups_agree(
    name: str, rows: list[tuple[float, int]]
) -> None:
    rewards = torch.tensor([reward for reward, _ in rows])
    groups = torch.tensor([group for _, group in rows])
    values = torch.tensor(advantage(name, rewards, groups))
    assert values.isfinite().all()
    for group in groups.unique():
        inside = values[groups == group]
        if len(rewards[groups == group].unique()) == 1:
            assert float(inside.max() - inside.min()) < 1e-6
            if name not in ("reward", "shifted_mean"):
                assert float(inside.abs().max()) < 1e-5


STEPS = Steps(
    episode=torch.tensor([0, 0, 1, 1, 2]),
    rewards=torch.tensor([0.0, 1.0, 0.0, 0.0, 0.5]),
    anchors=torch.tensor([5, 6, 5, 9, 5]),
)


def test_returns_are_discounted_within_each_episode() -> None:
    assert discounted_returns(STEPS.rewards, STEPS.episode, 0.9).tolist() == pytest.approx(
        [0.9, 1.0, 0.0, 0.0, 0.5]
    )


def test_gigpo_compares_steps_in_the_same_state_of_the_same_group() -> None:
    groups = torch.tensor([0, 0, 1])  # the third episode is of another group
    found = gigpo(STEPS, groups, gamma=0.9, divide_by_std=False, omega=2.0)
    assert found.tolist() == pytest.approx([0.9, 0.0, -0.9, 0.0, 0.0])
    assert gigpo(STEPS, groups, gamma=0.9).tolist() == pytest.approx([1, 0, -1, 0, 0])


def test_gigpo_is_grpo_with_a_weight_of_0_and_where_no_state_is_shared() -> None:
    rewards, groups = torch.tensor([1.0, 0.0, 0.5]), torch.tensor([0, 0, 0])
    episodes = objective("grpo").advantages(rewards, groups)
    expected = episodes[STEPS.episode].tolist()
    off = build(ObjectiveConfig("gigpo", settings={"step_advantage.omega": 0.0}))
    assert off.advantages(rewards, groups, STEPS).tolist() == pytest.approx(expected)
    alone = Steps(STEPS.episode, STEPS.rewards, torch.arange(5))
    assert objective("gigpo").advantages(rewards, groups, alone).tolist() == pytest.approx(expected)
