"""How likely a model is to give certain answers, the prompt being encoded once for all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from agentenv.policies.language_model import Extension, VisionLanguageModel
from agentenv.policies.prompts import Prompt

Answer = Sequence[int]
"""Token ids, the end token among them if it was said."""


def extend_prompts(
    vlm: VisionLanguageModel,
    prompts: Sequence[Prompt],
    answers: Sequence[Answer],
    *,
    read: bool = False,
    **settings: Any,
) -> Extension:
    """Read each answer after its prompt; gradients flow, and equal prompts are encoded once.

    Args:
        vlm: the model.
        prompts: R of them.
        answers: one to each, none empty.
        read: also say how likely the prompts themselves are.
        settings: for `VisionLanguageModel.extend`.
    """
    place: dict[Prompt, int] = {}
    owners = [place.setdefault(prompt, len(place)) for prompt in prompts]
    return vlm.extend(vlm.encode(list(place), read=read), answers, owners=owners, **settings)


@torch.no_grad()
def score_answers(
    vlm: VisionLanguageModel,
    prompts: Sequence[Prompt],
    answers: Sequence[Sequence[Answer]],
    *,
    temperature: float = 1.0,
    batch_size: int,
    progress: Callable[[int], None],
) -> Tensor:
    """Log-probabilities of answers to each prompt.

    Args:
        vlm: the model.
        prompts: S of them.
        answers: N to each; equal ones get equal numbers.
        temperature: of the model; 0 is greedy.
        batch_size: prompts at once.
        progress: told how many prompts are done.

    Returns:
        (S, N, 2) float32: of the whole answer, and of its least likely token.
    """
    scores = torch.zeros(len(prompts), len(answers[0]) if answers else 0, 2)
    for start in range(0, len(prompts), batch_size):
        batch = answers[start : start + batch_size]
        owners, distinct, order = _distinct(batch)
        prefix = vlm.encode(prompts[start : start + batch_size])
        tokens = vlm.extend(prefix, distinct, owners=owners, temperature=temperature).log_probs
        found = torch.stack([tokens.sum(1), tokens.amin(1)], dim=1)
        scores[start : start + len(batch)] = found[order].view(len(batch), -1, 2).cpu()
        progress(start + len(batch))
    return scores


def _distinct(batch: Sequence[Sequence[Answer]]) -> tuple[list[int], list[Answer], list[int]]:
    """What needs computing.

    Returns:
        Of each distinct answer, the row of its prompt and its tokens; and for every
        answer to every prompt, in order, which distinct one it is.
    """
    keys = [(row, tuple(answer)) for row, answers in enumerate(batch) for answer in answers]
    place = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return [row for row, _ in place], [tokens for _, tokens in place], [place[key] for key in keys]
