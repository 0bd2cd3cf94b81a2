"""Q at test time: of N samples of a policy, act the one the critic likes best."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from agentenv.actions import BROWSER_ACTIONS
from agentenv.dialects import get_dialect
from agentenv.dialects.base import Dialect
from agentenv.errors import ConfigError
from agentenv.policies.base import Decision, History
from agentenv.policies.language_model import VisionLanguageModel
from agentenv.policies.prompts import Prompt, render
from agentenv.policies.vlm import VLMPolicy, weights_digest
from trainers.digiq.candidates import Candidates, canonical
from trainers.digiq.critic import Critic
from trainers.digiq.extraction import Aggregation, aggregate, unlikeliness
from trainers.digiq.feature_cache import FeatureCache
from trainers.digiq.features import CANDIDATE_NUMBERS, features_of, geometry_of, score_candidates
from trainers.digiq.finished import FinishedRun
from trainers.digiq.representation import Topic


@dataclass(frozen=True)
class Judge:
    """A critic with the frozen models whose features it reads, for states not in the log."""

    critic: Critic
    representation: VisionLanguageModel
    base: VisionLanguageModel
    """The base policy: its log-probabilities are part of what the critic is told."""
    dialect: Dialect
    topics: tuple[Topic, ...]
    layer: int
    aggregation: Aggregation
    prior: float = 0.0
    """As of `ActorSettings`."""

    @torch.no_grad()
    def preference(
        self, histories: Sequence[History], decisions: Sequence[Sequence[Decision]]
    ) -> Tensor:
        """How N decisions in each of B states compare: Q, less what `prior` takes off.

        Returns:
            (B, N) float32; minus infinity for an invalid action.
        """
        q, log_probs = self._judge(histories, decisions)
        return q - unlikeliness(log_probs, q.isfinite(), self.prior)

    @torch.no_grad()
    def q(self, histories: Sequence[History], decisions: Sequence[Sequence[Decision]]) -> Tensor:
        """Q of N decisions in each of B states.

        Returns:
            (B, N) float32; minus infinity for an invalid action.
        """
        return self._judge(histories, decisions)[0]

    def _judge(
        self, histories: Sequence[History], decisions: Sequence[Sequence[Decision]]
    ) -> tuple[Tensor, Tensor]:
        """Q as of `q`, and the base policy's log-probabilities."""
        elements = [history.observation.elements for history in histories]
        candidates = [
            canonical(row, seen, self.dialect)
            for row, seen in zip(decisions, elements, strict=True)
        ]
        prompts = [self.prompt(history) for history in histories]
        state, candidate, scores = self.look_at(prompts, candidates)
        geometry, valid = geometry_of(candidates, elements, self.dialect, scores)
        q = self.critic.q(state, candidate, geometry)
        return aggregate(q, self.aggregation).masked_fill(~valid, -torch.inf), scores[..., 0]

    def prompt(self, history: History) -> Prompt:
        """What the models are shown of a state."""
        return render(history, self.dialect, self.base.form, BROWSER_ACTIONS)

    def look_at(
        self,
        prompts: Sequence[Prompt],
        candidates: Sequence[Candidates],
        cache: FeatureCache | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """What the critic is told of B states and their N candidates, geometry aside.

        Returns:
            Features (B, D) and (B, N, D), float16, and scores (B, N, 2), float32 (see
            `trainers.digiq.features`).
        """
        state, candidate = features_of(
            self.representation,
            prompts,
            candidates,
            self.dialect,
            topics=self.topics,
            layer=self.layer,
            cache=cache,
        )
        scores = score_candidates(
            self.base, prompts, candidates, batch_size=len(prompts), progress=lambda done: None
        )
        return state, candidate, scores

    @property
    def version(self) -> str:
        """Changes with the weights of the critic or of the representation, and the prior."""
        digest = hashlib.sha256(weights_digest(self.representation).encode())
        for tensor in self.critic.state_dict().values():
            digest.update(tensor.numpy().tobytes())
        if self.prior:
            digest.update(f"prior={self.prior:g}".encode())
        return digest.hexdigest()[:12]


class RerankingPolicy:
    """Best-of-N at test time, as a policy.

    Its decisions carry no tokens and no log-probabilities: those of the sample that won
    are not those of this policy, which off-policy learning would take them for.

    Args:
        actor: samples the candidates.
        judge: ranks them.
        n: candidates a state.
    """

    def __init__(self, actor: VLMPolicy, judge: Judge, n: int) -> None:
        if n < 1:
            raise ConfigError(f"re-ranking needs at least 1 sample, not {n}")
        self.actor = actor
        self.judge = judge
        self.n = n
        self.name = f"{actor.name}_rerank"
        self.version = f"{actor.version}-rerank{n}-{judge.version}"

    def act(self, histories: Sequence[History]) -> list[Decision]:
        """For each history the sample the judge prefers; the first one if none is valid."""
        if not histories:
            return []
        decisions = self.actor.propose(histories, self.n)
        best = self.judge.preference(histories, decisions).argmax(dim=1).tolist()
        return [
            replace(row[slot], token_ids=(), log_probs=())
            for row, slot in zip(decisions, best, strict=True)
        ]


def load_judge(run: Path) -> Judge:
    """The critic of a Digi-Q run.

    Args:
        run: its run directory.

    Raises:
        ConfigError: it has none (yet), or not one of the models that its settings name.
    """
    file = run / "critic.safetensors"
    if not file.is_file():
        raise ConfigError(
            f"{run} holds no critic; train one with: agentenv train digiq --out {run}"
        )
    finished = FinishedRun(run)
    config = finished.config
    base = VisionLanguageModel.from_pretrained(config.base)
    finetuned = config.representation.kind == "finetuned"
    judge = Judge(
        critic=Critic.load(file),
        representation=VisionLanguageModel.from_pretrained(run / "representation")
        if finetuned
        else base,
        base=base,
        dialect=get_dialect(config.dialect),
        topics=config.representation.topics,
        layer=config.representation.layer,
        aggregation=config.actor.aggregation,
        prior=config.actor.prior,
    )
    _check_models(judge, finished)
    return judge


def _check_models(judge: Judge, run: FinishedRun) -> None:
    """Raise `ConfigError` unless the critic was trained beside just these models."""
    path = run.path
    shape, size = judge.critic.shape, judge.representation.hidden_size
    if (shape.state_size, shape.candidate_size) != (size, size):
        raise ConfigError(
            f"the critic of {path} reads features of size {shape.state_size}, its model "
            f"{judge.representation.name} has {size}: it was trained with another model"
        )
    if shape.geometry_size != CANDIDATE_NUMBERS:
        raise ConfigError(
            f"the critic of {path} reads {shape.geometry_size} numbers of an action, this "
            f"agentenv has {CANDIDATE_NUMBERS}: train it again, or use the agentenv that did"
        )
    digest = weights_digest(judge.base)
    if run.stage("critic")["result"].get("base", digest) != digest:
        raise ConfigError(
            f"the critic of {path} was trained with another model than {judge.base.name} is now; "
            "restore that model, or train again with: "
            f"agentenv train digiq --config {path / 'config.yaml'}"
        )
