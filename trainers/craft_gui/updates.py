"""One iteration's learning: groups in, optimiser steps out.

Prompts are encoded once for all answers to them (`trainers.scoring.extend_prompts`), so a
minibatch is of whole groups, whose rollouts share their beginnings.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import compress
from statistics import fmean

import numpy as np
import torch
from torch import Tensor

from agentenv.policies.language_model import VisionLanguageModel
from trainers.craft_gui.config import UpdateSettings
from trainers.craft_gui.groups import Group, Turn, advantages_of
from trainers.craft_gui.ledger import LedgerError
from trainers.objectives.batch import Batch
from trainers.objectives.objective import Objective
from trainers.objectives.regularisers import k3, min_p_proxy
from trainers.objectives.selection import d3s_rollouts, d3s_tokens
from trainers.scoring import extend_prompts

Sample = list[tuple[Turn, float]]
"""Turns with their advantages that the objective treats as one answer."""


@dataclass(frozen=True)
class Reference:
    """A policy to stay near to."""

    vlm: VisionLanguageModel
    active: Callable[[], AbstractContextManager[object]] = nullcontext
    """Within it the model is the reference: for one that is the trained model without its
    adapters."""


class Updater:
    """Owns the optimiser.

    Args:
        vlm: whose trainable parameters are updated.
        objective: what is minimised.
        settings: of the optimiser.
        temperature: at which the turns were sampled.
        reference: needed if the objective says so.
        imitation: the demonstrations' loss at an optimiser step, and its weight (CHORD).
    """

    def __init__(
        self,
        vlm: VisionLanguageModel,
        objective: Objective,
        settings: UpdateSettings,
        *,
        temperature: float,
        reference: Reference | None = None,
        imitation: Callable[[int], tuple[Tensor, float]] | None = None,
    ) -> None:
        self.vlm = vlm
        self.objective = objective
        self.settings = settings
        self.temperature = temperature
        self.reference = reference
        self.imitation = imitation
        self.parameters = [p for p in vlm.model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        self.steps = 0
        """Optimiser steps so far."""

    def learn(self, groups: Sequence[Group], seed: Sequence[int]) -> dict[str, float]:
        """Go through some groups, whose advantages are worked out together.

        The model stays in evaluation mode: dropout would make its probabilities others than
        those that were sampled from.

        Args:
            groups: with something to learn from.
            seed: of their order.

        Returns:
            Means of what is worth watching.

        Raises:
            LedgerError: fresh log-probabilities are far from those at sampling.
        """
        owned = iter(advantages_of(groups, self.objective).tolist())
        advantages = [[next(owned) for _ in group.turns] for group in groups]
        newest = max(group.born for group in groups)
        numbers = _Means()
        for epoch in range(self.settings.epochs):
            order = np.random.default_rng([*seed, epoch]).permutation(len(groups)).tolist()
            order.sort(key=lambda place: groups[place].born, reverse=True)  # fresh ones first
            for number, chunk in enumerate(np.array_split(order, self.settings.minibatches)):
                if not len(chunk):
                    continue
                samples = [
                    sample
                    for place in chunk
                    for sample in self._samples(groups[place], advantages[place])
                ]
                fresh = all(groups[place].born == newest for place in chunk)
                self._step(samples, numbers, check=fresh and epoch == number == 0)
        return numbers.means()

    def _samples(self, group: Group, advantages: Sequence[float]) -> list[Sample]:
        owned = iter(zip(group.turns, advantages, strict=True))
        episodes = [[next(owned) for _ in attempt.turns] for attempt in group.attempts]
        episodes = [episode for episode in episodes if episode]
        if self.settings.kept_rollouts:
            worth = torch.tensor([_mean_advantage(episode) for episode in episodes])
            kept = d3s_rollouts(worth, count=self.settings.kept_rollouts).tolist()
            episodes = list(compress(episodes, kept))
        if self.settings.sample == "episode":
            return episodes
        return [[turn] for episode in episodes for turn in episode]

    def _step(self, samples: Sequence[Sample], numbers: _Means, *, check: bool) -> None:
        """One optimiser step, accumulated over micro-batches.

        Args:
            samples: of the minibatch.
            numbers: gets what is worth watching.
            check: nothing has been learned since the turns were sampled.
        """
        rate = self.settings.learning_rate * min(1, (self.steps + 1) / max(1, self.settings.warmup))
        for parameters in self.optimizer.param_groups:
            parameters["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        count, gap = 0.0, _Means()
        for batch in _micro_batches(samples, self.settings.turns_at_once):
            found = self._loss(batch, numbers, gap)
            found.total.backward()
            count += float(found.count)
        # Of demonstrations the weight is known now; of rollouts the number only in the end.
        mu = 0.0
        if self.imitation is not None:
            loss, mu = self.imitation(self.steps)
        for parameter in self.parameters:
            if parameter.grad is not None:
                parameter.grad *= (1 - mu) / count
        if self.imitation is not None:
            (mu * loss).backward()
            numbers.add({"imitation": loss.item(), "imitation_weight": mu}, 1)
        if check:
            self._refuse_gap(gap.means()["gap"])
            numbers.add(gap.means(), 1)
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.settings.gradient_clip)
        self.optimizer.step()
        self.steps += 1
        numbers.add({"gradient_norm": norm.item(), "learning_rate": rate}, 1)

    def _loss(self, samples: Sequence[Sample], numbers: _Means, gap: _Means) -> _Found:
        turns = [turn for sample in samples for turn, _ in sample]
        prompts, answers = [turn.prompt for turn in turns], [turn.answer for turn in turns]
        extension = extend_prompts(self.vlm, prompts, answers, temperature=self.temperature)
        layout = _Layout([len(sample) for sample in samples], extension.mask)
        old = _padded([turn.log_probs for turn in turns], extension.log_probs)
        worth = torch.tensor(
            [advantage for sample in samples for _, advantage in sample], device=old.device
        )
        mask = learned = extension.mask
        advantages = worth[:, None].expand_as(mask)
        entropies = _entropy(extension.predictions.detach() / self.temperature)
        if self.settings.kept_tokens < 1:
            learned = d3s_tokens(advantages, entropies, mask, share=self.settings.kept_tokens)
        batch = Batch(
            layout(extension.log_probs),
            layout(old),
            layout(learned),
            layout(advantages),
            self._optional(layout, self._reference_log_probs(turns)),
            self._optional(layout, self._proxy_log_probs(extension.predictions, answers, mask)),
        )
        loss = self.objective.loss(batch)
        tokens = int(mask.sum())
        now = extension.log_probs.detach()
        watched = {
            **loss.metrics,
            "loss": loss.value.item(),
            "entropy": entropies[mask].mean(),
        }
        if batch.reference_log_probs is not None:
            away = k3(batch.log_probs.detach(), batch.reference_log_probs)
            watched["kl_from_reference"] = away[batch.mask].mean()
        numbers.add(watched, tokens)
        gap.add({"gap": (now - old)[mask].abs().mean()}, tokens)
        return _Found(loss.total, loss.count)

    @torch.no_grad()
    def _reference_log_probs(self, turns: Sequence[Turn]) -> Tensor | None:
        if not self.objective.needs_reference or self.reference is None:
            return None
        with self.reference.active():
            found = extend_prompts(
                self.reference.vlm,
                [turn.prompt for turn in turns],
                [turn.answer for turn in turns],
                temperature=self.temperature,
            )
        return found.log_probs

    @torch.no_grad()
    def _proxy_log_probs(
        self, predictions: Tensor, answers: Sequence[Sequence[int]], mask: Tensor
    ) -> Tensor | None:
        """The policy as it is now, without its noise: on-policy, the one that acted."""
        if not self.objective.needs_proxy:
            return None
        likely = min_p_proxy(torch.log_softmax(predictions / self.temperature, -1))
        ids = _padded(answers, mask).long()
        return likely.gather(-1, ids[..., None])[..., 0].masked_fill(~mask, 0.0)

    @staticmethod
    def _optional(layout: _Layout, values: Tensor | None) -> Tensor | None:
        return None if values is None else layout(values)

    def _refuse_gap(self, gap: float) -> None:
        if not gap <= self.settings.max_gap:  # NaN is refused too
            raise LedgerError(
                f"log-probabilities are {gap:.2f} nats a token from those at sampling, though "
                f"nothing was learned in between (update.max_gap is {self.settings.max_gap:g}): "
                "the model does not see what the policy saw, or computes it otherwise"
            )


@dataclass(frozen=True)
class _Found:
    total: Tensor
    count: Tensor


class _Layout:
    """From turns, a row each, to samples, a row each: a sample's turns one after another.

    Args:
        sizes: turns of each sample.
        mask: (turns, tokens) bool, real tokens, which come first in their row.
    """

    def __init__(self, sizes: Sequence[int], mask: Tensor) -> None:
        self.single = all(size == 1 for size in sizes)
        lengths = mask.sum(1).tolist()
        self.rows: list[list[tuple[int, int]]] = []
        turn = 0
        for size in sizes:
            self.rows.append([(turn + i, lengths[turn + i]) for i in range(size)])
            turn += size

    def __call__(self, values: Tensor) -> Tensor:
        """(turns, tokens) -> (samples, tokens of the longest), padded with zeros."""
        if self.single:
            return values
        whole = [torch.cat([values[turn, :length] for turn, length in row]) for row in self.rows]
        return torch.nn.utils.rnn.pad_sequence(whole, batch_first=True)


def _micro_batches(samples: Sequence[Sample], turns: int) -> Iterator[list[Sample]]:
    """Samples with about so many turns; those with equal first prompts stay together."""
    first: dict[object, int] = {}
    places = [
        first.setdefault(sample[0][0].prompt, number) for number, sample in enumerate(samples)
    ]
    batch: list[Sample] = []
    held = 0
    for number in sorted(range(len(samples)), key=lambda number: places[number]):
        if batch and held + len(samples[number]) > turns:
            yield batch
            batch, held = [], 0
        batch.append(samples[number])
        held += len(samples[number])
    if batch:
        yield batch


def _mean_advantage(episode: Sample) -> float:
    return fmean(advantage for _, advantage in episode)


def _padded(rows: Sequence[Sequence[float]], like: Tensor) -> Tensor:
    """Rows of numbers as a float tensor of that one's shape, zeros after their ends."""
    width = like.shape[1]
    values = [[*row, *[0.0] * (width - len(row))] for row in rows]
    return torch.tensor(values, dtype=torch.float32, device=like.device)


def _entropy(scores: Tensor) -> Tensor:
    """(R, S) nats, of the distributions with scores (R, S, V); a row at a time, for memory."""
    rows = [torch.log_softmax(row, -1) for row in scores]
    return torch.stack([-(row.exp() * row).sum(-1) for row in rows])


class _Means:
    """Weighted means of named numbers."""

    def __init__(self) -> None:
        self._sums: defaultdict[str, float] = defaultdict(float)
        self._weights: defaultdict[str, float] = defaultdict(float)

    def add(self, values: Mapping[str, float | Tensor], weight: float) -> None:
        """Count each once, so heavily."""
        for name, value in values.items():
            self._sums[name] += float(value) * weight
            self._weights[name] += weight

    def means(self) -> dict[str, float]:
        """By name."""
        return {name: total / self._weights[name] for name, total in self._sums.items()}
