"""Losses that are no surrogate of one rollout's advantage: pairs, and demonstrations."""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn.functional import logsigmoid

from trainers.objectives import papers
from trainers.objectives.aggregations import token_mean
from trainers.objectives.registry import Positive, Share, part


@part("loss", "sft", papers.CHORD, "-mean_t(w_t log pi), w = 1 or sg(p (1 - p))")
def sft(log_probs: Tensor, mask: Tensor, *, phi: bool = False) -> Tensor:
    """Imitate demonstrations.

    Args:
        log_probs: (B, T) of their tokens.
        mask: (B, T) bool.
        phi: CHORD-phi's weights, which leave alone what the policy already says (p near 1)
            and what would upset it (p near 0).

    Returns:
        Scalar.
    """
    log_probs = log_probs.masked_fill(~mask, 0.0)
    p = log_probs.detach().exp()
    total, count = token_mean(-log_probs * (p * (1 - p) if phi else 1.0), mask)
    return total / count


@part("loss", "chord", papers.CHORD, "(1 - mu) L_rl + mu L_sft")
def chord(rl: Tensor, demonstrations: Tensor, *, mu: Share = 0.1) -> Tensor:
    """Mix demonstrations in.

    Args:
        rl: scalar, the loss of rollouts.
        demonstrations: scalar, `sft` of expert data (with `phi` and a constant mu for
            CHORD-phi, without and `chord_mu` for CHORD-mu).
        mu: weight of the demonstrations.
    """
    return (1 - mu) * rl + mu * demonstrations


def chord_mu(
    step: int, *, warmup: int = 0, decay: int = 200, peak: float = 0.9, valley: float = 0.05
) -> float:
    """CHORD-mu's weight of demonstrations at an optimiser step (0 being the first).

    Linear from 0 to `peak` in `warmup` steps, then half a cosine to `valley` in `decay`.
    """
    if step < warmup:
        return peak * (step + 1) / warmup
    share = min((step - warmup) / max(decay, 1), 1.0)
    return valley + (peak - valley) * (1 + math.cos(math.pi * share)) / 2


@part(
    "loss",
    "copg",
    papers.COPG,
    "mean over pairs of (R_b(y) - R_b(y'))^2 / (4 beta), R_b = R - beta (log pi - log pi_ref)",
)
def copg(
    log_probs: Tensor,
    reference_log_probs: Tensor,
    rewards: Tensor,
    groups: Tensor,
    *,
    beta: Positive = 0.1,
) -> Tensor:
    """Contrastive policy gradient: learns off-policy, without ratios, because its optimum is
    that of the KL-regularised reward whatever the answers come from.

    Args:
        log_probs: (B,) of whole answers.
        reference_log_probs: (B,) of a policy to stay near to.
        rewards: (B,)
        groups: (B,) long; pairs are made within a group, all with all.
        beta: weight of the KL divergence.

    Returns:
        Scalar.
    """
    regularised = rewards - beta * (log_probs - reference_log_probs)
    differences = regularised[:, None] - regularised[None, :]
    same = groups[:, None] == groups[None, :]
    return (differences.square() * same).sum() / same.sum() / (4 * beta)


@part(
    "loss",
    "dpo",
    papers.DPO,
    "-log sigmoid(beta ((log pi - log pi_ref)(chosen) - (log pi - log pi_ref)(rejected)))",
)
def dpo(
    chosen: Tensor,
    rejected: Tensor,
    reference_chosen: Tensor,
    reference_rejected: Tensor,
    *,
    beta: Positive = 0.1,
) -> Tensor:
    """Direct preference optimisation; at step level (Agent Q) the pairs are actions explored
    in one state (see `preferred_pairs`).

    Args:
        chosen: (P,) log-probabilities of the preferred answers, and so on.

    Returns:
        Scalar, the mean over pairs.
    """
    margins = (chosen - reference_chosen) - (rejected - reference_rejected)
    return -logsigmoid(beta * margins).mean()
