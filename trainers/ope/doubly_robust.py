"""Values of a model of Q, and the same corrected by what was seen.

The correction weighs how far Q is off at the logged steps by the ratios rho_t of
`importance_sampling`; it vanishes on average if either Q or the ratios are right.
"""

from __future__ import annotations

import torch
from torch import Tensor

from trainers.ope.trajectories import Trajectories


def direct(log: Trajectories) -> Tensor:
    """The mean of V over the initial states; with Q from `fitted_q`, the estimate of FQE
    (Le et al., arXiv 1903.08738)."""
    return log.v[:, 0].mean()


def doubly_robust(log: Trajectories) -> Tensor:
    """DR (Jiang and Li, arXiv 1511.03722), from the last step back:

    DR_t = V(s_t) + rho_t (r_t + gamma DR_{t+1} - Q(s_t, a_t)),   the mean of DR_0
    """
    value = torch.zeros_like(log.v[:, 0])
    for step in reversed(range(log.rewards.shape[1])):
        surprise = log.rewards[:, step] + log.gamma * value - log.q[:, step]
        value = log.v[:, step] + log.ratios[:, step] * surprise
    return value.mean()


def weighted_doubly_robust(log: Trajectories) -> Tensor:
    """WDR (Thomas and Brunskill, arXiv 1604.00923): DR with self-normalised weights,

    sum_i sum_t gamma^t (w_t r_t - w_t Q(s_t, a_t) + w_{t-1} V(s_t))

    where w_t is rho_0 ... rho_t divided by its sum over the episodes, and w_{-1} = 1/n. Once
    the policy would have acted like none of the episodes, their steps count no more.
    """
    cumulative = log.cumulative_ratios
    total = cumulative.sum(dim=0)
    weights = torch.where(total > 0, cumulative / total, 0.0)
    before = torch.cat([torch.full_like(weights[:, :1], 1 / len(log)), weights[:, :-1]], dim=1)
    terms = weights * (log.rewards - log.q) + before * log.v
    return (log.discounts * terms).sum()
