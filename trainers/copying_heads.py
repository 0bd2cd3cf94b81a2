"""Where a decoder's training starts: with the attention heads that copying needs.

A model that acts on a screen copies names and looks up indices. Copying takes two heads
in a row (arXiv 2209.11895): one by which each token learns what stood before it, and one
by which the current token finds where it stood before, and what came next. A model from
scratch takes very long to discover such a pair. With rotary positions and biases it can
be written down, so this is where the small model starts; every weight is trained on.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

CONTENT = 32
"""Numbers that tell one token from another; they use the slow rotary dimensions, which
a distance within a prompt hardly turns."""


@torch.no_grad()
def write_copying_heads(decoder: Any, sharpness: float = 5.0) -> None:
    """Write three heads into the first layer and two into the second of a Qwen2 decoder.

    Layer 0 copies the content of the token itself, of the one before and of the one
    before that into subspaces of their own. Layer 1 finds the place whose previous token
    is the current one, and the place whose token before that is the previous one, and
    reads what stands there.

    Args:
        decoder: freshly initialised, at least two layers, heads of 64 numbers.
        sharpness: how decidedly they attend.
    """
    hidden = decoder.config.hidden_size
    first, second = (decoder.get_submodule(f"layers.{number}.self_attn") for number in (0, 1))
    size = first.head_dim
    # Rows of one orthogonal matrix: what is written to one subspace is not read in another.
    rows = torch.linalg.qr(torch.randn(hidden, 4 * CONTENT + 2 * size)).Q.T.contiguous()
    content, here, one_back, two_back, *identity = rows.split([CONTENT] * 4 + [size] * 2)
    gain = 4 * decoder.config.initializer_range
    for head, subspace in enumerate((here, one_back, two_back)):
        _attend_back(first, head, decoder.rotary_emb.inv_freq, head, sharpness)
        _write_value(first, head, content, subspace, gain)
    for head, (query, key) in enumerate(((here, one_back), (one_back, two_back))):
        _match(second, head, query, key, sharpness)
        _write_value(second, head, identity[head], identity[head], gain)


def _attend_back(
    attention: Any, head: int, inv_freq: Tensor, offset: int, sharpness: float
) -> None:
    """Attend to the token at a fixed distance, whatever it is.

    For each pair of rotary dimensions with frequency w, a query bias (1, 0) and a key
    bias (cos(w d), sin(w d)) give the score cos(w (i - j - d)), largest at i - j = d.
    """
    size = attention.head_dim
    rows = slice(head * size, (head + 1) * size)
    for layer in (attention.q_proj, attention.k_proj):
        layer.weight[rows] = 0.0
        layer.bias[rows] = 0.0
    frequencies = inv_freq[:12]
    pairs = head * size + torch.arange(len(frequencies))
    amplitude = (sharpness * size**0.5) ** 0.5
    attention.q_proj.bias[pairs] = amplitude
    attention.k_proj.bias[pairs] = amplitude * (frequencies * offset).cos()
    attention.k_proj.bias[pairs + size // 2] = amplitude * (frequencies * offset).sin()


def _match(attention: Any, head: int, query: Tensor, key: Tensor, sharpness: float) -> None:
    """Attend where `key` reads the same content as `query` reads here."""
    size = attention.head_dim
    half = CONTENT // 2
    slow = head * size + torch.cat(
        [torch.arange(size // 2 - half, size // 2), torch.arange(size - half, size)]
    )
    for layer, read in ((attention.q_proj, query), (attention.k_proj, key)):
        layer.weight[head * size : (head + 1) * size] = 0.0
        layer.weight[slow] = read * sharpness**0.5


def _write_value(attention: Any, head: int, read: Tensor, write: Tensor, gain: float) -> None:
    """Read some numbers where the head attends, and add them to a subspace here."""
    start = head * attention.head_dim
    attention.v_proj.weight[start : start + len(read)] = read
    attention.o_proj.weight[:, start : start + len(read)] = gain * write.T
