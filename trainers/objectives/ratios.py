"""How much likelier the policy has become to say what was said: log ratios, by level.

    log_probs, old_log_probs: (B, T) of the policy in training and of the one that acted
    mask: (B, T) bool, the tokens that are learned from
    returns: (B, T) log r of each token

A sample is a turn or a whole episode, whichever the trainer makes it.
"""

from __future__ import annotations

from torch import Tensor

from trainers.objectives import papers
from trainers.objectives.registry import part


@part("ratio", "token", papers.GRPO, "log r_t = log pi(o_t) - log pi_old(o_t)")
def token(log_probs: Tensor, old_log_probs: Tensor, mask: Tensor) -> Tensor:
    """Of each token."""
    return (log_probs - old_log_probs).masked_fill(~mask, 0.0)


@part("ratio", "sequence", papers.GSPO, "log s = mean_t(log r_t)")
def sequence(log_probs: Tensor, old_log_probs: Tensor, mask: Tensor) -> Tensor:
    """Of the whole answer, per token (a geometric mean): one number for all its tokens."""
    logs = token(log_probs, old_log_probs, mask)
    lengths = mask.sum(1, keepdim=True).clamp(min=1)
    return (logs.sum(1, keepdim=True) / lengths).expand_as(logs)


@part("ratio", "sequence_token", papers.GSPO_TOKEN, "s_t = sg(s) pi(o_t) / sg(pi(o_t))")
def sequence_token(log_probs: Tensor, old_log_probs: Tensor, mask: Tensor) -> Tensor:
    """As large as the answer's, with the gradient of the token's (GSPO-token): for advantages
    that differ within an answer."""
    whole = sequence(log_probs, old_log_probs, mask).detach()
    return whole + (log_probs - log_probs.detach()).masked_fill(~mask, 0.0)


@part("ratio", "trajectory", papers.TOPR, "log w = sum_t(log r_t)")
def trajectory(log_probs: Tensor, old_log_probs: Tensor, mask: Tensor) -> Tensor:
    """Of the whole answer, unscaled: the true importance ratio, which varies much."""
    logs = token(log_probs, old_log_probs, mask)
    return logs.sum(1, keepdim=True).expand_as(logs)
