"""How certain an estimate is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from trainers.ope.trajectories import Trajectories

RESAMPLES = 1000
TOGETHER = 50
"""Resamples computed at once."""


@dataclass(frozen=True)
class Estimate:
    """A policy's value as one estimator sees it."""

    value: float
    interval: tuple[float, float]
    """95 %: percentiles of the bootstrap over episodes (Efron), which knows of the luck of
    which episodes were logged, not of what a model of Q got wrong."""


def bootstrap(estimator: Callable[[Trajectories], Tensor], log: Trajectories) -> Estimate:
    """An estimate with its interval. The draws are the same in every call, so that policies
    are compared on the same luck.

    Args:
        estimator: of a policy's value, from some episodes.
        log: the episodes.
    """
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randint(len(log), (RESAMPLES, len(log)), generator=generator)
    values = torch.vmap(lambda rows: estimator(log[rows]), chunk_size=TOGETHER)(drawn)
    low, high = torch.nanquantile(values, torch.tensor([0.025, 0.975]).to(values)).tolist()
    return Estimate(float(estimator(log)), (low, high))
