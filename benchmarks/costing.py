"""One process that measures one way of computing features or of training a critic.

    echo 16 | python -m benchmarks.costing plain --run runs/benchmarks/digiq_cost

It reads numbers from stdin, one a line: how many candidates a state, or how many steps of the
optimiser (see `benchmarks.turns`). `benchmarks.digiq_cost` starts it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.authors_critic import (
    AuthorsShape,
    AuthorsTraining,
    Transitions,
    tokens,
    type_and_text,
)
from benchmarks.plain_prefill import Features, PlainModel
from benchmarks.turns import Job, serve
from trainers.digiq.critic import Critic
from trainers.digiq.finished import FinishedRun
from trainers.digiq.td import train_critic
from trainers.digiq.transitions import TransitionFeatures


class OurCritic:
    """`train_critic` without evaluations, so that its steps are all it does.

    Args:
        run: with features.
        batch: states a step.
        width: of the features, which are repeated to it; their own if 0.
    """

    def __init__(self, run: FinishedRun, batch: int, width: int = 0) -> None:
        self._features = widened(run.features, width) if width else run.features
        settings = replace(run.config.critic, batch=batch, threads=1)
        self._settings = replace(settings, validation_share=0.0, patience=0)
        self._critic: Critic | None = None

    def turn(self, size: int) -> None:
        """That many steps, from new weights."""
        settings = replace(self._settings, steps=size, evaluate_every=size)
        self._critic, _ = train_critic(self._features, settings)

    def facts(self) -> dict[str, float]:
        """Numbers learned, and numbers in all."""
        if self._critic is None:
            return {}
        learned = sum(p.numel() for p in self._critic.parameters() if p.requires_grad)
        return {
            "trainable": learned,
            "parameters": sum(map(Tensor.numel, self._critic.parameters())),
        }


class OurStage:
    """The critic's whole stage: all of a run's data, its settings, its early stopping."""

    def __init__(self, run: FinishedRun) -> None:
        self._features = run.features
        self._settings = replace(run.config.critic, threads=1)
        self._steps = 0.0

    def turn(self, size: int) -> None:
        """Once through."""
        del size
        rows: list[dict[str, float]] = []
        train_critic(self._features, self._settings, rows.append)
        self._steps = rows[-1]["step"]

    def facts(self) -> dict[str, float]:
        """Steps of the optimiser until it stopped."""
        return {"steps": self._steps}


class TheirCritic:
    """The authors' critic on a run's data.

    Args:
        run: with features.
        shape: of the critic.
        batch: states a step.
    """

    def __init__(self, run: FinishedRun, shape: AuthorsShape, batch: int) -> None:
        self._training = AuthorsTraining(shape, their_data(run, shape))
        self._batch = batch

    def turn(self, size: int) -> None:
        """That many steps, on from the last."""
        for _ in range(size):
            self._training.step(self._batch)

    def facts(self) -> dict[str, float]:
        """Numbers learned, and numbers in all."""
        learned = sum(map(Tensor.numel, self._training.critic.parameters()))
        slow = sum(map(Tensor.numel, self._training.target.parameters()))
        return {"trainable": learned, "parameters": learned + slow}


def widened(features: TransitionFeatures, width: int) -> TransitionFeatures:
    """Logged actions alone, with features as wide as a larger model's."""
    return replace(
        features,
        state_features=_wide(features.state_features, width),
        candidate_features=_wide(features.candidate_features[:, :1], width),
        candidate_geometry=features.candidate_geometry[:, :1],
        candidate_valid=features.candidate_valid[:, :1],
        final_state_features=_wide(features.final_state_features, width),
        candidate_log_probs=None,
        base_log_probs=None,
        candidate_weights=None,
    )


def their_data(run: FinishedRun, shape: AuthorsShape) -> Transitions:
    """A run's data as the authors' critic reads it, features repeated to its widths."""
    features = run.features
    steps = [step for episode in run.episodes for step in episode.steps]
    texts = [
        [tokens(text, shape.vocabulary) for text in type_and_text(step.action)] for step in steps
    ]
    nothing = [tokens("", shape.vocabulary)] * 2
    first = (features.step == 0).tolist()
    before = [nothing if starts else texts[row - 1] for row, starts in enumerate(first)]
    backup = features.backup(1, run.config.critic.gamma)
    return Transitions(
        goal=[tokens(step.observation.goal, shape.vocabulary) for step in steps],
        previous_type=[kind for kind, _ in before],
        previous_text=[words for _, words in before],
        action_type=[kind for kind, _ in texts],
        action_text=[words for _, words in texts],
        image=_wide(features.state_features, shape.image).float(),
        later_image=_wide(features.states_at(backup.index), shape.image).float(),
        action=_wide(features.candidate_features[:, 0], shape.action).float(),
        rewards=backup.rewards,
        discount=backup.discount,
    )


def _wide(rows: Tensor, width: int) -> Tensor:
    """(..., D) to (..., width)."""
    return rows.repeat(*[1] * (rows.dim() - 1), -(-width // rows.shape[-1]))[..., :width]


def _features(way: str) -> Callable[[FinishedRun, argparse.Namespace], Job]:
    return lambda run, o: Features(
        run, PlainModel.from_pretrained(run.config.base, device="cpu"), o.states, way
    )


JOBS: dict[str, Callable[[FinishedRun, argparse.Namespace], Job]] = {
    "shared": _features("shared"),
    "plain": _features("plain"),
    "plain_distinct": _features("plain_distinct"),
    "critic": lambda run, o: OurCritic(run, o.batch),
    "critic_wide": lambda run, o: OurCritic(run, o.batch, AuthorsShape.action),
    "stage": lambda run, o: OurStage(run),
    "authors": lambda run, o: TheirCritic(run, AuthorsShape(), o.batch),
}


def main() -> None:
    """Measure what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("job", choices=JOBS)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--states", type=int, default=32)
    parser.add_argument("--batch", type=int, default=128)
    options = parser.parse_args()
    torch.set_num_threads(1)
    run = FinishedRun(options.run)
    _ = run.prompts, run.features  # read before, so that they count for nobody
    serve(lambda: JOBS[options.job](run, options), sys.stdin, lambda line: print(line, flush=True))


if __name__ == "__main__":
    main()
