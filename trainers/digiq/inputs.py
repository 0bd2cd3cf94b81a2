"""What determines the outcome of each stage: a stage's inputs include what it is built on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

from trainers.digiq.config import DigiQConfig, Evaluated, Method
from trainers.digiq.critic_config import CriticConfig
from trainers.runs import fingerprint

ACTOR_SETTINGS: dict[Method, tuple[str, ...]] = {
    "filtered_bc": (),
    "digirl": ("digirl_mixing",),
    "digiq": ("aggregation", "observed", "threshold", "margin", "prior"),
    "reinforce": ("aggregation", "observed"),
    "awr": ("aggregation", "observed", "awr_beta", "awr_max_weight"),
}
"""The actor's settings that a method heeds, beside those of the optimiser."""


@dataclass(frozen=True)
class StageInputs:
    """Of one run; JSON-able, for `RunDirectory.finished` and `fingerprint`."""

    config: DigiQConfig
    tasks: Iterable[str]
    """Their ids."""
    base_digest: str
    """Of the base policy's weights."""

    @property
    def collect(self) -> dict[str, Any]:
        """Of the logged episodes."""
        c = self.config
        return {
            "tasks": sorted(self.tasks),
            "base": self.base_digest,
            "seed": c.seed,
            "dialect": c.dialect,
            "collect": asdict(c.collect),
        }

    @property
    def candidates(self) -> dict[str, Any]:
        """Of the candidates."""
        return {**self.collect, "candidates": asdict(self.config.candidates)}

    @property
    def features(self) -> dict[str, Any]:
        """Of the representation and the features."""
        representation = asdict(self.config.representation)
        return {**self.candidates, "representation": representation, **self._trained_parts}

    def critic(self, config: CriticConfig) -> dict[str, Any]:
        """Of a critic with these settings."""
        settings = asdict(config)
        if config.critic != "chunk":
            del settings["chunk"]  # which the others do not heed
        privacy = self.config.privacy
        price = {"price": (privacy.rewards, privacy.policy)} if privacy.rewards else {}
        return {**self.features, "critic": settings, **price}

    def actor(self, method: Method) -> dict[str, Any]:
        """Of a policy: not of settings that its method does not heed."""
        actor, privacy = asdict(self.config.actor), self.config.privacy
        heeded = ["steps", "batch_size", "learning_rate", *ACTOR_SETTINGS[method]]
        if method == "digiq":  # runs from before there were these settings stay valid
            heeded += ["n"] if actor["n"] else []
            if privacy.candidates:
                actor |= {"privacy": privacy.candidates, "privacy_policy": privacy.policy}
                heeded += ["privacy", "privacy_policy"]
        inputs = self.collect
        if method != "filtered_bc":
            inputs = self.critic(critic_of(method, self.config))
        return {
            **inputs,
            **self._trained_parts,
            "actor": {name: actor[name] for name in heeded},
            "method": method,
        }

    def evaluation(self, label: str, policy: dict[str, Any] | None = None) -> dict[str, Any]:
        """Of the episodes that measure a policy.

        Args:
            label: one of the config's.
            policy: what determines the policy, if no stage up to 7 makes it.
        """
        evaluation = asdict(self.config.evaluation)
        evaluated = Evaluated.of(label)
        name = evaluated.method
        inputs = policy or (
            self.collect if name == "base" else self.actor(name)  # type: ignore[arg-type]
        )
        del evaluation["reranked"], evaluation["greedy"]
        evaluation["temperature"] = evaluated.temperature(self.config.evaluation)
        if evaluated.way != "rerank":
            del evaluation["rerank"]
        else:
            critic = self.critic(self.config.critic)
            actor = self.config.actor
            inputs = {**critic, **inputs}
            inputs |= {"aggregation": actor.aggregation, "prior": actor.prior}
        return {**inputs, **self._training_seed, "evaluation": evaluation, "label": label}

    @property
    def _trained_parts(self) -> dict[str, Any]:
        return {
            "lora": asdict(self.config.lora),
            "freeze_vision": self.config.freeze_vision,
            **self._training_seed,
        }

    @property
    def _training_seed(self) -> dict[str, int]:
        seed = self.config.seed_of_training
        return {} if seed == self.config.seed else {"training_seed": seed}


@dataclass(frozen=True)
class RoundInputs:
    """Of one online round (see `trainers.digiq.online`).

    The policy it starts from was made of all that came before: its fingerprint stands for
    the logged data, the representation and the critic too.
    """

    run: StageInputs
    number: int
    """From 1 on."""
    first: int
    """The first instance that was not logged."""

    @property
    def first_instance(self) -> int:
        """The first that no round before has used either."""
        return self.first + (self.number - 1) * self.run.config.online.episodes

    @property
    def collect(self) -> dict[str, Any]:
        """Of the fresh episodes."""
        c = self.run.config.online
        before = replace(self, number=self.number - 1)
        policy = before.actor if self.number > 1 else self.run.actor(c.method)
        return {
            "policy": fingerprint(policy),
            "first": self.first_instance,
            "episodes": c.episodes,
            "temperature": c.temperature,
        }

    @property
    def candidates(self) -> dict[str, Any]:
        """Of their states' candidates."""
        return self.collect

    @property
    def features(self) -> dict[str, Any]:
        """Of their features."""
        return self.collect

    @property
    def critic(self) -> dict[str, Any]:
        """Of the critic after this round."""
        c = self.run.config.online
        return {**self.collect, "critic_steps": c.critic_steps, "share": c.share}

    @property
    def actor(self) -> dict[str, Any]:
        """Of the policy after this round."""
        return {**self.critic, "actor_steps": self.run.config.online.actor_steps}


def critic_of(method: Method, config: DigiQConfig) -> CriticConfig:
    """The critic a method asks: DigiRL's learns from Monte-Carlo returns."""
    if method == "digirl":
        return replace(config.critic, critic="mc", v_target="logged")
    return config.critic
