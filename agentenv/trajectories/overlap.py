"""What the splits of trajectory stores share: instances, which must be none, and first screens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import permutations, product

from agentenv.trajectories.tally import Digest, InstanceKey

FirstStates = Mapping[InstanceKey, Digest]
"""Instance -> the state it begins in."""


@dataclass(frozen=True)
class Overlap:
    """What the instances of one split share with those of another."""

    split: str
    other: str
    """The other split."""
    store: str | None
    """The store that the other split is of; None: of the same."""
    instances: int
    """Of the split."""
    shared_instances: int
    """Those that the other one holds too: the same task, split and number."""
    shared_first_screens: int
    """Those that begin with a screen and goal that an instance of the same task begins with
    in the other one. On a page with few variants that happens by chance."""
    by_task: dict[str, tuple[int, int]]
    """(shared first screens, instances) of each task that has any shared ones."""


def overlaps_within(states: FirstStates) -> tuple[Overlap, ...]:
    """What each split of a store shares with each other one of it."""
    splits = sorted({split for _, split, _ in states})
    return tuple(
        _overlap(_part(states, split), _part(states, other), (split, other, None))
        for split, other in permutations(splits, 2)
    )


def overlaps_between(states: FirstStates, others: FirstStates, store: str) -> tuple[Overlap, ...]:
    """What each split of a store shares with each of another; `store` is the other's name."""
    pairs = product(*(sorted({split for _, split, _ in side}) for side in (states, others)))
    return tuple(
        _overlap(_part(states, split), _part(others, other), (split, other, store))
        for split, other in pairs
    )


def _part(states: FirstStates, split: str) -> FirstStates:
    return {key: state for key, state in states.items() if key[1] == split}


def _overlap(
    states: FirstStates, others: FirstStates, names: tuple[str, str, str | None]
) -> Overlap:
    seen = {(task, state) for (task, _, _), state in others.items()}
    shared = Counter(task for (task, _, _), state in states.items() if (task, state) in seen)
    instances = Counter(task for task, _, _ in states)
    return Overlap(
        *names,
        instances=len(states),
        shared_instances=len(states.keys() & others.keys()),
        shared_first_screens=shared.total(),
        by_task={task: (n, instances[task]) for task, n in sorted(shared.items())},
    )
