"""From a number for each token to the loss: what is averaged over what.

values: (B, T)
mask: (B, T) bool
returns: the sum and what it is to be divided by, so that micro-batches add up to the
    same loss as the whole batch (see `trainers.objectives.objective.Loss`)
"""

from __future__ import annotations

import torch
from torch import Tensor

from trainers.objectives import papers
from trainers.objectives.registry import Positive, part


@part("aggregation", "sequence_mean", papers.GRPO, "1/B sum_i 1/|o_i| sum_t x_it")
def sequence_mean(values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """The mean over answers of the mean over tokens: every answer weighs the same, so each
    token of a long one weighs less."""
    lengths = mask.sum(1).clamp(min=1)
    means = values.masked_fill(~mask, 0.0).sum(1) / lengths
    return means.sum(), torch.tensor(float(len(values)), device=values.device)


@part("aggregation", "token_mean", papers.DAPO, "1/sum_i |o_i| sum_i sum_t x_it")
def token_mean(values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """The mean over tokens: every token weighs the same."""
    return values.masked_fill(~mask, 0.0).sum(), mask.sum().clamp(min=1).to(values.dtype)


@part("aggregation", "sequence_sum", papers.DR_GRPO, "1/(B L) sum_i sum_t x_it")
def sequence_sum(values: Tensor, mask: Tensor, *, length: Positive = 1.0) -> tuple[Tensor, Tensor]:
    """The mean over answers of the sum over tokens, divided by a constant, the longest answer
    allowed (Dr. GRPO); 1 makes it the policy gradient itself."""
    total = values.masked_fill(~mask, 0.0).sum() / length
    return total, torch.tensor(float(len(values)), device=values.device)
