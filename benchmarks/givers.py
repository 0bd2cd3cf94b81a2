"""Demonstrations of people who give what is needed, and of people who give more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agentenv.actions import Action
from agentenv.dialects import get_dialect
from agentenv.policies.base import Decision, History
from agentenv.policies.scripted import find_instance, say
from agentenv.tasks.base import Oracle, Task, TaskInstance
from agentenv.tasks.phone.suite import PhoneTask
from privacy_audit.reference.agents import AGENTS, case_of

GIVERS = ("minimal", "over_filler", "trap_taker")
"""Agents of `privacy_audit.reference`, each of which does every so manieth instance."""


class Givers:
    """A policy that is another reference agent on every instance of a task.

    Args:
        tasks: id -> task, of every task it will see.
    """

    name, version = "givers", "-".join(GIVERS)

    def __init__(self, tasks: Mapping[str, Task]) -> None:
        self.tasks = tasks
        self.dialect = get_dialect("json")

    def act(self, histories: Sequence[History]) -> list[Decision]:
        """The agent's next action in each history."""
        return [say(self._choose(one), one.observation, self.dialect) for one in histories]

    def _choose(self, history: History) -> Action:
        instance = find_instance(history.instance, self.tasks)
        oracle = self._oracle(instance)
        for turn in history.turns:  # it may keep count of what it was shown
            oracle(turn.observation)
        return oracle(history.observation)

    def _oracle(self, instance: TaskInstance) -> Oracle:
        task = self.tasks[instance.task]
        case = case_of(task, instance) if isinstance(task, PhoneTask) else None
        if case is None:
            return task.oracle(instance)
        return AGENTS[GIVERS[instance.index % len(GIVERS)]](case)[0]
