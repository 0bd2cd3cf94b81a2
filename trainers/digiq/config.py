"""Settings of `agentenv train digiq`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import arg

from agentenv.dialects import DialectName
from agentenv.errors import ConfigError
from trainers.configs import LoraConfig
from trainers.digiq.critic_config import CriticConfig

Method = Literal["filtered_bc", "digirl", "digiq", "reinforce", "awr"]
"""How a policy is made from logged data; explained in `trainers.digiq.methods`."""


@dataclass(frozen=True)
class CollectSettings:
    """Stage 1: the base policy acts in the environment."""

    episodes: int = 40
    """Instances of each task, drawn from the training split."""
    temperature: float = 1.0
    """At which the base policy samples."""
    data: Path | None = None
    """An existing trajectory store to learn from instead."""


@dataclass(frozen=True)
class CandidateSettings:
    """Stage 2: candidate actions for every logged state."""

    n: Annotated[int, arg(aliases=("--n-candidates",))] = 16
    """Candidates a state, the logged action included."""
    temperature: float = 1.2
    """At which candidates are sampled; higher is more diverse."""


@dataclass(frozen=True)
class RepresentationSettings:
    """Stages 3 and 4: what the critic sees of a state and an action."""

    kind: Annotated[Literal["finetuned", "off_the_shelf"], arg(aliases=("--representation",))] = (
        "finetuned"
    )
    """Whether the model first learns to tell which actions change the screen."""
    steps: int = 200
    """Optimiser steps."""
    batch_size: int = 16
    """States per optimiser step."""
    learning_rate: float = 1e-4
    """Peak, of AdamW; warm-up and cosine decay."""
    topics: tuple[Literal["change", "outcome"], ...] = ("change", "outcome")
    """What the model is asked of an action: whether it changes the screen (the paper),
    whether its episode succeeded (ours; a small model's features need it)."""
    layer: Annotated[int, arg(aliases=("--layer",))] = -2
    """Layer whose hidden state is the feature: -1 the last, 0 the embeddings."""


@dataclass(frozen=True)
class ActorSettings:
    """Stage 7: imitating the chosen actions, from the base policy on."""

    steps: int = 400
    """Optimiser steps, for every method alike."""
    batch_size: int = 16
    """Actions per optimiser step."""
    learning_rate: float = 1e-4
    """Peak, of AdamW; warm-up and cosine decay."""
    aggregation: Annotated[Literal["min", "mean", "max"], arg(aliases=("--aggregation",))] = "mean"
    """How the critic's heads become one advantage (digiq, reinforce, awr)."""
    threshold: Annotated[float, arg(aliases=("--threshold",))] = 0.0
    """Imitate the best candidate only if its advantage is larger (the paper: 0; the
    authors' code: 1 / horizon)."""
    margin: float = 0.0
    """Taken off the advantage of every candidate but the logged action (the paper: 0);
    pessimism towards actions whose outcome was never seen."""
    prior: Annotated[float, arg(aliases=("--prior",))] = 0.0
    """Taken off the value of a candidate for each nat by which the base policy finds it less
    likely than the likeliest one, here and where Q chooses at test time (the paper: 0)."""
    observed: bool = False
    """Let the logged action's value be at least the return that followed it, and exactly
    its reward where the episode ended; the paper asks the critic alone."""
    n: int = 0
    """Imitate the best of so many candidates, the logged action among them, 0 of all that
    were sampled (--n-candidates): what fewer would have done, from the same features."""
    awr_beta: float = 0.1
    """awr weighs an action by exp(advantage / beta)."""
    awr_max_weight: float = 20.0
    """Largest weight of awr."""
    digirl_mixing: float = 0.5
    """digirl's advantage is the outcome weighted by mixing^(steps to the end), and for
    the rest the rise of V."""


@dataclass(frozen=True)
class PrivacySettings:
    """Giving away less; for tasks that declare a privacy contract, as the phone's do."""

    rewards: float = 0.0
    """Taken off the reward of a logged action for each unit that the privacy audit finds
    against it (a field filled that the task does not need, say). The critic learns it as it
    learns success: what leads to giving away is worth less too."""
    candidates: float = 0.0
    """Taken off the value of a candidate for each unit that the audit would find against it,
    so that digiq imitates what gives away nothing at that step; beside `rewards`, a candidate
    pays twice."""
    policy: str = "default"
    """Policy pack of that audit: a name in data/policies, or a YAML file of your own."""

    def __post_init__(self) -> None:
        """Refuse a reward for giving away."""
        if min(self.rewards, self.candidates) < 0:
            raise ConfigError("privacy.rewards and privacy.candidates are prices: 0 or more")


@dataclass(frozen=True)
class EvaluationSettings:
    """Stage 8: instances that no training stage has seen."""

    episodes: int = 10
    """Instances of each task, from the test split."""
    attempts: int = 1
    """Episodes of each instance."""
    temperature: float = 0.8
    """Of the one sample that is acted (the authors' value)."""
    rerank: Annotated[int, arg(aliases=("--rerank",))] = 0
    """Samples of which Q chooses the one that is acted: evaluates policies that way too,
    as digiq_rerank and the like. 0 does not."""
    reranked: tuple[Method | Literal["base"], ...] = ("base", "digiq")
    """Which policies, if they are evaluated at all."""
    greedy: tuple[Method | Literal["base"], ...] = ()
    """Policies that are evaluated at temperature 0 too, as base_greedy and the like: the control
    for `rerank`, whose choice among samples also keeps a policy from its unlikely ones."""


@dataclass(frozen=True)
class Evaluated:
    """What a label of `DigiQConfig.labels` names."""

    method: str
    """That made the policy."""
    way: Literal["sampled", "greedy", "rerank"]
    """How it acts."""

    @classmethod
    def of(cls, label: str) -> Evaluated:
        """The label, read."""
        for way in ("greedy", "rerank"):
            if label.endswith(f"_{way}"):
                return cls(label.removesuffix(f"_{way}"), way)
        return cls(label, "sampled")

    def temperature(self, settings: EvaluationSettings) -> float:
        """At which the policy samples."""
        return 0.0 if self.way == "greedy" else settings.temperature


@dataclass(frozen=True)
class OnlineSettings:
    """After stage 7: rounds of fresh episodes, from which critic and policy go on learning."""

    rounds: int = 0
    """How many; 0 learns from the logged episodes alone."""
    method: Literal["digiq", "reinforce", "awr"] = "digiq"
    """Whose policy goes on; after round 2 it is called digiq_online2 and the like."""
    episodes: int = 10
    """Fresh instances of each task in a round, from the training split, numbered after the
    logged ones; the actor of the round before acts."""
    temperature: float = 1.0
    """At which it samples."""
    share: float = 0.5
    """Of each batch that is fresh data, of this round or an earlier one; the rest is logged."""
    critic_steps: int = 300
    """Gradient steps of the critic in a round, at most."""
    actor_steps: int = 100
    """Optimiser steps of the policy in a round."""
    evaluate: Literal["every", "last"] = "every"
    """Which rounds' policies are evaluated."""

    def __post_init__(self) -> None:
        """Refuse what would fail only after the offline stages."""
        if not 0 <= self.share <= 1:
            raise ConfigError(f"online.share is {self.share}; it must be between 0 and 1")
        if self.rounds < 0 or min(self.episodes, self.critic_steps, self.actor_steps) < 1:
            raise ConfigError(
                "online.episodes, online.critic_steps and online.actor_steps must be at least "
                "1, online.rounds at least 0"
            )


@dataclass(frozen=True)
class DigiQConfig:
    """Digi-Q (arXiv 2502.15760) from logged data to a better policy, and its report."""

    tasks: tuple[str, ...]
    """Ids such as miniwob/click-button, or a suite's name."""
    base: str
    """Hugging Face name or path of the policy to improve."""
    out: Path = Path("runs/digiq")
    """Run directory; the same command resumes or skips what is finished."""
    feature_cache: Path | None = Path("runs/feature_cache")
    """Shared by all runs: features of the same state, action and model are computed once.
    May be deleted at any time."""
    seed: int = 0
    """Of sampling, of the order of the data and of the critic."""
    training_seed: int | None = None
    """Of all that comes after the candidates, instead of `seed`. Runs that differ in nothing
    else learn from the same episodes and candidates."""
    devices: int = 4
    """Browsers stepped at once."""
    threads: int = 0
    """Torch threads; 0 takes what torch chooses."""
    dialect: DialectName = "json"
    """How the policy writes actions."""
    freeze_vision: bool = True
    """Train what reads the image features and not the image encoder (as the authors do)."""
    methods: Annotated[tuple[Method, ...], arg(aliases=("--method",))] = ("filtered_bc", "digiq")
    """Trained on the same data, with the same number of steps, and evaluated alike:
    filtered_bc, digirl, digiq, reinforce, awr."""
    collect: CollectSettings = field(default_factory=CollectSettings)
    candidates: CandidateSettings = field(default_factory=CandidateSettings)
    representation: RepresentationSettings = field(default_factory=RepresentationSettings)
    critic: CriticConfig = field(default_factory=CriticConfig)
    actor: ActorSettings = field(default_factory=ActorSettings)
    privacy: PrivacySettings = field(default_factory=PrivacySettings)
    evaluation: EvaluationSettings = field(default_factory=EvaluationSettings)
    online: OnlineSettings = field(default_factory=OnlineSettings)
    lora: LoraConfig = field(default_factory=LoraConfig)

    def __post_init__(self) -> None:
        """Refuse what would be learned wrongly after hours of collecting."""
        if self.privacy.rewards and self.critic.critic == "hlgauss":
            raise ConfigError(
                "critic hlgauss knows values from 0 to 1, and privacy.rewards makes some negative; "
                "choose another --critic, or --privacy.candidates"
            )

    @property
    def seed_of_training(self) -> int:
        """Of representation, critic, actors and their evaluation."""
        return self.seed if self.training_seed is None else self.training_seed

    @property
    def labels(self) -> tuple[str, ...]:
        """What is evaluated, in order: the base policy and those the methods make."""
        c, labels = self.evaluation, ("base", *self.methods)
        greedy = [f"{label}_greedy" for label in labels if label in c.greedy]
        reranked = [f"{label}_rerank" for label in labels if c.rerank and label in c.reranked]
        return (*labels, *greedy, *reranked, *self.rounds_by_label)

    @property
    def rounds_by_label(self) -> dict[str, int]:
        """The rounds whose policies are evaluated."""
        c = self.online
        rounds = range(1, c.rounds + 1)
        shown = rounds if c.evaluate == "every" else rounds[-1:]
        return {f"{c.method}_online{number}": number for number in shown}

    @property
    def uses_critic(self) -> bool:
        """Whether anything asked for needs features and a critic."""
        asked = any(method != "filtered_bc" for method in self.methods)
        return asked or self.evaluation.rerank > 0 or self.online.rounds > 0
