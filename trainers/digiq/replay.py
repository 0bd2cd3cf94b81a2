"""Fresh and logged data in one batch, in fixed shares (RLPD, arXiv 2302.02948)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from trainers.digiq.critic import Critic


@dataclass(frozen=True)
class Replay:
    """What a critic that goes on learning starts from, and what it sees."""

    start: Critic
    """Not changed."""
    sizes: Sequence[int]
    """States of the logged episodes, then of each round's fresh ones, in the features' order."""
    fresh_share: float
    """Of each batch, of any round's fresh states."""


def mixture(
    logged: Sequence[int], fresh: Sequence[int], size: int, fresh_share: float, seed: int
) -> Callable[[int], list[int]]:
    """Which rows are in the batch of a step: the same step, the same batch.

    Args:
        logged: numbers of rows to draw from.
        fresh: likewise; if one of the two is empty, all come from the other.
        size: rows a batch.
        fresh_share: of them, rounded.
        seed: of the draws; a row is twice in a batch only if there are too few.
    """
    count = round(size * fresh_share) if logged else size
    counts = (size - count, count) if fresh else (size, 0)

    def rows(step: int) -> list[int]:
        rng = np.random.default_rng([seed, step])
        drawn = [
            rng.choice(source, n, replace=n > len(source)).tolist()
            for source, n in zip((logged, fresh), counts, strict=True)
            if n
        ]
        return [int(row) for part in drawn for row in part]

    return rows
