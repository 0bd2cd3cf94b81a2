"""Answers to shared prompts attend as if each had a prompt of its own."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers.cache_utils import DynamicCache

from agentenv.policies.shared_prefix import SharedPrefix, _attend

HEADS, STORED, PROMPT, SIZE = 4, 2, 7, 8
LAYER = SimpleNamespace(layer_idx=0)


def random(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()


@pytest.mark.parametrize(
    "owners", [[0, 0, 1, 1, 2, 2], [0, 1, 0, 1], [2, 0, 1], [2, 0, 2, 1, 2], [1], [0, 1, 2]]
)
def test_numbers_and_gradients_are_those_of_answers_with_a_copy_of_their_prompt(
    owners: list[int],
) -> None:
    rows, new = len(owners), 3
    keys, values = random(3, STORED, PROMPT, SIZE), random(3, STORED, PROMPT, SIZE)
    query = random(rows, HEADS, new, SIZE)
    own_keys, own_values = random(rows, STORED, new, SIZE), random(rows, STORED, new, SIZE)
    mask = torch.ones(rows, 1, new, PROMPT + new).tril(PROMPT).bool()
    mask[0, :, :, :2] = False  # a shorter prompt, padded on the left
    prompts = DynamicCache()
    prompts.update(keys, values, 0)
    shared = SharedPrefix(prompts, owners)
    shared.update(own_keys, own_values, 0)
    assert shared.get_seq_length() == PROMPT + new
    found, _ = _attend(LAYER, query, own_keys, own_values, mask, shared_prefix=shared)
    expected = scaled_dot_product_attention(
        query,
        torch.cat([keys[owners], own_keys], 2),
        torch.cat([values[owners], own_values], 2),
        attn_mask=mask,
        enable_gqa=True,
    ).transpose(1, 2)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-6)
    learned = [query, keys, values, own_keys, own_values]
    weight = random(rows, new, HEADS, SIZE).detach()
    for one, other in zip(
        torch.autograd.grad((found * weight).sum(), learned),
        torch.autograd.grad((expected * weight).sum(), learned),
        strict=True,
    ):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-6)


def test_answers_that_have_ended_are_forgotten_and_the_others_keep_their_prompts() -> None:
    prompts = DynamicCache()
    prompts.update(random(2, STORED, PROMPT, SIZE), random(2, STORED, PROMPT, SIZE), 0)
    shared = SharedPrefix(prompts, [0, 1, 0, 1])
    said = random(4, STORED, 1, SIZE)
    shared.update(said, said, 0)
    shared.keep(torch.tensor([0, 2, 3]))
    assert shared.owners == [0, 0, 1]
    assert torch.equal(shared.layers[0].keys, said[[0, 2, 3]])
    assert prompts.get_seq_length() == PROMPT
