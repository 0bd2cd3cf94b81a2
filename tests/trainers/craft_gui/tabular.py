"""A policy without a network: free scores of four answers to each of three goals.

It stands in for a vision-language model where a test is about the algorithm around it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from agentenv.policies.language_model import Completion, Extension, VisionLanguageModel
from agentenv.policies.prompts import Prompt, PromptFormat
from tests.fakes import BUTTONS

NONSENSE = "I would rather not."
ANSWERS = [
    *(f'{{"type":"tap","label":"{name}","element":{i}}}' for i, name in enumerate(BUTTONS)),
    NONSENSE,
]
"""Token k is answer k."""


class Table(nn.Module):
    """Scores (goals, answers)."""

    def __init__(self) -> None:
        super().__init__()
        self.scores = nn.Parameter(torch.zeros(len(BUTTONS), len(ANSWERS)))


class TabularModel:
    """What the trainers use of a `VisionLanguageModel`."""

    device = torch.device("cpu")
    form = PromptFormat(instructions=False)

    def __init__(self, name: str = "tabular") -> None:
        self.name = name
        self.model = Table()
        self.processor = SimpleNamespace(
            tokenizer=SimpleNamespace(get_vocab=dict),
            image_processor=SimpleNamespace(to_dict=dict),
            chat_template="",
        )

    def encode(self, prompts: Sequence[Prompt], *, read: bool = False) -> torch.Tensor:
        goals = [prompt.text.splitlines()[0].removeprefix("Press ") for prompt in prompts]
        return self.model.scores[[BUTTONS.index(goal) for goal in goals]]

    def sample(
        self,
        prefix: torch.Tensor,
        *,
        owners: Sequence[int],
        temperature: float,
        max_new_tokens: int,
        generator: torch.Generator,
    ) -> list[Completion]:
        scores = torch.log_softmax(prefix[list(owners)] / temperature, -1)
        chosen = torch.multinomial(scores.exp(), 1, generator=generator)
        return [
            Completion(ANSWERS[token], (token,), (float(row[token]),))
            for token, row in zip(chosen[:, 0].tolist(), scores, strict=True)
        ]

    def extend(
        self,
        prefix: torch.Tensor,
        suffixes: Sequence[Sequence[int]],
        *,
        owners: Sequence[int],
        temperature: float = 1.0,
    ) -> Extension:
        logits = prefix[list(owners)]
        ids = torch.tensor([list(suffix) for suffix in suffixes])
        scores = torch.log_softmax(logits[:, None] / temperature, -1)
        log_probs = scores.gather(-1, ids[..., None])[..., 0]
        mask = torch.ones_like(ids, dtype=torch.bool)
        return Extension(logits[:, None], log_probs, mask, None, logits)

    def tokenize(self, text: str) -> list[int]:
        return [ANSWERS.index(text)]

    def freeze_vision(self) -> None:
        """It has none."""

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        save_file({"scores": self.model.scores.detach()}, folder / "table.safetensors")


def load(path: str | Path) -> VisionLanguageModel:
    """A saved table, or a fresh one of that name."""
    vlm = TabularModel(str(path))
    file = Path(path) / "table.safetensors"
    if file.exists():
        vlm.model.load_state_dict(load_file(file))
    return cast(VisionLanguageModel, vlm)


def scores_of(vlm: Any) -> torch.Tensor:
    """The free parameters."""
    return vlm.model.scores.detach().clone()
