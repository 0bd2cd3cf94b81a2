"""Values as categories: HL-Gauss (Farebrother et al., arXiv 2403.03950).

A head says how likely each of K bins is to hold the value; its value is the expectation.
It learns by cross-entropy against the target smeared by a Gaussian over the bins, which
copes with noisy, nearly binary targets better than squared error does.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

LOW, HIGH = -0.1, 1.1
"""What the bins cover: returns in [0, 1] and room for the Gaussian of both ends, without
which a head could not say 0 or 1."""
SMOOTHING = 0.75
"""The Gaussian's standard deviation in bin widths (the paper's value)."""


def smoothed(targets: Tensor, bins: int) -> Tensor:
    """How much of a Gaussian around each target lies in each bin.

    Args:
        targets: (...); outside [0, 1] they count as 0 or 1.
        bins: K, of equal width over [`LOW`, `HIGH`].

    Returns:
        (..., K), each summing to 1.
    """
    deviation = SMOOTHING * (HIGH - LOW) / bins
    edges = torch.linspace(LOW, HIGH, bins + 1, device=targets.device)
    distance = (edges - targets.clamp(0.0, 1.0)[..., None]) / (deviation * math.sqrt(2))
    mass = torch.special.erf(distance).diff(dim=-1)
    return mass / mass.sum(dim=-1, keepdim=True)


def expectation(logits: Tensor) -> Tensor:
    """The value that a head's scores mean: (..., K) to (...)."""
    bins = logits.shape[-1]
    half = (HIGH - LOW) / bins / 2
    centers = torch.linspace(LOW + half, HIGH - half, bins, device=logits.device)
    return torch.softmax(logits, dim=-1) @ centers


def classification_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy of scores (..., K) against smoothed targets (...)."""
    wanted = smoothed(targets, logits.shape[-1])
    return functional.cross_entropy(logits.flatten(0, -2), wanted.flatten(0, -2))
