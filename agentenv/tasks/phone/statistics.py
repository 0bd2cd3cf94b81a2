"""What the suite holds, and how far its test splits are from training."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np

from agentenv.phone.phone import Phone
from agentenv.phone.setup import PhoneSetup
from agentenv.progress import track
from agentenv.tasks.base import Split, TaskInstance
from agentenv.tasks.phone.suite import PhoneTask

SPLITS: tuple[tuple[str, str, Split], ...] = (
    ("train", "train", "train"),
    ("new parameters", "train", "test"),
    ("new templates", "new-templates", "test"),
    ("new apps", "new-apps", "test"),
)
"""What a split is called, its group of templates, and the split of their instances."""


@dataclass(frozen=True)
class SplitStatistics:
    """Of one split, from some instances of each of its templates."""

    name: str
    apps: int
    templates: int
    steps: tuple[int, ...]
    """That oracles need: least, quartiles, most; empty if there is no template."""
    first_screens: int
    """Distinct ones among the instances."""
    instances: int
    words: int
    """In all goals."""
    new_words: float
    """Share of them that no goal of training has."""
    distance: float
    """From a goal to the nearest goal of training, on average: 1 - (words they share) / (words of
    either)."""


def statistics(tasks: Sequence[PhoneTask], instances: int) -> list[SplitStatistics]:
    """Each of the four splits.

    Args:
        tasks: all tasks of the suite.
        instances: of each template.
    """
    known: list[frozenset[str]] = []
    found = []
    chosen = {group: [task for task in tasks if task.group == group] for _, group, _ in SPLITS}
    total = instances * sum(len(chosen[group]) for _, group, _ in SPLITS)
    with track("statistics", total) as progress:
        for name, group, split in SPLITS:
            drawn, screens = list[TaskInstance](), set[bytes]()
            for task in chosen[group]:
                for index in range(instances):
                    drawn.append(task.instance(split, index))
                    screens.add(_first_screen(drawn[-1]))
                    progress.advance()
            goals = [words_of(one.goal) for one in drawn]
            known = known or goals
            found.append(_split(name, chosen[group], drawn, len(screens), goals, known))
    return found


def _split(
    name: str,
    tasks: Sequence[PhoneTask],
    drawn: Sequence[TaskInstance],
    first_screens: int,
    goals: Sequence[frozenset[str]],
    known: Sequence[frozenset[str]],
) -> SplitStatistics:
    steps = [task.expected_steps for task in tasks]
    words, seen = frozenset[str]().union(*goals), frozenset[str]().union(*known)
    return SplitStatistics(
        name=name,
        apps=len({app for task in tasks for app in task.template.apps}),
        templates=len(tasks),
        steps=tuple(round(float(one)) for one in np.percentile(steps, (0, 25, 50, 75, 100)))
        if steps else (),
        first_screens=first_screens,
        instances=len(drawn),
        words=len(words),
        new_words=len(words - seen) / len(words) if words else 0.0,
        distance=float(np.mean([distance(one, known) for one in goals])) if goals else 0.0,
    )  # fmt: skip


def words_of(goal: str) -> frozenset[str]:
    """The words of a goal, in lower case."""
    return frozenset(re.findall(r"\w+", goal.lower()))


def distance(goal: frozenset[str], known: Sequence[frozenset[str]]) -> float:
    """From a goal to the nearest of others: 0 if one has the same words, 1 if none has any."""
    return min((1 - len(goal & other) / len(goal | other) for other in known), default=1.0)


def _first_screen(instance: TaskInstance) -> bytes:
    assert isinstance(instance.setup, PhoneSetup)
    phone = Phone(instance.setup)
    try:
        return sha256(phone.page().encode()).digest()
    finally:
        phone.close()
