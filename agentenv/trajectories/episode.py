"""Episode and Step: what a rollout leaves behind."""

from __future__ import annotations

from dataclasses import dataclass

from agentenv.actions import Action
from agentenv.observations import Observation
from agentenv.policies.base import Egress, History, Turn


@dataclass(frozen=True)
class Step:
    """One decision and what came of it."""

    observation: Observation
    """Before the action."""
    text: str
    action: Action
    sent: Action | None
    """What the device really did; None if the action was refused."""
    reward: float
    token_ids: tuple[int, ...] = ()
    log_probs: tuple[float, ...] = ()
    actor: str = ""
    """Who decided, if it was not the episode's policy: "human" after a take-over."""
    egress: Egress | None = None
    """What left the machine for the decision: `observation` as a policy behind an API saw it."""


@dataclass(frozen=True)
class Episode:
    """One attempt at one task instance."""

    task: str
    split: str
    index: int
    """`task/split/index` is the instance's key."""
    policy: str
    policy_version: str
    steps: tuple[Step, ...]
    final_observation: Observation | None
    """After the last action; None if the device failed before it could be taken."""
    terminated: bool
    truncated: bool
    attempt: int = 0
    """Counts repeated attempts at the same instance."""
    infra_error: str = ""
    """Cause, if the infrastructure failed; such an episode is never scored."""
    raw_reward: float | None = None
    events: tuple[str, ...] | None = None
    """The device's own event log as JSON lines; None from devices that keep none."""
    after: str = ""
    """Task of the episode at whose end this one began: of the same split, index and attempt, and
    in the same store. "" where it began as its task prepares it."""

    @property
    def reward(self) -> float:
        """Sum of the steps' rewards."""
        return sum(step.reward for step in self.steps)

    @property
    def success(self) -> bool:
        """The verifier gave the full reward."""
        return not self.infra_error and self.reward >= 1.0

    @property
    def goal(self) -> str:
        """The goal the agent was given."""
        return self.steps[0].observation.goal if self.steps else ""

    @property
    def screens(self) -> list[Observation | None]:
        """What was seen before each step, and after the last one (None: nothing was)."""
        return [*(step.observation for step in self.steps), self.final_observation]

    @property
    def key(self) -> str:
        """The instance's key, as in `TaskInstance.key`."""
        return f"{self.task}/{self.split}/{self.index}"

    def history_at(self, step: int) -> History:
        """What the policy knew when it decided on that step."""
        return History(
            observation=self.steps[step].observation,
            turns=tuple(Turn(past.observation, past.text) for past in self.steps[:step]),
            instance=self.key,
        )
