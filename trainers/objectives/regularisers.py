"""What holds the policy back beside clipping: a penalty for each token, added to its loss.

batch: `Batch`
returns: (B, T)
"""

from __future__ import annotations

import torch
from torch import Tensor

from trainers.objectives import papers
from trainers.objectives.batch import Batch
from trainers.objectives.registry import NonNegative, Share, part


@part("regulariser", "none", papers.DAPO, "0")
def none(batch: Batch) -> Tensor:
    """No penalty."""
    return torch.zeros_like(batch.log_probs)


@part("regulariser", "kl", papers.GRPO_KL, "c (e^d - d - 1), d = log pi_ref - log pi")
def kl(batch: Batch, *, coefficient: NonNegative = 0.04) -> Tensor:
    """The divergence from a reference policy, by the estimator k3: never negative, and
    unbiased for KL(pi, pi_ref) over what pi itself says.

    Raises:
        ValueError: the batch has no reference, and the coefficient is not 0.
    """
    if coefficient == 0:
        return none(batch)
    if batch.reference_log_probs is None:
        raise ValueError("a KL penalty needs the reference's log-probabilities")
    return coefficient * k3(batch.log_probs, batch.reference_log_probs)


@part(
    "regulariser",
    "lp_reg",
    papers.LP_REG,
    "c (e^d - d - 1), d = log proxy - log pi, where A < 0, pi < proxy and pi is low",
)
def lp_reg(batch: Batch, *, coefficient: NonNegative = 1.0, share: Share = 0.01) -> Tensor:
    """Keep alive the unlikely words that are no noise: the `share` least likely tokens, where
    they are pushed away (A < 0) though the proxy finds them likelier than the policy. The
    proxy is the old policy without its noise (see `min_p_proxy`).

    Raises:
        ValueError: the batch has no proxy.
    """
    if batch.proxy_log_probs is None:
        raise ValueError("lp_reg needs the proxy's log-probabilities (see `min_p_proxy`)")
    log_probs = batch.log_probs.detach()
    unlikely = _least(log_probs, batch.mask, share)
    spared = unlikely & (batch.advantages < 0) & (log_probs < batch.proxy_log_probs)
    # Where it does not hold, the proxy may be minus infinity: keep it from the gradient.
    proxy = torch.where(spared, batch.proxy_log_probs, log_probs)
    return coefficient * k3(batch.log_probs, proxy) * spared


def k3(log_probs: Tensor, reference: Tensor) -> Tensor:
    """e^d - d - 1 with d = reference - log_probs; its gradient is 1 - e^d."""
    difference = (reference - log_probs).clamp(-20.0, 20.0)
    return torch.expm1(difference) - difference


def min_p_proxy(log_probs: Tensor, min_p: float = 0.02) -> Tensor:
    """The distribution without its noise: what is less likely than `min_p` times the likeliest
    token goes, the rest is renormalised.

    Args:
        log_probs: (..., V) of all tokens.
        min_p: in [0, 1].

    Returns:
        (..., V), minus infinity for what went.
    """
    least = log_probs.amax(-1, keepdim=True) + torch.tensor(min_p).log()
    return torch.log_softmax(log_probs.masked_fill(log_probs < least, -torch.inf), -1)


def _least(log_probs: Tensor, mask: Tensor, share: float) -> Tensor:
    """(B, T) bool: the `share` of the tokens with the lowest log-probability."""
    known = log_probs[mask]
    if not len(known):
        return mask
    return mask & (log_probs <= known.quantile(share))
