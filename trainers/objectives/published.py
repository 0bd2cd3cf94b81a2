"""Published objectives, each as its choice of parts.

Where a paper leaves a choice open, the common one is taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from trainers.objectives import papers
from trainers.objectives.papers import Paper
from trainers.objectives.registry import Kind

CHOICES: tuple[Kind, ...] = (
    "advantage",
    "step_advantage",
    "ratio",
    "clip",
    "aggregation",
    "regulariser",
)
"""What an objective consists of, in the order in which it is computed."""


@dataclass(frozen=True)
class Published:
    """An objective as its paper has it."""

    paper: Paper
    summary: str
    advantage: str = "group_normalised"
    step_advantage: str = "none"
    ratio: str = "token"
    clip: str = "ppo"
    aggregation: str = "sequence_mean"
    regulariser: str = "none"
    settings: Mapping[str, float] = field(default_factory=dict)
    """By "choice.setting"; the others have their part's default."""


def _clip(low: float, high: float) -> dict[str, float]:
    return {"clip.low": low, "clip.high": high}


PUBLISHED: dict[str, Published] = {
    "reinforce": Published(
        papers.REINFORCE,
        "the policy gradient with the group's mean as the baseline",
        advantage="group_mean",
        clip="reinforce",
        aggregation="sequence_sum",
    ),
    "grpo": Published(
        papers.GRPO,
        "PPO's clip with the group in place of a value function",
        regulariser="kl",
    ),
    "craft_gui": Published(
        papers.CRAFT_GUI,
        "GRPO with a higher upper bound and no KL penalty unless asked for",
        regulariser="kl",
        settings={**_clip(0.2, 0.28), "regulariser.coefficient": 0.0},
    ),
    "dr_grpo": Published(
        papers.DR_GRPO,
        "GRPO without its biases to short wrong answers and to very easy or hard tasks; set "
        "aggregation.length to the longest answer allowed",
        advantage="group_mean",
        aggregation="sequence_sum",
    ),
    "dapo": Published(
        papers.DAPO,
        "every token weighs the same, higher upper bound, groups that are all equal are dropped "
        "(unequal_groups); overlong answers are penalised by reward.overlong",
        aggregation="token_mean",
        settings=_clip(0.2, 0.28),
    ),
    "gspo": Published(
        papers.GSPO,
        "GRPO clipped by answers, not tokens",
        ratio="sequence",
        settings=_clip(3e-4, 4e-4),
    ),
    "gspo_token": Published(
        papers.GSPO_TOKEN,
        "GSPO for advantages that differ within an answer",
        ratio="sequence_token",
        settings=_clip(3e-4, 4e-4),
    ),
    "cispo": Published(
        papers.CISPO,
        "clips the weight of a token's gradient, never the gradient",
        clip="cispo",
        aggregation="token_mean",
    ),
    "rec": Published(
        papers.REC,
        "REINFORCE with PPO's choice of tokens (REC-OneSide-NoIS)",
        advantage="group_mean",
        clip="rec",
        aggregation="token_mean",
    ),
    "opmd": Published(
        papers.REC,
        "REINFORCE held back by a temperature; advantage soft_maximum is its exact form",
        advantage="group_mean",
        clip="opmd",
        aggregation="sequence_sum",
    ),
    "asymre": Published(
        papers.ASYMRE,
        "REINFORCE with a baseline below the mean, for old data",
        advantage="shifted_mean",
        clip="reinforce",
        aggregation="sequence_sum",
    ),
    "topr": Published(
        papers.TOPR,
        "imitates what went well, tapers what did not; rewards are 1 and -1",
        advantage="reward",
        ratio="trajectory",
        clip="topr",
        aggregation="sequence_sum",
    ),
    "bapo": Published(
        papers.BAPO,
        "PPO's clip with bounds that keep what went well from being outweighed",
        clip="bapo",
        aggregation="token_mean",
    ),
    "sapo": Published(papers.SAPO, "a soft gate for PPO's hard clip", clip="sapo"),
    "bnpo": Published(
        papers.BNPO,
        "GRPO with a Beta distribution for the standard deviation (not TRL's bnpo, which is "
        "clip ppo with aggregation token_mean)",
        advantage="beta_normalised",
    ),
    "nft": Published(
        papers.NFT,
        "supervised learning from right answers, and implicitly from wrong ones",
        advantage="group_mean",
        clip="nft",
        aggregation="token_mean",
    ),
    "lp_reg": Published(
        papers.LP_REG,
        "GRPO that keeps unlikely words alive",
        regulariser="lp_reg",
        aggregation="token_mean",
        settings=_clip(0.2, 0.28),
    ),
    "gigpo": Published(
        papers.GIGPO,
        "GRPO whose steps are also compared with others taken in the same state",
        step_advantage="gigpo",
    ),
}
