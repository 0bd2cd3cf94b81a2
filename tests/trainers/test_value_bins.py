"""HL-Gauss: values as categories."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from trainers.digiq.critic import Critic, CriticShape
from trainers.digiq.value_bins import (
    HIGH,
    LOW,
    SMOOTHING,
    classification_loss,
    expectation,
    smoothed,
)


def test_a_target_is_spread_by_the_normal_distribution() -> None:
    """Three bins 0.4 wide, standard deviation 0.3, around 0.5, the middle one's centre."""
    assert (LOW, HIGH, SMOOTHING) == (-0.1, 1.1, 0.75)
    below = [math.erf(d / (0.3 * math.sqrt(2))) for d in (-0.6, -0.2, 0.2, 0.6)]
    total = below[3] - below[0]
    side, middle = (below[1] - below[0]) / total, (below[2] - below[1]) / total
    assert [side, middle] == pytest.approx([0.2407, 0.5186], abs=1e-4)
    torch.testing.assert_close(smoothed(torch.tensor(0.5), 3), torch.tensor([side, middle, side]))


def test_the_smoothed_target_means_the_target_at_both_ends_too() -> None:
    targets = torch.linspace(0, 1, 41)
    means = expectation(smoothed(targets, 51).clamp(min=1e-30).log())
    torch.testing.assert_close(means, targets, atol=1e-3, rtol=0.0)
    beyond = torch.tensor([-0.5, 1.5])
    torch.testing.assert_close(smoothed(beyond, 51), smoothed(beyond.clamp(0, 1), 51))


def test_a_head_that_knows_nothing_says_the_middle() -> None:
    torch.testing.assert_close(expectation(torch.zeros(2, 51)), torch.full((2,), 0.5))


def test_the_gradient_is_that_of_cross_entropy() -> None:
    logits = torch.randn(2, 3, 5, requires_grad=True)
    targets = torch.rand(2, 3)
    classification_loss(logits, targets).backward()
    expected = (logits.softmax(-1) - smoothed(targets, 5)) / 6
    torch.testing.assert_close(logits.grad, expected.detach())


def test_a_critic_with_categories_has_one_value_each_and_comes_back_equal(tmp_path: Path) -> None:
    critic = Critic(CriticShape(3, 4, 2, ensemble=3, hidden=8, bins=11)).eval()
    state, candidate, geometry = torch.randn(5, 3), torch.randn(5, 6, 4), torch.randn(5, 6, 2)
    assert critic.q_outputs(state, candidate, geometry).shape == (3, 5, 6, 11)
    assert critic.q(state, candidate, geometry).shape == (3, 5, 6)
    values = critic.v(state)
    assert values.shape == (3, 5)
    assert bool(((values > LOW) & (values < HIGH)).all())
    critic.save(tmp_path / "critic.safetensors")
    assert torch.equal(Critic.load(tmp_path / "critic.safetensors").v(state), values)
