"""The heads that the small model starts with do what they are written for."""

from __future__ import annotations

import torch

from tests.small_models import untrained_vlm


def attention_on_a_repeated_sequence() -> tuple[torch.Tensor, ...]:
    """Per layer (heads, T, T); tokens 30 to 49 repeat tokens 0 to 19."""
    vlm = untrained_vlm()
    vlm.model.set_attn_implementation("eager")
    torch.manual_seed(1)
    words = torch.randperm(200)[:20] + 10
    between = torch.randperm(80)[:10] + 210
    ids = torch.cat([words, between, words])[None]
    with torch.no_grad():
        out = vlm.model(input_ids=ids, output_attentions=True)
    return tuple(layer[0] for layer in out.attentions)


def test_the_first_layer_looks_none_one_and_two_tokens_back() -> None:
    first, *_ = attention_on_a_repeated_sequence()
    for head in (0, 1, 2):
        assert all(first[head, i, i - head] > 0.9 for i in range(2, 50))


def test_the_second_layer_finds_what_came_next_last_time() -> None:
    _, second, *_ = attention_on_a_repeated_sequence()
    for head in (0, 1):
        found = torch.stack([second[head, 30 + i, i + 1] for i in range(2, 19)])
        assert found.mean() > 0.4
