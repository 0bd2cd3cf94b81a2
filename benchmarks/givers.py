"""Demonstrations of people who give what is needed, and of people who give more."""

from __future__ import annotations

from agentenv.policies.scripted import OraclePolicy
from agentenv.tasks.base import Oracle, TaskInstance
from agentenv.tasks.phone.suite import PhoneTask
from privacy_audit.reference.agents import AGENTS, case_of

GIVERS = ("minimal", "over_filler", "trap_taker")
"""Agents of `privacy_audit.reference`, each of which does every so manieth instance."""


class Givers(OraclePolicy):
    """A policy that is another reference agent on every instance of a task."""

    name = "givers"

    def oracle_of(self, instance: TaskInstance) -> Oracle:
        """The agent's script, or the task's own where nothing is given."""
        task = self.tasks[instance.task]
        case = case_of(task, instance) if isinstance(task, PhoneTask) else None
        if case is None:
            return super().oracle_of(instance)
        return AGENTS[GIVERS[instance.index % len(GIVERS)]](case)[0]
