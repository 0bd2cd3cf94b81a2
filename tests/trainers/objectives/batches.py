"""A batch small enough to work out by hand, and gradients."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from trainers.objectives.batch import Batch
from trainers.objectives.config import ObjectiveConfig
from trainers.objectives.objective import Objective, build

RATIOS = torch.tensor([[1.5, 0.9, 7.0], [0.5, 1.1, 1.0]], dtype=torch.float64)
OLD = torch.tensor([[0.2, 0.5, 0.1], [0.4, 0.3, 0.8]], dtype=torch.float64).log()
MASK = torch.tensor([[True, True, False], [True, True, True]])
"""The first answer has two tokens; the ratio 7 is padding and must not be seen."""


def batch(ratios: Tensor = RATIOS, advantages: tuple[float, ...] = (1.0, -2.0)) -> Batch:
    """Two answers, the first good and the second bad, that the policy now gives `ratios` times
    as often as the policy that acted."""
    return Batch(
        log_probs=(OLD + ratios.log()).requires_grad_(),
        old_log_probs=OLD,
        mask=MASK,
        advantages=torch.tensor(advantages, dtype=torch.float64),
    )


def random_batch(
    seed: int, *, ratio: float, full: bool = False, answers: int = 4, tokens: int = 5
) -> Batch:
    """Answers of random lengths whose ratios lie in [1 / ratio, ratio]."""
    generator = torch.Generator().manual_seed(seed)

    def uniform() -> Tensor:
        return torch.rand(answers, tokens, generator=generator, dtype=torch.float64)

    old = -3 * uniform()
    change = (2 * uniform() - 1) * torch.tensor(ratio).log()
    lengths = torch.randint(1, tokens + 1, (answers, 1), generator=generator)
    return Batch(
        log_probs=(old + change).requires_grad_(),
        old_log_probs=old,
        mask=torch.arange(tokens) < lengths.clamp(min=tokens if full else 1),
        advantages=uniform()[:, 0] - 0.5,
    )


def objective(name: str, settings: dict[str, float] | None = None, **parts: str) -> Objective:
    """A published objective, some of its parts replaced."""
    return build(ObjectiveConfig(name, settings=settings or {}, **parts))


def gradient(of: Objective, batch: Batch) -> Tensor:
    """(B, T): of the loss by the log-probabilities."""
    return torch.autograd.grad(of.loss(batch).value, batch.log_probs)[0]


def finite_differences(of: Callable[[Tensor], Tensor], at: Tensor, step: float = 1e-6) -> Tensor:
    """The gradient of a scalar function, by central differences."""
    at = at.detach()
    slopes = []
    for place in range(at.numel()):
        nudge = torch.zeros_like(at).view(-1).index_fill(0, torch.tensor([place]), step)
        nudge = nudge.view_as(at)
        slopes.append((of(at + nudge) - of(at - nudge)) / (2 * step))
    return torch.stack(slopes).view_as(at).detach()
