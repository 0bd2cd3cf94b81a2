"""Which rollouts and tokens are worth learning from."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from trainers.objectives import papers
from trainers.objectives.groups import NO_SPREAD, group_std
from trainers.objectives.registry import NonNegative, Share, part

Count = Annotated[int, Field(ge=1)]


@part("selection", "unequal_groups", papers.DAPO, "groups with std(R) > 0")
def unequal_groups(rewards: Tensor, groups: Tensor) -> Tensor:
    """The rollouts of groups that carry a signal. (PivotRL, arXiv 2603.21383, asks the same of
    single turns: the groups are then the actions sampled at one turn.)

    Args:
        rewards: (N,) float.
        groups: (N,) long.

    Returns:
        (N,) bool.
    """
    return group_std(rewards, groups) > NO_SPREAD


@part(
    "selection",
    "overlong_penalty",
    papers.DAPO_OVERLONG,
    "0 up to limit - buffer, then falling to -weight at limit",
)
def overlong_penalty(
    lengths: Tensor, *, limit: Count = 64, buffer: Count = 16, weight: NonNegative = 1.0
) -> Tensor:
    """A soft penalty for answers that come near the limit or were cut off there, to be added
    to the reward.

    Args:
        lengths: (N,) tokens.

    Returns:
        (N,) float, in [-weight, 0].
    """
    over = (lengths - (limit - buffer)).to(torch.float32) / buffer
    return -weight * over.clamp(0.0, 1.0)


@part("selection", "d3s_rollouts", papers.D3S, "the m rollouts with the largest Var(A)")
def d3s_rollouts(advantages: Tensor, *, count: Count = 4) -> Tensor:
    """The subset of a group, or of a batch, whose advantages differ most: some of the highest
    and some of the lowest.

    Args:
        advantages: (N,)
        count: m; all are kept where N is not larger.

    Returns:
        (N,) bool.
    """
    kept = torch.ones(len(advantages), dtype=torch.bool, device=advantages.device)
    if count >= len(advantages):
        return kept
    order = advantages.argsort()
    # The best subset is always the k highest and the m - k lowest, for some k.
    choices = [torch.cat([order[: count - k], order[len(order) - k :]]) for k in range(count + 1)]
    best = max(choices, key=lambda rows: float(advantages[rows].double().var(correction=0)))
    return ~kept.index_fill(0, best, False)


@part("selection", "d3s_tokens", papers.D3S, "the tokens with the largest |A| H")
def d3s_tokens(
    advantages: Tensor, entropies: Tensor, mask: Tensor, *, share: Share = 0.5
) -> Tensor:
    """The tokens where the policy is uncertain and much depends on it.

    Args:
        advantages: (B, T)
        entropies: (B, T) H of the distribution that each token was drawn from, in nats.
        mask: (B, T) bool.
        share: of the tokens that are kept (at least one).

    Returns:
        (B, T) bool, the mask to learn with.
    """
    scores = (advantages.abs() * entropies).masked_fill(~mask, -torch.inf).flatten()
    tokens = int(mask.sum())
    count = min(tokens, max(1, round(share * tokens)))
    kept = torch.zeros_like(mask).flatten().index_fill(0, scores.topk(count).indices, True)
    return kept.view_as(mask)
