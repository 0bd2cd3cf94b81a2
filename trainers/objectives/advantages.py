"""How good each episode was, compared with what.

Every function takes the rewards of whole groups and gives one number an episode:

    rewards: (E,) float, the episodes' rewards
    groups: (E,) long, equal numbers for rollouts of one task from one initial state
    returns: (E,) float32
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.distributions import Beta

from trainers.objectives import papers
from trainers.objectives.groups import NO_SPREAD, group_max, group_mean, normalised
from trainers.objectives.registry import Finite, Positive, part


@part("advantage", "reward", papers.REINFORCE, "A = R")
def reward(rewards: Tensor, groups: Tensor) -> Tensor:
    """The reward itself, compared with nothing."""
    return rewards.to(torch.float32)


@part("advantage", "group_mean", papers.DR_GRPO, "A = R - mean(R)")
def mean_baseline(rewards: Tensor, groups: Tensor) -> Tensor:
    """Compared with the group's mean. Easy and hard tasks weigh less than with a division by
    the standard deviation, which blows up their small differences."""
    return (rewards - group_mean(rewards, groups)).to(torch.float32)


@part("advantage", "group_normalised", papers.GRPO, "A = (R - mean(R)) / std(R)")
def group_normalised(rewards: Tensor, groups: Tensor) -> Tensor:
    """Compared with the group's mean, in units of its standard deviation (that of the group
    itself, divided by G, not G - 1); 0 where all of a group's rewards are equal."""
    return normalised(rewards, groups).to(torch.float32)


@part("advantage", "shifted_mean", papers.ASYMRE, "A = R - mean(R) - delta")
def shifted_mean(rewards: Tensor, groups: Tensor, *, delta: Finite = -0.1) -> Tensor:
    """Compared with a little less (delta < 0) than the group's mean, so that learning from
    old data leans on what went well."""
    return (rewards - group_mean(rewards, groups) - delta).to(torch.float32)


@part("advantage", "soft_maximum", papers.REC, "A = R - tau log mean(exp(R / tau))")
def soft_maximum(rewards: Tensor, groups: Tensor, *, tau: Positive = 1.0) -> Tensor:
    """Compared with a soft maximum of the group's rewards, OPMD's exact baseline: between
    the mean (tau large) and the maximum (tau small)."""
    scaled = rewards.to(torch.float64) / tau
    highest = group_max(scaled, groups)  # exp of at most 0 does not overflow
    baseline = tau * (group_mean((scaled - highest).exp(), groups).log() + highest)
    return (rewards - baseline).to(torch.float32)


@part("advantage", "beta_normalised", papers.BNPO, "A = (R - p) / Beta(p; 1 + a / 3, 1 + b / 3)")
def beta_normalised(rewards: Tensor, groups: Tensor) -> Tensor:
    """Compared with the group's pass rate p, divided by how usual p is in this batch.

    Rewards are 0 or 1. Beta(a, b) has the mean m and variance v of the batch's pass rates:
    a = (m (1 - m) / v - 1) m and b = (m (1 - m) / v - 1) (1 - m). Where all pass rates are
    equal, v = 0 and nothing is divided. (TRL calls another thing `bnpo`: GRPO whose loss is
    averaged over the tokens of the batch.)
    """
    rate = group_mean(rewards, groups)
    # Each group once, however many rollouts it has.
    rates = torch.stack([rate[groups == group][0] for group in groups.unique()])
    mean, variance = float(rates.mean()), float(rates.var(correction=0))
    centred = rewards - rate
    if math.sqrt(variance) <= NO_SPREAD:
        return centred.to(torch.float32)
    size = max(mean * (1 - mean) / variance - 1, 0.0)
    density = Beta(1 + size * mean / 3, 1 + size * (1 - mean) / 3)
    mixed = (rate > NO_SPREAD) & (rate < 1 - NO_SPREAD)
    scale = density.log_prob(rate.clamp(NO_SPREAD, 1 - NO_SPREAD)).exp()
    return torch.where(mixed, centred / scale, 0.0).to(torch.float32)
