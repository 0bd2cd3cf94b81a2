"""How well a ranking of policies by estimates agrees with the measured one.

All functions take estimates and measured values of the same K policies, in the same order.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def spearman(estimates: Tensor, measured: Tensor) -> float:
    """Spearman's rank correlation: Pearson's of the ranks, equal values sharing theirs.

    Returns:
        In [-1, 1]; NaN if either ranks nothing (fewer than two different values).
    """
    ranks = torch.stack([_ranks(estimates), _ranks(measured)])
    centred = ranks - ranks.mean(dim=1, keepdim=True)
    norm = float(centred.square().sum(dim=1).prod().sqrt())
    return float(centred.prod(dim=0).sum()) / norm if norm else math.nan


def regret_at_1(estimates: Tensor, measured: Tensor) -> float:
    """What choosing the policy with the highest estimate loses on the best one; 0 is best."""
    return float(measured.max() - measured[estimates.argmax()])


def sharpe_ratio_at_k(estimates: Tensor, measured: Tensor, behaviour: float, k: int) -> float:
    """SharpeRatio@k (Kiyohara et al., arXiv 2311.18207): the return of trying the k policies
    with the highest estimates, for the risk of trying bad ones among them,

        (best@k - J(pi_b)) / std@k

    where best@k and std@k are the maximum and the standard deviation (divided by k, not
    k - 1) of their measured values. The policies are those that are ranked, the base policy
    among them.

    Args:
        behaviour: J(pi_b), the value of the policy that was logged.
        k: policies to try.

    Returns:
        NaN where it is not defined: fewer than k policies, or all k are equally good (one
        policy always is).
    """
    if k > len(estimates):
        return math.nan
    tried = measured[estimates.argsort(descending=True, stable=True)[:k]]
    risk = float(tried.std(correction=0))
    return (float(tried.max()) - behaviour) / risk if risk else math.nan


def _ranks(values: Tensor) -> Tensor:
    """(K,) float64: 0 for the lowest; equal values get their mean rank."""
    below = (values[None] < values[:, None]).sum(dim=1)
    equal = (values[None] == values[:, None]).sum(dim=1)
    return below + (equal - 1).double() / 2
