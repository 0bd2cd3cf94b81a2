"""Features of candidates without a shared prefix, to measure what sharing it saves.

For every candidate the image, the prompt and the candidate itself are encoded anew, by the
same model and with the same tokens, so that the features are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from agentenv.policies.language_model import VisionLanguageModel
from agentenv.policies.prompts import Prompt
from trainers.digiq.candidates import Candidates
from trainers.digiq.features import features_of
from trainers.digiq.finished import FinishedRun
from trainers.digiq.representation import ask

AT_ONCE = 16
"""States (shared prefix) or sequences (plain) in a batch."""


class PlainModel(VisionLanguageModel):
    """A model that shares nothing between the candidates of a state."""

    @torch.no_grad()
    def prefill(
        self, prompts: Sequence[Prompt], suffixes: Sequence[Sequence[int]], layer: int
    ) -> Tensor:
        """(B, D) float16: features of B suffixes, each encoded with its image and prompt."""
        inputs = self._inputs(prompts)
        width = max(map(len, suffixes))
        ids = torch.tensor([[*suffix, *[0] * (width - len(suffix))] for suffix in suffixes])
        lengths = torch.tensor([len(suffix) for suffix in suffixes])
        mask = (torch.arange(width) < lengths[:, None]).long()
        start = inputs["input_ids"].shape[1]
        inputs["input_ids"] = torch.cat([inputs["input_ids"], ids], dim=1)
        inputs["attention_mask"] = torch.cat([inputs["attention_mask"], mask], dim=1)
        with self.autocast():
            out = self.model(**inputs, use_cache=False, logits_to_keep=1, output_hidden_states=True)
        rows = torch.arange(len(suffixes))
        last: Tensor = out.hidden_states[layer][rows, start + lengths - 1]
        return last.half()


class ExactModel(PlainModel):
    """In float32 throughout, where rounding hides no difference."""

    def autocast(self) -> AbstractContextManager[Any]:
        """No bfloat16."""
        return nullcontext()


class Features:
    """Features of some states of a run, by the shared prefix or one prefill each.

    Args:
        run: with data and candidates.
        vlm: whose features they are.
        states: how many of the run's, spread over all of it.
        way: `shared`; `plain`, a prefill for each candidate; or `plain_distinct`, one for
            those of a state that differ.
        batch: states (shared prefix), or sequences (plain), at once.
    """

    def __init__(
        self, run: FinishedRun, vlm: PlainModel, states: int, way: str, batch: int = AT_ONCE
    ) -> None:
        rows = range(0, len(run.prompts), max(1, len(run.prompts) // states))[:states]
        self._prompts = [run.prompts[row] for row in rows]
        self._candidates = [run.candidates[row] for row in rows]
        self._vlm, self._batch, self._way = vlm, batch, way
        self._dialect = run.dialect
        self._topics = run.config.representation.topics
        self._layer = run.config.representation.layer

    def turn(self, size: int) -> Tensor:
        """(S, N, D) float16, of the first `size` candidates of each state."""
        candidates = [Candidates(c.texts[:size], c.log_probs[:size]) for c in self._candidates]
        return self._shared(candidates) if self._way == "shared" else self._plain(candidates)

    def facts(self) -> dict[str, float]:
        """Candidates of a state, and how many of them differ, on average."""
        distinct = sum(len(set(c.texts)) for c in self._candidates)
        return {"states": len(self._prompts), "distinct": distinct / len(self._prompts)}

    def _shared(self, candidates: Sequence[Candidates]) -> Tensor:
        parts = []
        for start in range(0, len(self._prompts), self._batch):
            rows = slice(start, start + self._batch)
            _, found = features_of(
                self._vlm,
                self._prompts[rows],
                candidates[rows],
                self._dialect,
                topics=self._topics,
                layer=self._layer,
            )
            parts.append(found)
        return torch.cat(parts)

    def _plain(self, candidates: Sequence[Candidates]) -> Tensor:
        keys = [
            (owner, text if self._way == "plain_distinct" else slot, text)
            for owner, row in enumerate(candidates)
            for slot, text in enumerate(row.texts)
        ]
        wanted = list(dict.fromkeys(keys))
        found: dict[tuple[int, int | str, str], Tensor] = {}
        for start in range(0, len(wanted), self._batch):
            part = wanted[start : start + self._batch]
            prompts = [self._prompts[owner] for owner, _, _ in part]
            texts = [text for _, _, text in part]
            suffixes = [
                ask(self._vlm, text, self._dialect.parse(text), self._topics)[0] for text in texts
            ]
            hidden = self._vlm.prefill(prompts, suffixes, self._layer)
            found.update(zip(part, hidden, strict=True))
        return torch.stack([found[key] for key in keys]).unflatten(0, (len(candidates), -1))


def difference(run: FinishedRun, model: type[PlainModel], states: int) -> float:
    """Largest difference between the features of both ways, as a share of the largest feature.

    Args:
        run: with data and candidates.
        model: `PlainModel`, or `ExactModel`.
        states: how many.
    """
    vlm = model.from_pretrained(run.config.base, device="cpu")
    shared, plain = (
        Features(run, vlm, states, way).turn(run.config.candidates.n).float()
        for way in ("shared", "plain")
    )
    return float((shared - plain).abs().max() / plain.abs().max())
