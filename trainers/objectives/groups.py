"""Statistics over groups: rollouts of one task from one initial state."""

from __future__ import annotations

import torch
from torch import Tensor

NO_SPREAD = 1e-6
"""Groups that spread less than this are all equal, rounding aside."""


def group_mean(values: Tensor, groups: Tensor) -> Tensor:
    """Each value's group's mean.

    Args:
        values: (N,) float.
        groups: (N,) long; equal numbers, same group.

    Returns:
        (N,) float64.
    """
    _, index, counts = groups.unique(return_inverse=True, return_counts=True)
    sums = torch.zeros(len(counts), dtype=torch.float64, device=values.device)
    sums = sums.index_add(0, index, values.to(torch.float64))
    return (sums / counts)[index]


def group_max(values: Tensor, groups: Tensor) -> Tensor:
    """Each value's group's largest value, (N,) float64."""
    _, index = groups.unique(return_inverse=True)
    largest = torch.full_like(index, -torch.inf, dtype=torch.float64)
    return largest.scatter_reduce(0, index, values.to(torch.float64), "amax")[index]


def group_std(values: Tensor, groups: Tensor) -> Tensor:
    """Each value's group's standard deviation (dividing by the size), (N,) float64."""
    deviations = values.to(torch.float64) - group_mean(values, groups)
    return group_mean(deviations.square(), groups).sqrt()


def normalised(values: Tensor, groups: Tensor) -> Tensor:
    """(value - mean) / std of each one's group; 0 in groups that are all equal. (N,) float64."""
    std = group_std(values, groups)
    centred = values.to(torch.float64) - group_mean(values, groups)
    return torch.where(std > NO_SPREAD, centred / std.clamp(min=NO_SPREAD), 0.0)
