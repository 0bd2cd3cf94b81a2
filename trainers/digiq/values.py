"""What a run's critic and policies say of every state of episodes: for `agentenv view`."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from agentenv.config import closest
from agentenv.errors import ConfigError
from agentenv.policies.language_model import VisionLanguageModel
from agentenv.policies.prompts import Prompt
from agentenv.policies.vlm import VLMPolicy, weights_digest
from agentenv.trajectories.episode import Episode
from agentenv.trajectories.store import TrajectoryStore
from agentenv.trajectories.values import EpisodeValues, Estimate, JudgedAction, StateValues
from trainers.digiq.candidates import Candidates, propose_candidates
from trainers.digiq.config import DigiQConfig
from trainers.digiq.critic import evaluate
from trainers.digiq.extraction import aggregate
from trainers.digiq.feature_cache import FeatureCache
from trainers.digiq.features import (
    FrozenStates,
    final_features,
    final_history,
    score_candidates,
)
from trainers.digiq.finished import FinishedRun, state_prompts, usable
from trainers.digiq.methods import Selection, best_of_n_rule, digiq
from trainers.digiq.privacy import auditor_of, costed_transitions
from trainers.digiq.reranking import load_judge
from trainers.digiq.stored import stored_states

logger = logging.getLogger(__name__)

STATES_AT_ONCE = 16

Read = tuple[Episode, EpisodeValues | None]


class CriticValues:
    """A run's critic and policies, asked about episodes; a `Valuer` of the viewer's.

    Of the run's own data it says what its actor learned from, as the run has stored it. For
    other episodes candidates are sampled from the run's base policy, and features computed
    where the run's feature cache does not have them.

    Args:
        run: run directory of `agentenv train digiq`.
        store: the episodes come from it.
        n: candidates a state, the logged action included; by default as many as the run has.
        policy: name of the run's policy to compare with its base policy; by default digiq,
            if the run has trained it.

    Raises:
        ConfigError: the run has no critic or no such policy, or its critic is not of the
            models that its settings name now.
    """

    def __init__(
        self, run: Path, store: TrajectoryStore, *, n: int | None = None, policy: str | None = None
    ) -> None:
        self._judge = judge = load_judge(run)
        finished = FinishedRun(run)
        self._config = config = finished.config
        self._n = config.candidates.n if n is None else n
        if self._n < 2:
            raise ConfigError(
                f"n_candidates is {self._n}; it must be at least 2: the logged action and another"
            )
        self.critic, self.before, self.rule = str(run), "base", rule_in_words(config)
        self.after = _policy_name(finished, policy)
        self._trained = (
            VisionLanguageModel.from_pretrained(finished.model(self.after)) if self.after else None
        )
        self._stored = stored_states(finished, store, self._n)
        self._auditor = auditor_of(config)
        root = config.feature_cache
        digest = weights_digest(judge.representation)
        self._cache = FeatureCache(root, digest, judge.layer) if root else None
        self._sampler = VLMPolicy(
            judge.base,
            dialect=config.dialect,
            temperature=config.candidates.temperature,
            seed=config.seed,
        )

    def read(self, episodes: Iterable[Episode]) -> Iterator[Read]:
        """Each episode with its values, about `STATES_AT_ONCE` states at a time."""
        waiting: list[Episode] = []
        for episode in episodes:
            waiting.append(episode)
            if sum(len(one.steps) for one in waiting) >= STATES_AT_ONCE:
                yield from self._read(waiting)
                waiting = []
        yield from self._read(waiting)

    def _read(self, episodes: Sequence[Episode]) -> Iterator[Read]:
        known = [episode for episode in episodes if usable(episode)]
        values = iter(self._values(known) if known else ())
        for episode in episodes:
            yield episode, next(values) if usable(episode) else None

    @torch.no_grad()
    def _values(self, episodes: Sequence[Episode]) -> list[EpisodeValues]:
        """Of usable episodes, one at least."""
        prompts = state_prompts(episodes, self._judge.dialect, self._judge.base.form)
        frozen = self._stored.of(episodes) if self._stored else self._look_at(episodes, prompts)
        answers = self._ask(episodes, prompts, frozen)
        rows = iter(range(len(prompts)))
        finals = iter(self._judge.critic.v(frozen.final_features).T)
        return [
            EpisodeValues(
                tuple(self._state(answers, next(rows)) for _ in episode.steps),
                None if episode.terminated else StateValues(self._estimate(next(finals))),
            )
            for episode in episodes
        ]

    def _look_at(self, episodes: Sequence[Episode], prompts: Sequence[Prompt]) -> FrozenStates:
        """States that the run has not stored."""
        judge = self._judge
        candidates = propose_candidates(episodes, self._sampler, n=self._n, progress=_silent)
        parts = []
        for start in range(0, len(prompts), STATES_AT_ONCE):
            rows = slice(start, start + STATES_AT_ONCE)
            parts.append(judge.look_at(prompts[rows], candidates[rows], self._cache))
        state, candidate, scores = (torch.cat(part) for part in zip(*parts, strict=True))
        late = [judge.prompt(final_history(e)) for e in episodes if not e.terminated]
        finals = final_features(
            judge.representation, late, layer=judge.layer, batch_size=STATES_AT_ONCE
        )
        return FrozenStates(candidates, state, candidate, scores, finals)

    def _ask(
        self, episodes: Sequence[Episode], prompts: Sequence[Prompt], frozen: FrozenStates
    ) -> _Answers:
        critic = self._judge.critic
        dialect, privacy = self._judge.dialect, self._config.privacy
        features = costed_transitions(episodes, frozen, dialect, privacy, self._auditor)
        valid = features.candidate_valid
        q, v = evaluate(critic, features)
        if not (q[:, valid].isfinite().all() and v.isfinite().all()):
            raise ConfigError(f"the critic of {self.critic} has diverged: train it again")
        chosen = digiq(*best_of_n_rule(self._config).choose(q, v, features))
        before = frozen.scores[..., 0]
        after = None
        if self._trained is not None:
            after = score_candidates(
                self._trained,
                prompts,
                frozen.candidates,
                batch_size=STATES_AT_ONCE,
                progress=_silent,
            )[..., 0]
        followed = features.returns(self._config.critic.gamma)
        return _Answers(frozen.candidates, q, v, valid, chosen, followed, before, after)

    def _state(self, answers: _Answers, row: int) -> StateValues:
        slots: dict[str, list[int]] = {}
        for slot, text in enumerate(answers.candidates[row].texts):
            slots.setdefault(text, []).append(slot)
        imitated = int(answers.chosen.slots[row]) if answers.chosen.keep[row] else None
        judged = [
            JudgedAction(
                text=text,
                action=self._judge.dialect.parse(text),
                q=self._estimate(answers.q[:, row, same[0]])
                if answers.valid[row, same[0]]
                else None,
                log_prob=float(answers.before[row, same[0]]),
                log_prob_after=None
                if answers.after is None
                else float(answers.after[row, same[0]]),
                count=len(same),
                logged=0 in same,
                imitated=imitated in same,
            )
            for text, same in slots.items()
        ]
        judged.sort(key=lambda one: math.inf if one.q is None else -one.q.value)
        v, followed = self._estimate(answers.v[:, row]), float(answers.followed[row])
        return StateValues(v, tuple(judged), followed)

    def _estimate(self, heads: Tensor) -> Estimate:
        """Of what the ensemble says, (E,)."""
        value = aggregate(heads, self._judge.aggregation)
        return Estimate(float(value), float(heads.min()), float(heads.max()))


@dataclass(frozen=True)
class _Answers:
    """What the critic and the policies say of S states with N candidates each."""

    candidates: Sequence[Candidates]
    q: Tensor
    """(E, S, N)."""
    v: Tensor
    """(E, S)."""
    valid: Tensor
    """(S, N) bool."""
    chosen: Selection
    """What Best-of-N imitates."""
    followed: Tensor
    """(S,): discounted return from the logged action on."""
    before: Tensor
    """(S, N): log-probabilities under the base policy."""
    after: Tensor | None
    """(S, N): the same under the trained policy."""


def _silent(done: int) -> None:
    """Progress is told by the episode, not here."""


def _policy_name(run: FinishedRun, wanted: str | None) -> str:
    """The trained policy to compare with; empty if there is none and none was asked for."""
    markers = (run.path / "stages").glob("actor_*.json")
    trained = sorted(marker.stem.removeprefix("actor_") for marker in markers)
    name = wanted or "digiq"
    if name in trained:
        return name
    if wanted is not None:
        raise ConfigError(f"{run.path} has no trained policy {name!r}{closest(name, trained)}")
    logger.info("%s has no policy digiq (yet): its base policy is shown alone", run.path)
    return ""


def rule_in_words(config: DigiQConfig) -> str:
    """What Best-of-N imitates in a run, in words."""
    actor, privacy = config.actor, config.privacy
    words = f"the candidate with the largest Q − V, if that is above {actor.threshold:g}"
    if actor.observed:
        words += "; a logged action counts for no less than the return that followed it"
    if actor.margin:
        words += f"; another must be better than the logged one by {actor.margin:g}"
    if actor.prior:
        words += f"; {actor.prior:g} is taken off for each nat that base finds it less likely"
    if privacy.candidates:
        words += f"; {privacy.candidates:g} is taken off for each unit of privacy cost"
    if privacy.rewards:
        words += f"; rewards are less {privacy.rewards:g} for each unit of privacy cost"
    return words
