"""Offline-to-online: rounds of fresh episodes after the offline stages.

In a round the present actor acts on training instances that were not used yet; the critic and
the actor go on from their weights, on batches that mix logged and fresh data (`replay.py`). A
round is the offline stages once more, on other episodes:

    collect -> candidates -> features -> critic -> actor

Candidates in the new states are the present actor's: Best-of-N asks which of the things that
this policy does are best, and what only the base policy would still try need not be learned
away again. The representation stays frozen as it is, so that the critic's inputs keep their
meaning; the logged states keep their candidates and features.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from agentenv.errors import ConfigError
from trainers.digiq import methods
from trainers.digiq.config import CollectSettings
from trainers.digiq.critic import Critic
from trainers.digiq.experience import Experience
from trainers.digiq.features import join
from trainers.digiq.inputs import RoundInputs
from trainers.digiq.replay import Replay, mixture
from trainers.digiq.transitions import TransitionFeatures

if TYPE_CHECKING:
    from trainers.digiq.pipeline import DigiQ


class Rounds:
    """The rounds of one run, numbered from 1; 0 is what the offline stages made.

    Args:
        digiq: the run.
    """

    def __init__(self, digiq: DigiQ) -> None:
        self.digiq = digiq
        self.settings = digiq.config.online
        self._experiences: dict[int, Experience] = {0: digiq.logged}
        self._critics: dict[int, Critic] = {}

    @cached_property
    def first(self) -> int:
        """The first training instance that was not logged."""
        keys = self.digiq.logged.store.keys()
        return 1 + max((index for _, split, index, _ in keys if split == "train"), default=-1)

    def inputs(self, number: int) -> RoundInputs:
        """What determines the outcome of a round's stages."""
        return RoundInputs(self.digiq.inputs, number, self.first)

    def experience(self, number: int) -> Experience:
        """The fresh episodes of a round; of 0 the logged ones."""
        if number not in self._experiences:
            digiq, c, inputs = self.digiq, self.settings, self.inputs(number)
            self._experiences[number] = Experience(
                digiq.config,
                digiq.run,
                digiq.tasks,
                inputs,
                CollectSettings(episodes=c.episodes, temperature=c.temperature),
                first=inputs.first_instance,
                policy=lambda temperature: digiq.policy(
                    self.actor(number - 1), temperature, digiq.config.seed + number
                ),
                representation=lambda: digiq.representation,
                name=f"online{number}",
            )
        return self._experiences[number]

    def critic(self, number: int) -> Critic:
        """Goes on from the critic of the round before, on all data up to here."""
        if number == 0:
            return self.digiq.critic
        if number not in self._critics:
            config = replace(self.digiq.config.critic, steps=self.settings.critic_steps)
            self._critics[number] = self.digiq.fit_critic(
                f"critic_online{number}",
                self.inputs(number).critic,
                config,
                lambda: self._features(number),
                lambda: Replay(self.critic(number - 1), self._sizes(number), self.settings.share),
            )
        return self._critics[number]

    def actor(self, number: int) -> Path:
        """Goes on from the policy of the round before; its folder."""
        c, digiq = self.settings, self.digiq
        if number == 0:
            return digiq.actor(c.method)
        name, inputs = f"{c.method}_online{number}", self.inputs(number).actor
        if digiq.run.finished(f"actor_{name}", inputs) is not None:
            return digiq.folder_of(name)
        critic, features = self.critic(number), self._features(number)
        chosen = methods.select(c.method, critic, features, digiq.config)
        parts = [self.experience(i) for i in range(number + 1)]
        examples = methods.examples_of(
            chosen,
            [prompt for part in parts for prompt in part.prompts],
            [row for part in parts for row in part.candidates],
        )
        if not examples:
            raise ConfigError(f"{name}: no action is worth imitating; lower --actor.threshold")
        logged = int(chosen.keep[: self._sizes(number)[0]].sum())
        batch = mixture(
            range(logged),
            range(logged, len(examples)),
            digiq.config.actor.batch_size,
            c.share,
            digiq.config.seed_of_training,
        )
        return digiq.imitate(
            name,
            inputs,
            digiq.trainable(self.actor(number - 1)),
            lambda step: [examples[row] for row in batch(step)],
            steps=c.actor_steps,
            result={"examples": len(examples), "fresh": len(examples) - logged},
        )

    def _sizes(self, number: int) -> list[int]:
        return [len(self.experience(i).prompts) for i in range(number + 1)]

    def _features(self, number: int) -> TransitionFeatures:
        """Of the logged episodes and of all rounds up to this one; read into memory."""
        parts = [self.experience(i) for i in range(number + 1)]
        episodes = [episode for part in parts for episode in part.episodes]
        return self.digiq.transitions(episodes, join([part.frozen for part in parts]))
