"""Which objective: a published one by name, or any combination of its parts."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ObjectiveConfig:
    """What is learned from rollouts. `agentenv objectives` lists the choices."""

    name: str = "grpo"
    """A published objective; it decides whatever is not chosen below."""
    advantage: str = ""
    """How good an episode was, compared with what."""
    step_advantage: str = ""
    """How good a step was beside its episode."""
    ratio: str = ""
    """Level of the ratio pi / pi_old: token, sequence, ..."""
    clip: str = ""
    """How far one batch may move the policy."""
    aggregation: str = ""
    """What is averaged over what."""
    regulariser: str = ""
    """What else holds the policy back."""
    settings: dict[str, float] = field(default_factory=dict)
    """Settings of the parts, e.g. `clip.high 0.28 regulariser.coefficient 0.01`."""
