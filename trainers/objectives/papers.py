"""The papers that the objectives are from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Paper:
    """Where a formula was published."""

    title: str
    arxiv: str = ""
    """Its number at arxiv.org; "" for a paper that is not there."""
    where: str = ""
    """The equation or section, where it is known."""

    def __str__(self) -> str:
        """E.g. ``DeepSeekMath (arXiv 2402.03300, Eq. 3)``."""
        place = ", ".join(
            part for part in (self.arxiv and f"arXiv {self.arxiv}", self.where) if part
        )
        return f"{self.title} ({place})" if place else self.title


REINFORCE = Paper("Williams 1992, Simple statistical gradient-following algorithms")
GRPO = Paper("DeepSeekMath: GRPO", "2402.03300", "Eq. 3")
GRPO_KL = Paper("DeepSeekMath: GRPO", "2402.03300", "Eq. 4")
DR_GRPO = Paper("Understanding R1-Zero-like training: Dr. GRPO", "2503.20783")
DAPO = Paper("DAPO", "2503.14476", "Eq. 8")
DAPO_OVERLONG = Paper("DAPO", "2503.14476", "Eq. 13")
GSPO = Paper("Group sequence policy optimization", "2507.18071", "Eq. 5-7")
GSPO_TOKEN = Paper("Group sequence policy optimization", "2507.18071", "Eq. 13")
CISPO = Paper("MiniMax-M1: CISPO", "2506.13585", "Eq. 4-5")
REC = Paper("Group-relative REINFORCE is secretly an off-policy algorithm", "2509.24203")
ASYMRE = Paper("Asymmetric REINFORCE for off-policy RL", "2506.20520")
TOPR = Paper("Tapered off-policy REINFORCE", "2503.14286")
BAPO = Paper("Balanced policy optimization with adaptive clipping", "2510.18927")
SAPO = Paper("Soft adaptive policy optimization", "2511.20347")
BNPO = Paper("Beta normalization policy optimization", "2506.02864")
NFT = Paper("Bridging supervised learning and RL: negative-aware fine-tuning", "2505.18116")
CHORD = Paper("On-policy RL meets off-policy experts: CHORD", "2508.11408")
COPG = Paper("Contrastive policy gradient", "2406.19185")
LP_REG = Paper("Low-probability tokens sustain exploration: Lp-Reg", "2510.03222")
GIGPO = Paper("Group-in-group policy optimization", "2505.10978")
D3S = Paper("Dynamic dual-level down-sampling", "2509.22115")
GHPO = Paper("Guided hybrid policy optimization", "2507.10628")
DPO = Paper("Direct preference optimization", "2305.18290", "Eq. 7")
AGENT_Q = Paper("Agent Q", "2408.07199")
CRAFT_GUI = Paper("CRAFT-GUI", "2508.11360")
