"""Stage 4: frozen features of every state and every candidate (arXiv 2502.15760).

Deterministic: prefill only, no sampling. Image and prompt are encoded once a state;
its N candidates extend that encoding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from agentenv.dialects.base import Dialect
from agentenv.observations import UIElement
from agentenv.policies.base import History, Turn
from agentenv.policies.language_model import VisionLanguageModel
from agentenv.policies.prompts import Prompt
from agentenv.tasks.targets import does_nothing
from agentenv.trajectories.episode import Episode
from trainers.digiq.candidates import Candidates
from trainers.digiq.feature_cache import STATE, FeatureCache, action_key
from trainers.digiq.geometry import GEOMETRY_SIZE, action_geometry
from trainers.digiq.representation import Topic, ask
from trainers.digiq.transitions import TransitionFeatures, lay_out
from trainers.scoring import score_answers

CANDIDATE_NUMBERS = GEOMETRY_SIZE + 2
"""G: of `geometry_of`."""


@dataclass(frozen=True)
class FrozenStates:
    """What a critic is told of S states with N candidates each; F of them came before a
    time-out."""

    candidates: Sequence[Candidates]
    """S of them."""
    state_features: torch.Tensor
    """(S, D)."""
    candidate_features: torch.Tensor
    """(S, N, D)."""
    scores: torch.Tensor
    """(S, N, 2), of `score_candidates`; the critic gets them with the geometry."""
    final_features: torch.Tensor
    """(F, D), of `final_features`."""


def join(parts: Sequence[FrozenStates]) -> FrozenStates:
    """Several as one, in order, with the same N; copied into memory if there is more than one."""
    if len(parts) == 1:
        return parts[0]
    return FrozenStates(
        candidates=[row for part in parts for row in part.candidates],
        state_features=torch.cat([part.state_features for part in parts]),
        candidate_features=torch.cat([part.candidate_features for part in parts]),
        scores=torch.cat([part.scores for part in parts]),
        final_features=torch.cat([part.final_features for part in parts]),
    )


@torch.no_grad()
def extract_features(
    vlm: VisionLanguageModel,
    prompts: Sequence[Prompt],
    candidates: Sequence[Candidates],
    dialect: Dialect,
    *,
    topics: Sequence[Topic],
    layer: int,
    folder: Path,
    batch_size: int,
    progress: Callable[[int], None],
    cache: FeatureCache | None = None,
) -> None:
    """Write ``state.npy`` (S, D) and ``candidates.npy`` (S, N, D), both float16, to a folder.

    Args:
        vlm: the frozen model.
        prompts: S of them.
        candidates: of each state.
        dialect: the candidates are written in.
        topics: the questions asked about each candidate; the feature is taken at the
            last question's last token.
        layer: whose hidden state is the feature (see `VisionLanguageModel.extend`).
        folder: memory-mapped files go there.
        batch_size: states at once.
        progress: told how many states are done.
        cache: where features of other runs with this model and layer are.
    """
    folder.mkdir(parents=True, exist_ok=True)
    states = features = None
    for start in range(0, len(prompts), batch_size):
        rows = slice(start, min(start + batch_size, len(prompts)))
        state, candidate = features_of(
            vlm,
            prompts[rows],
            candidates[rows],
            dialect,
            topics=topics,
            layer=layer,
            cache=cache,
        )
        if states is None or features is None:
            states = _memory_map(folder / "state.npy", (len(prompts), *state.shape[1:]))
            features = _memory_map(folder / "candidates.npy", (len(prompts), *candidate.shape[1:]))
        states[rows], features[rows] = state.numpy(), candidate.numpy()
        progress(rows.stop)
    for array in (states, features):
        if array is not None:
            array.flush()


@torch.no_grad()
def features_of(
    vlm: VisionLanguageModel,
    prompts: Sequence[Prompt],
    candidates: Sequence[Candidates],
    dialect: Dialect,
    *,
    topics: Sequence[Topic],
    layer: int,
    cache: FeatureCache | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Features of a batch of states (B, D) and of their candidates (B, N, D), float16.

    Arguments as of `extract_features`.
    """
    keys: list[list[str]] = []
    asked: list[dict[str, list[int]]] = []
    for row in candidates:
        suffixes = [ask(vlm, text, dialect.parse(text), topics)[0] for text in row.texts]
        keys.append([action_key(ids) for ids in suffixes])
        asked.append(dict(zip(keys[-1], suffixes, strict=True)))  # equal ones once
    known = [cache.read(prompt) if cache else {} for prompt in prompts]
    new = [i for i, found in enumerate(known) if not {STATE, *keys[i]} <= found.keys()]
    computed = _hidden_states(vlm, [prompts[i] for i in new], [asked[i] for i in new], layer)
    for i, found in zip(new, computed, strict=True):
        known[i] = found
        if cache:
            cache.write(prompts[i], found)
    actions = [torch.stack([f[key] for key in row]) for f, row in zip(known, keys, strict=True)]
    return torch.stack([found[STATE] for found in known]), torch.stack(actions)


def _hidden_states(
    vlm: VisionLanguageModel,
    prompts: Sequence[Prompt],
    suffixes: Sequence[Mapping[str, Sequence[int]]],
    layer: int,
) -> list[dict[str, torch.Tensor]]:
    """(D,) float16 by name, of each prompt (`STATE`) and of each suffix to it."""
    if not prompts:
        return []
    prefix = vlm.encode(prompts, layer=layer)
    named = [(owner, name, ids) for owner, row in enumerate(suffixes) for name, ids in row.items()]
    extension = vlm.extend(
        prefix, [ids for _, _, ids in named], owners=[owner for owner, _, _ in named], layer=layer
    )
    assert prefix.hidden is not None
    assert extension.hidden is not None
    result = [{STATE: hidden} for hidden in prefix.hidden.half().cpu()]
    for (owner, name, _), hidden in zip(named, extension.hidden.half().cpu(), strict=True):
        result[owner][name] = hidden
    return result


def score_candidates(
    base: VisionLanguageModel,
    prompts: Sequence[Prompt],
    candidates: Sequence[Candidates],
    *,
    batch_size: int,
    progress: Callable[[int], None],
) -> torch.Tensor:
    """What the base policy itself thinks of each candidate; two numbers the critic may use.

    Returns:
        (S, N, 2) float32: log-probability of the candidate's wording, summed over tokens,
        and of its least likely token; both at temperature 1.
    """
    answers = [[base.tokenize(text) for text in row.texts] for row in candidates]
    return score_answers(base, prompts, answers, batch_size=batch_size, progress=progress)


def _memory_map(path: Path, shape: tuple[int, ...]) -> np.memmap:
    return np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=shape)


@torch.no_grad()
def final_features(
    vlm: VisionLanguageModel, prompts: Sequence[Prompt], *, layer: int, batch_size: int
) -> torch.Tensor:
    """(F, D) float32: features of the states after the time-outs."""
    parts = [torch.zeros(0, vlm.hidden_size)]
    for start in range(0, len(prompts), batch_size):
        hidden = vlm.encode(prompts[start : start + batch_size], layer=layer).hidden
        assert hidden is not None
        parts.append(hidden.cpu())
    return torch.cat(parts)


def final_history(episode: Episode) -> History:
    """What the policy would have known after the last step of a time-out."""
    assert episode.final_observation is not None
    turns = tuple(Turn(step.observation, step.text) for step in episode.steps)
    return History(episode.final_observation, turns, episode.key)


def geometry_of(
    candidates: Sequence[Candidates],
    elements: Sequence[Sequence[UIElement]],
    dialect: Dialect,
    scores: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """What the critic is told of candidates beside their features, and which are valid.

    Args:
        candidates: of each of S states.
        elements: of each state's observation.
        dialect: the candidates are written in.
        scores: (S, N, 2), of `score_candidates`.

    Returns:
        (S, N, G) float32 and (S, N) bool. An action on an element that is not there is as
        invalid as text that does not parse: neither does anything.
    """
    parsed = [[dialect.parse(text) for text in row.texts] for row in candidates]
    geometry = np.stack(
        [
            np.stack([action_geometry(action, seen) for action in row])
            for seen, row in zip(elements, parsed, strict=True)
        ]
    )
    valid = [
        [not does_nothing(action, seen) for action in row]
        for seen, row in zip(elements, parsed, strict=True)
    ]
    both = torch.cat([torch.from_numpy(geometry), scores.clamp(-20, 0) / 5], dim=-1)
    return both, torch.tensor(valid)


def transitions(
    episodes: Sequence[Episode], frozen: FrozenStates, dialect: Dialect
) -> TransitionFeatures:
    """Put features, geometry and outcomes together for the critic.

    Args:
        episodes: logged ones, none of them an infrastructure failure.
        frozen: their steps, in order.
        dialect: the candidates are written in.
    """
    steps = [step for episode in episodes for step in episode.steps]
    geometry, valid = geometry_of(
        frozen.candidates, [step.observation.elements for step in steps], dialect, frozen.scores
    )
    layout = lay_out(
        [len(episode.steps) for episode in episodes], [episode.terminated for episode in episodes]
    )
    names = sorted({episode.task for episode in episodes})
    task = [names.index(episode.task) for episode in episodes for _ in episode.steps]
    return TransitionFeatures(
        state_features=frozen.state_features,
        candidate_features=frozen.candidate_features,
        candidate_geometry=geometry,
        candidate_valid=valid,
        rewards=torch.tensor([step.reward for step in steps]),
        terminal=layout.terminal,
        timeout=layout.timeout,
        final_state_features=frozen.final_features,
        next_index=layout.next_index,
        episode=layout.episode,
        step=layout.step,
        task=torch.tensor(task),
        candidate_log_probs=torch.tensor([row.log_probs for row in frozen.candidates]),
        base_log_probs=frozen.scores[..., 0],
    )
