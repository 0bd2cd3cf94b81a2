"""What off-policy estimators see: episodes as rows of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from agentenv.errors import ConfigError

RATIO_CLIP = 10.0
"""Largest ratio of one step. A clipped ratio biases an estimate down, by what the policy
does far more often than the log; unclipped, a handful of steps would decide it."""


@dataclass(frozen=True)
class Trajectories:
    """n logged episodes, the longest of T steps; shorter ones are padded.

    After its end an episode earns nothing and its ratio is 1, as if it stayed in a state
    that it cannot leave.
    """

    rewards: Tensor
    """(n, T) r_t."""
    ratios: Tensor
    """(n, T) rho_t = pi_e(a_t | s_t) / pi_b(a_t | s_t), clipped; 1 where unknown."""
    q: Tensor
    """(n, T) Q(s_t, a_t) of the evaluated policy; 0 where unknown."""
    v: Tensor
    """(n, T) V(s_t) of the evaluated policy; 0 where unknown."""
    gamma: float = 1.0
    """Discount; 1 makes the value of a policy its expected reward in an episode, its
    success rate if rewards are 0 and 1."""

    def __len__(self) -> int:
        return len(self.rewards)

    def __getitem__(self, rows: Tensor) -> Trajectories:
        """Some of the episodes: (m,) long, or (n,) bool."""
        return Trajectories(
            self.rewards[rows], self.ratios[rows], self.q[rows], self.v[rows], self.gamma
        )

    @property
    def discounts(self) -> Tensor:
        """(T,) gamma^t."""
        return self.gamma ** torch.arange(self.rewards.shape[1], dtype=self.rewards.dtype)

    @property
    def cumulative_ratios(self) -> Tensor:
        """(n, T): the product of the ratios up to and with step t."""
        return self.ratios.cumprod(dim=1)


def lay_out_trajectories(
    lengths: Sequence[int],
    rewards: Tensor,
    *,
    log_ratios: Tensor | None = None,
    q: Tensor | None = None,
    v: Tensor | None = None,
    gamma: float = 1.0,
    clip: float = RATIO_CLIP,
) -> Trajectories:
    """Put the steps of episodes, one after another, into rows.

    Args:
        lengths: steps of each episode, at least 1.
        rewards, log_ratios, q, v: (S,), S being the sum of the lengths; see `Trajectories`.
        gamma: discount.
        clip: largest ratio of one step.

    Raises:
        ConfigError: there is no episode, or a setting is out of its range.
    """
    if not lengths:
        raise ConfigError("there is no logged episode to estimate from")
    if not 0 <= gamma <= 1:
        raise ConfigError(f"gamma is {gamma:g}; it must be between 0 and 1")
    if not clip > 0:
        raise ConfigError(f"clip is {clip:g}; it must be above 0 (inf does not clip)")
    ratios = None if log_ratios is None else log_ratios.double().exp().clamp(max=clip)

    def padded(column: Tensor | None, value: float) -> Tensor:
        if column is None:
            return torch.full((len(lengths), max(lengths)), value, dtype=torch.float64)
        parts = column.double().split(list(lengths))
        return torch.nn.utils.rnn.pad_sequence(parts, batch_first=True, padding_value=value)

    return Trajectories(
        padded(rewards, 0.0), padded(ratios, 1.0), padded(q, 0.0), padded(v, 0.0), gamma
    )
