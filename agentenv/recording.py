"""One episode as it runs, kept so that it can be stored."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from agentenv.dialects.parsing import without_surrogates
from agentenv.env import DeviceEnv
from agentenv.errors import DeviceError
from agentenv.observations import Observation
from agentenv.policies.base import Decision, History, Turn
from agentenv.tasks.base import TaskInstance
from agentenv.trajectories.episode import Episode, Step
from agentenv.transition import Transition

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Beginning:
    """What several episodes of an instance have in common: their steps up to a snapshot."""

    token: str
    """Of the snapshot."""
    seen: Observation
    """When it was taken."""
    turns: tuple[Turn, ...]
    steps: tuple[Step, ...]


class EpisodeRecorder:
    """Runs one try at one instance, one decision at a time, and remembers it all.

    Args:
        env: where; it is begun by `begin`.
        instance: what to do.
        attempt: number of the try, as the episode will say.
        beginning: another try's, to go on from; None begins with a reset.
    """

    def __init__(
        self,
        env: DeviceEnv,
        instance: TaskInstance,
        attempt: int = 0,
        beginning: Beginning | None = None,
    ) -> None:
        self.env = env
        self.instance = instance
        self.attempt = attempt
        self.beginning = beginning
        self.turns: list[Turn] = list(beginning.turns) if beginning else []
        self.steps: list[Step] = list(beginning.steps) if beginning else []
        self.last: Transition | None = None
        self.infra_error = ""

    @property
    def over(self) -> bool:
        """Whether the episode has ended."""
        ended = self.last is not None and (self.last.terminated or self.last.truncated)
        return ended or bool(self.infra_error)

    def begin(self) -> None:
        """Bring the device to the beginning; where that fails, the episode is over with
        `infra_error`."""
        try:
            if self.beginning is None:
                self.env.begin(self.instance)
            else:
                self.env.resume(self.instance, self.beginning.token, self.beginning.seen)
        except DeviceError as error:
            logger.warning("%s: no reset: %s", self.instance.key, error)
            self.infra_error = error.cause

    def save(self) -> Beginning | None:
        """The episode so far, for others to begin with; where that fails, the episode is over
        with `infra_error`."""
        try:
            token = self.env.save()
        except DeviceError as error:
            logger.warning("%s: no snapshot: %s", self.instance.key, error)
            self.infra_error = error.cause
            return None
        return Beginning(token, self.env.observation, tuple(self.turns), tuple(self.steps))

    def history(self) -> History:
        """What a policy may look at."""
        return History(self.env.observation, tuple(self.turns), self.instance.key)

    def advance(self, decision: Decision, actor: str = "") -> None:
        """Carry out a decision; `actor` is who made it, if not the episode's policy."""
        before: Observation = self.env.observation
        text = without_surrogates(decision.text)  # what is kept must fit into a file
        self.last = self.env.advance(decision.action)
        self.infra_error = self.last.infra_error
        self.turns.append(Turn(before, text))
        self.steps.append(
            Step(
                observation=before,
                text=text,
                action=decision.action,
                sent=self.last.sent,
                reward=self.last.reward,
                token_ids=decision.token_ids,
                log_probs=decision.log_probs,
                actor=actor,
                egress=decision.egress,
            )
        )

    def episode(self, policy: str, policy_version: str) -> Episode:
        """What the try leaves behind."""
        return Episode(
            task=self.instance.task,
            split=self.instance.split,
            index=self.instance.index,
            policy=policy,
            policy_version=policy_version,
            steps=tuple(self.steps),
            final_observation=None if self.infra_error else self.env.observation,
            terminated=self.last is not None and self.last.terminated,
            truncated=self.last is None or self.last.truncated,
            attempt=self.attempt,
            infra_error=self.infra_error,
            raw_reward=None if self.last is None else self.last.raw_reward,
            events=self._events(),
        )

    def _events(self) -> tuple[str, ...] | None:
        """What the device itself noted of the episode, if it keeps a log."""
        read = getattr(self.env.device, "event_log", None)  # only instrumented phones have one
        return None if read is None or self.infra_error else tuple(read())
