"""How good each step was, to be added to how good its episode was."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from trainers.objectives import papers
from trainers.objectives.groups import group_mean, normalised
from trainers.objectives.registry import NonNegative, Share, part


@dataclass(frozen=True)
class Steps:
    """The S steps of E episodes, in the order of time within each episode."""

    episode: Tensor
    """(S,) long: the row of the episode's reward."""
    rewards: Tensor
    """(S,) float: of each step by itself; the last one holds the outcome."""
    anchors: Tensor
    """(S,) long: equal numbers for steps that were taken in the same state."""


@part("step_advantage", "none", papers.GRPO, "A_t = A_episode")
def none(steps: Steps, groups: Tensor) -> Tensor:
    """Every step is as good as its episode."""
    return torch.zeros(len(steps.episode), device=steps.rewards.device)


@part(
    "step_advantage",
    "gigpo",
    papers.GIGPO,
    "A_t = A_episode + omega (R_t - mean(R_t)) / std(R_t), over steps in the same state",
)
def gigpo(
    steps: Steps,
    groups: Tensor,
    *,
    omega: NonNegative = 1.0,
    gamma: Share = 0.95,
    divide_by_std: bool = True,
) -> Tensor:
    """Compare what followed with what followed the group's other steps in the same state.

    Args:
        steps: of all episodes.
        groups: (E,) long, the episodes' groups; anchors are compared within one only.
        omega: weight.
        gamma: discount of R_t = sum over k >= t of gamma^(k - t) r_k.
        divide_by_std: False only subtracts the mean.

    Returns:
        (S,) float32, 0 for a step in a state that nobody else was in.
    """
    returns = discounted_returns(steps.rewards, steps.episode, gamma)
    pairs = torch.stack([groups[steps.episode], steps.anchors], dim=1)
    _, states = pairs.unique(dim=0, return_inverse=True)
    if divide_by_std:
        return (omega * normalised(returns, states)).to(torch.float32)
    return (omega * (returns - group_mean(returns, states))).to(torch.float32)


def discounted_returns(rewards: Tensor, episode: Tensor, gamma: float) -> Tensor:
    """(S,) float64: from each step to the end of its episode, whose steps are in order."""
    returns = rewards.to(torch.float64).clone()
    following: dict[int, int] = {}
    for step in range(len(returns) - 1, -1, -1):
        row = int(episode[step])
        if row in following:
            returns[step] += gamma * returns[following[row]]
        following[row] = step
    return returns
