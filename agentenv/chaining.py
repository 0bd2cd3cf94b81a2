"""Sessions that begin where the same agent ended an earlier one, instead of from a prepared state.

A task that `follows` another is begun at the end of that other's episode of the same instance and
attempt. What the agent did there decides; a failure of the infrastructure there decides nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from agentenv.errors import ConfigError
from agentenv.policies.base import Policy
from agentenv.tasks.base import Split, Task, TaskInstance
from agentenv.trajectories.episode import Episode
from agentenv.trajectories.store import EpisodeKey

LOST = "earlier_session"
"""Cause of failure of an episode whose earlier session the infrastructure cut short."""


def lost(policy: Policy, task: Task, split: Split, index: int, attempt: int) -> Episode:
    """What is kept of a later session that had nothing to begin with: no part of any rate."""
    return Episode(
        task=task.id,
        split=split,
        index=index,
        policy=policy.name,
        policy_version=policy.version,
        steps=(),
        final_observation=None,
        terminated=False,
        truncated=True,
        attempt=attempt,
        infra_error=LOST,
        after=task.follows,
    )


class Chain:
    """How earlier sessions ended, and what follows from it for later ones.

    Args:
        tasks: of both.

    Raises:
        ConfigError: a task follows one that is not among them.
    """

    def __init__(self, tasks: Collection[Task]) -> None:
        self._earlier = {task.follows for task in tasks if task.follows}
        without = self._earlier - {task.id for task in tasks}
        if without:
            raise ConfigError(f"a session that others follow is missing: {min(without)}")
        self._ends: dict[EpisodeKey, Episode] = {}

    def note(self, episode: Episode) -> None:
        """Keep the end of an episode, if another begins there."""
        if episode.task in self._earlier:
            key = (episode.task, episode.split, episode.index, episode.attempt)
            self._ends[key] = replace(episode, steps=(), final_observation=None)  # no pictures

    def begin(self, task: Task, split: Split, index: int, attempt: int) -> TaskInstance | None:
        """The instance as the earlier session left it; None if that is lost.

        Raises:
            ConfigError: the device of the earlier session kept no event log.
            StoreError: the log is broken.
        """
        end = self._ends[(task.follows, split, index, attempt)]
        if end.infra_error:
            return None
        if end.events is None:
            raise ConfigError(f"{end.key}: its device kept no event log; nothing can follow it")
        return task.after(task.instance(split, index), end.events)
