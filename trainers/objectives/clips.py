"""How far one batch may move the policy: the loss of each token before averaging.

    ratio: (B, T) r = pi / pi_old, at the level chosen (see `trainers.objectives.ratios`)
    log_probs: (B, T) log pi of the token
    advantages: (B, T) A
    mask: (B, T) bool
    returns: `Surrogate`

sg(x) is x without gradient; eps is called `low` below 1 and `high` above it.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from trainers.objectives import papers
from trainers.objectives.registry import AtLeastOne, NonNegative, Positive, Share, part


class Surrogate(NamedTuple):
    """What is minimised, token by token."""

    loss: Tensor
    """(B, T) float."""
    clipped: Tensor
    """(B, T) bool: the tokens that clipping has cut off or held back."""


@part("clip", "reinforce", papers.REINFORCE, "-A log pi")
def reinforce(ratio: Tensor, log_probs: Tensor, advantages: Tensor, mask: Tensor) -> Surrogate:
    """No ratio, no clipping: the policy gradient, as if what is learned from were fresh."""
    return Surrogate(-advantages * log_probs, torch.zeros_like(mask))


@part("clip", "none", papers.GRPO, "-r A")
def none(ratio: Tensor, log_probs: Tensor, advantages: Tensor, mask: Tensor) -> Surrogate:
    """Importance sampling without clipping."""
    return Surrogate(-ratio * advantages, torch.zeros_like(mask))


@part("clip", "ppo", papers.GRPO, "-min(r A, clip(r, 1 - low, 1 + high) A)")
def ppo(
    ratio: Tensor,
    log_probs: Tensor,
    advantages: Tensor,
    mask: Tensor,
    *,
    low: Share = 0.2,
    high: NonNegative = 0.2,
) -> Surrogate:
    """Tokens that have moved far enough in their advantage's direction get no gradient."""
    return _between(ratio, advantages, mask, 1 - low, 1 + high)


@part("clip", "cispo", papers.CISPO, "-sg(clip(r, 1 - low, 1 + high)) A log pi")
def cispo(
    ratio: Tensor,
    log_probs: Tensor,
    advantages: Tensor,
    mask: Tensor,
    *,
    low: Share = 1.0,
    high: NonNegative = 4.0,
) -> Surrogate:
    """Every token keeps a gradient, whose weight is what is clipped; low = 1 sets no lower
    bound. `high` is MiniMax's (the bound is 1 + high); others give the bound itself, 5 being
    this 4."""
    weight = ratio.detach().clamp(1 - low, 1 + high)
    return Surrogate(-weight * advantages * log_probs, mask & (weight != ratio))


@part(
    "clip",
    "rec",
    papers.REC,
    "-A log pi where A >= 0 and r <= 1 + high, or A <= 0 and r >= 1 - low",
)
def rec(
    ratio: Tensor,
    log_probs: Tensor,
    advantages: Tensor,
    mask: Tensor,
    *,
    low: Share = 0.2,
    high: NonNegative = 0.2,
) -> Surrogate:
    """REC one-sided without importance sampling: PPO's choice of tokens, REINFORCE's
    gradient for them."""
    beyond = _beyond(ratio, advantages, mask, 1 - low, 1 + high)
    return Surrogate((-advantages * log_probs).masked_fill(beyond, 0.0), beyond)


@part("clip", "opmd", papers.REC, "-A log pi / (1 + tau)")
def opmd(
    ratio: Tensor, log_probs: Tensor, advantages: Tensor, mask: Tensor, *, tau: NonNegative = 1.0
) -> Surrogate:
    """Online policy mirror descent, simplified: REINFORCE held back by the temperature of its
    pull to the old policy."""
    return Surrogate(-advantages * log_probs / (1 + tau), torch.zeros_like(mask))


@part("clip", "topr", papers.TOPR, "-sg(1 if A > 0 else min(r, 1)) A log pi")
def topr(ratio: Tensor, log_probs: Tensor, advantages: Tensor, mask: Tensor) -> Surrogate:
    """What went well is imitated in full; what did not is pushed away no harder than the
    policy would still do it. The paper's r is the whole trajectory's."""
    taper = torch.where(advantages > 0, 1.0, ratio.detach().clamp(max=1.0))
    held_back = mask & (advantages <= 0) & (ratio > 1)
    return Surrogate(-taper * advantages * log_probs, held_back)


@part("clip", "sapo", papers.SAPO, "-(4 / tau) sigmoid(tau (r - 1)) A")
def sapo(
    ratio: Tensor,
    log_probs: Tensor,
    advantages: Tensor,
    mask: Tensor,
    *,
    tau_positive: Positive = 1.0,
    tau_negative: Positive = 1.05,
) -> Surrogate:
    """A soft gate for a hard clip: the gradient fades as r leaves 1, sooner where A < 0."""
    tau = torch.where(advantages > 0, tau_positive, tau_negative)
    gate = 4 / tau * torch.sigmoid(tau * (ratio - 1))
    return Surrogate(-gate * advantages, torch.zeros_like(mask))


@part(
    "clip", "nft", papers.NFT, "-w log r if right, -w log max((1 - q r) / (1 - q), floor) if wrong"
)
def nft(
    ratio: Tensor,
    log_probs: Tensor,
    advantages: Tensor,
    mask: Tensor,
    *,
    floor: Positive = 1.0,
    divide_by_std: bool = False,
) -> Surrogate:
    """Negative-aware fine-tuning: imitate right answers, and learn from wrong ones through
    the policy that they imply is right.

    Rewards are 0 or 1 and A is `group_mean`'s, which tells the group's pass rate q: 1 - q
    is the advantage of its right answers and -q that of its wrong ones. The weight w is
    1 - q, which is Dr. GRPO while the policy has not moved; with `divide_by_std` it is
    sqrt((1 - q) / q), which is GRPO. `max` passes the gradient on where it binds.
    """
    right = advantages > 0
    failing = torch.where(right, advantages, 1 + advantages).clamp(1e-6, 1.0)  # 1 - q
    implied = (1 - (1 - failing) * ratio) / failing
    held_back = mask & ~right & (implied < floor)
    implied = implied + (implied.clamp(min=floor) - implied).detach()
    weight = (failing / (1 - failing).clamp(min=1e-6)).sqrt() if divide_by_std else failing
    loss = -weight * torch.where(right, ratio.log(), implied.log())
    # A = 0: the whole group is right, or wrong, and there is nothing to compare with.
    return Surrogate(loss.masked_fill(advantages == 0, 0.0), held_back)


@part("clip", "bapo", papers.BAPO, "-min(r A, clip(r, c_low, c_high) A), c_low and c_high by batch")
def bapo(
    ratio: Tensor,
    log_probs: Tensor,
    advantages: Tensor,
    mask: Tensor,
    *,
    share: Share = 0.4,
    low: Share = 0.6,
    low_most: Share = 0.9,
    low_step: Positive = 0.02,
    high: AtLeastOne = 1.2,
    high_most: AtLeastOne = 3.0,
    high_step: Positive = 0.05,
) -> Surrogate:
    """PPO's clip with bounds that move until what went well makes up its share of the gradient.

    First c_low rises from `low` up to `low_most`, which cuts off tokens that went badly and
    have already become unlikely; then c_high rises from `high` up to `high_most`, which lets
    in tokens that went well and have already become likelier. The bounds are on r itself, not
    1 -+ eps. (The paper moves c_high first, its code c_low. Both compare clipped objectives;
    here the tokens' gradients are compared, |r A| where nothing is clipped, because a clipped
    objective grows as c_low rises, though the gradient shrinks.)
    """
    c_low, c_high = low, high
    while _positive_share(ratio, advantages, mask, c_low, c_high) < share:
        if c_low < low_most:
            c_low = min(c_low + low_step, low_most)
        elif c_high < high_most:
            c_high = min(c_high + high_step, high_most)
        else:
            break
    return _between(ratio, advantages, mask, c_low, c_high)


def _positive_share(
    ratio: Tensor, advantages: Tensor, mask: Tensor, low: float, high: float
) -> float:
    """How much of the gradient comes from tokens with A > 0; 1 if there is no gradient."""
    kept = mask & ~_beyond(ratio, advantages, mask, low, high)
    pull = (ratio * advantages).detach().masked_fill(~kept, 0.0)
    whole = float(pull.abs().sum())
    return float(pull.clamp(min=0).sum()) / whole if whole > 0 else 1.0


def _between(ratio: Tensor, advantages: Tensor, mask: Tensor, low: float, high: float) -> Surrogate:
    """PPO's clip to [low, high]."""
    loss = -torch.minimum(ratio * advantages, ratio.clamp(low, high) * advantages)
    return Surrogate(loss, _beyond(ratio, advantages, mask, low, high))


def _beyond(ratio: Tensor, advantages: Tensor, mask: Tensor, low: float, high: float) -> Tensor:
    """(B, T) bool: where the ratio has left [low, high] on the advantage's side."""
    up, down = (advantages > 0) & (ratio > high), (advantages < 0) & (ratio < low)
    return mask & (up | down)
