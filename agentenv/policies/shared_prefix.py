"""Attention of many answers to few prompts, whose keys and values are kept once.

A prompt is far longer than an answer to it. Giving every answer a copy of its prompt's keys
and values costs more than computing with them, so here the answers to one prompt ask it
together, in one matrix product, and each its own tokens by itself; one softmax spans both.
The numbers are those of the plain computation but for rounding, and so are the gradients.

It is a `transformers` attention function beside "sdpa", which it is for everything else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.cache_utils import Cache, DynamicLayer
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

NAME = "agentenv_shared_prefix"
"""In `transformers`' registry."""


def share_prefixes(model: Any) -> None:
    """Let a model's text part attend so; one that does not use "sdpa" is left as it is."""
    text = model.config.get_text_config()
    if text._attn_implementation == "sdpa" and "text_config" in model.config.sub_configs:
        model.set_attn_implementation({"text_config": NAME})


def shares_prefixes(model: Any, cache: Any) -> bool:
    """Whether answers after the prompts in this cache can be computed so."""
    known = model.config.get_text_config()._attn_implementation == NAME
    return known and all(type(layer) is DynamicLayer for layer in cache.layers)


class _Layer(DynamicLayer):
    """Keeps the answers' keys and values, and counts the prompt's tokens before them."""

    def __init__(self, prompts: DynamicLayer) -> None:
        super().__init__()
        self.prompts = prompts

    def get_seq_length(self) -> int:
        """Tokens of a prompt and what has been said after it."""
        return int(self.prompts.get_seq_length() + super().get_seq_length())


class SharedPrefix(Cache):
    """A cache for R answers to B prompts.

    Args:
        prompts: the cache that the prompts were encoded into; it is not changed.
        owners: the prompt of each answer, R numbers in [0, B).
    """

    def __init__(self, prompts: Any, owners: Sequence[int]) -> None:
        super().__init__(layers=[_Layer(layer) for layer in prompts.layers])
        self._own(owners)

    def _own(self, owners: Sequence[int]) -> None:
        self.owners = list(owners)
        self.groups = _groups(self.owners)
        # Back from the groups' order; every layer needs it at every token.
        self.order = torch.cat([answers for _, answers in self.groups]).argsort()

    def keep(self, rows: Tensor) -> None:
        """Forget all answers but these."""
        self.batch_select_indices(rows)
        self._own([self.owners[row] for row in rows.tolist()])

    def to_prompts(self, rows: Tensor, stored: Tensor) -> Tensor:
        """Multiply what every answer has with what is stored of its prompt.

        Args:
            rows: (R, heads, n, x).
            stored: (B, heads, x, y).

        Returns:
            (R, heads, n, y).
        """
        found = [_together(rows, stored, *group) for group in self.groups]
        return _select(found[0] if len(found) == 1 else torch.cat(found), self.order)


def _groups(owners: Sequence[int]) -> list[tuple[Tensor, Tensor]]:
    """The prompts with equally many answers, and these answers, those of one prompt together."""
    answers: defaultdict[int, list[int]] = defaultdict(list)
    for row, owner in enumerate(owners):
        answers[owner].append(row)
    sizes: defaultdict[int, list[int]] = defaultdict(list)
    for owner in sorted(answers):
        sizes[len(answers[owner])].append(owner)
    return [
        (torch.tensor(alike), torch.tensor([row for owner in alike for row in answers[owner]]))
        for alike in sizes.values()
    ]


def _together(rows: Tensor, stored: Tensor, prompts: Tensor, answers: Tensor) -> Tensor:
    """The answers to one prompt in one product; (answers, heads, n, y)."""
    rows, stored = _select(rows, answers), _select(stored, prompts)
    count, (_, heads, n, x) = len(prompts), rows.shape
    asked = rows.view(count, -1, heads, n, x).transpose(1, 2).reshape(count, heads, -1, x)
    found = (asked @ stored).view(count, heads, -1, n, stored.shape[-1])
    return found.transpose(1, 2).reshape(len(rows), heads, n, -1)


def _select(values: Tensor, rows: Tensor) -> Tensor:
    """These rows; nothing is copied if they are all, in order."""
    if rows.tolist() == list(range(len(values))):
        return values
    return values[rows.to(values.device)]


def _attend(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    shared_prefix: SharedPrefix | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """What `transformers` calls in each layer.

    Args:
        module: the layer's attention.
        query: (R, heads, S, d) of the newest tokens.
        key: (R, stored heads, T, d) of all tokens of the answers.
        value: (R, stored heads, T, d).
        attention_mask: (R, 1, S, P + T) bool; None if everything is seen.
        scaling: of the scores; d ** -1/2 by default.
        shared_prefix: the answers' prompts; without it this is "sdpa".

    Returns:
        (R, S, heads, d), and nothing for the weights.
    """
    if shared_prefix is None:
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, **kwargs
        )
    prompts = shared_prefix.layers[module.layer_idx].prompts
    rows, heads, width, size = query.shape
    # Heads that read the same keys ask together, like the answers to the same prompt.
    query = query.reshape(rows, key.shape[1], -1, size) * (scaling or size**-0.5)
    before = shared_prefix.to_prompts(query, prompts.keys.transpose(-1, -2))
    scores = torch.cat([before, query @ key.transpose(-1, -2)], dim=-1)
    if attention_mask is not None:
        hidden = ~attention_mask
        scores = scores.view(rows, heads, width, -1).masked_fill(
            hidden, torch.finfo(scores.dtype).min
        )
    weights = torch.softmax(scores, dim=-1, dtype=torch.float32).to(value.dtype)
    weights = weights.view(*query.shape[:3], -1)
    to_prompt, to_answer = weights.split([before.shape[-1], key.shape[-2]], dim=-1)
    seen = shared_prefix.to_prompts(to_prompt, prompts.values) + to_answer @ value
    return seen.view(rows, heads, width, size).transpose(1, 2), None


AttentionInterface.register(NAME, _attend)
AttentionMaskInterface.register(NAME, sdpa_mask)
