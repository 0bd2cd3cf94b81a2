"""Groups that all fail: start from, or show, the beginning of a way that works.

GHPO (arXiv 2507.10628), Guide (2506.13923), POPE and PrefixRL differ in how much they show
and when; what they share is here. What was shown is not learned from.
"""

from __future__ import annotations

import torch
from torch import Tensor

from trainers.objectives import papers
from trainers.objectives.groups import group_mean
from trainers.objectives.registry import Share, part


@part("guidance", "failed_groups", papers.GHPO, "groups in which every reward < threshold")
def failed_groups(rewards: Tensor, groups: Tensor, *, threshold: Share = 1.0) -> Tensor:
    """The rollouts of groups that need guidance.

    Args:
        rewards: (N,) float.
        groups: (N,) long.
        threshold: of success.

    Returns:
        (N,) bool.
    """
    return group_mean((rewards >= threshold).to(torch.float64), groups) == 0


@part("guidance", "shown_steps", papers.GHPO, "floor(L min(first + increment (k - 1), most))")
def shown_steps(
    length: int,
    failures: int,
    *,
    first: Share = 0.25,
    increment: Share = 0.25,
    most: Share = 0.75,
) -> int:
    """How many steps of a successful trajectory to start after.

    Args:
        length: L, steps of that trajectory.
        failures: k, groups of this task that failed in a row; 0 shows nothing.

    Returns:
        In [0, length), so that at least one step is left to the policy; 0 if length is 0.
    """
    if failures <= 0 or length <= 0:
        return 0
    share = min(first + increment * (failures - 1), most)
    return min(int(length * share), length - 1)


@part("guidance", "without_prefix", papers.GHPO, "mask_t = 0 for t < prefix")
def without_prefix(mask: Tensor, prefix: Tensor) -> Tensor:
    """Do not learn from what was shown.

    Args:
        mask: (B, T) bool.
        prefix: (B,) long, tokens that were shown.

    Returns:
        (B, T) bool.
    """
    return mask & (torch.arange(mask.shape[1], device=mask.device) >= prefix[:, None])
