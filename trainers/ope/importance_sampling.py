"""Importance sampling: logged returns, weighed by how likely the policy was to act that way.

With rho_t = pi_e(a_t | s_t) / pi_b(a_t | s_t) and w_t = rho_0 ... rho_t (Precup, Sutton and
Singh, "Eligibility traces for off-policy policy evaluation", 2000):

    trajectory-wise     IS   = 1/n sum_i w_T sum_t gamma^t r_t
    weighted            WIS  = sum_i w_T sum_t gamma^t r_t / sum_i w_T
    per decision        PDIS = 1/n sum_i sum_t gamma^t w_t r_t

All need nothing but the log. IS and PDIS are unbiased (where no ratio is clipped) and vary
much; WIS is biased towards what was logged and varies less.
"""

from __future__ import annotations

import torch
from torch import Tensor

from trainers.ope.trajectories import Trajectories


def trajectory_wise(log: Trajectories) -> Tensor:
    """IS; a scalar."""
    return (_weights(log) * _returns(log)).mean()


def weighted(log: Trajectories) -> Tensor:
    """WIS; a scalar, NaN if the policy would have acted like none of the episodes."""
    weights = _weights(log)
    return (weights * _returns(log)).sum() / weights.sum()


def per_decision(log: Trajectories) -> Tensor:
    """PDIS; a scalar."""
    return (log.discounts * log.cumulative_ratios * log.rewards).sum(dim=1).mean()


def effective_sample_size(log: Trajectories) -> Tensor:
    """(sum w)^2 / sum w^2 over the episodes' weights (Kish): as many episodes of the policy
    itself would say as much. n if the policies agree, 1 if one episode decides; 0 if none
    counts."""
    weights = _weights(log)
    return weights.sum() ** 2 / weights.square().sum().clamp(min=torch.finfo(weights.dtype).tiny)


def _weights(log: Trajectories) -> Tensor:
    """(n,)"""
    return log.cumulative_ratios[:, -1]


def _returns(log: Trajectories) -> Tensor:
    """(n,)"""
    return (log.discounts * log.rewards).sum(dim=1)
