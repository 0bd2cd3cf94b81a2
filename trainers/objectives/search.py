"""Tree search for preference pairs between actions (Agent Q, arXiv 2408.07199)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from trainers.objectives import papers
from trainers.objectives.registry import NonNegative, Share, part


@part("search", "mixed_value", papers.AGENT_Q, "Q = alpha Q_mcts + (1 - alpha) Q_critic")
def mixed_value(searched: float, critic: float, *, alpha: Share = 0.5) -> float:
    """An action's value: what was found below it, and what a critic says of it."""
    return alpha * searched + (1 - alpha) * critic


@part("search", "backup", papers.AGENT_Q, "Q <- (Q N + R) / (N + 1)")
def backup(value: float, visits: int, reward: float) -> tuple[float, int]:
    """An action's value and visits after one more rollout through it that ended in `reward`."""
    return (value * visits + reward) / (visits + 1), visits + 1


@part("search", "explore", papers.AGENT_Q, "argmax Q + c sqrt(log N / (1 + N_a))")
def explore(
    values: Sequence[float], visits: Sequence[int], *, exploration: NonNegative = 1.0
) -> int:
    """Which of a state's actions to try next (UCB1); the first of those that tie.

    Args:
        values: Q of each.
        visits: how often each was taken; their sum is the state's N.
        exploration: c; 0 is greedy.
    """
    total = max(sum(visits), 1)
    scores = [
        value + exploration * math.sqrt(math.log(total) / (1 + count))
        for value, count in zip(values, visits, strict=True)
    ]
    return scores.index(max(scores))


@part("search", "preferred_pairs", papers.AGENT_Q, "(i, j) with Q_i - Q_j >= theta, both explored")
def preferred_pairs(
    values: Sequence[float], visits: Sequence[int], *, theta: NonNegative = 0.2
) -> list[tuple[int, int]]:
    """A state's explored actions as (preferred, other), for `dpo`.

    Args:
        values: Q of each action.
        visits: how often each was taken; those never taken are in no pair.
        theta: least difference. A difference of 0 is never a preference.
    """
    explored = [action for action, count in enumerate(visits) if count > 0]
    return [
        (better, worse)
        for better in explored
        for worse in explored
        if values[better] - values[worse] >= theta and values[better] > values[worse]
    ]
