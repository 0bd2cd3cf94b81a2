"""What came of an action, with types; arrays are for Gymnasium."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agentenv.actions import Action
from agentenv.observations import Observation


@dataclass(frozen=True)
class Transition:
    """What came of one action; the typed form of what `DeviceEnv.step` returns."""

    observation: Observation
    """After the action; the last good one if the infrastructure failed."""
    sent: Action | None
    """What the device really did; None if the action was refused."""
    reward: float
    """The verdict's when the episode terminates, else 0."""
    terminated: bool
    truncated: bool
    raw_reward: float | None = None
    """The environment's own number, where it has one."""
    info: Mapping[str, Any] = field(default_factory=dict)
    """What else the verifier tells."""
    infra_error: str = ""
    """Cause, if the infrastructure failed."""
    infra_message: str = ""
    """What happened then, in words."""
    blocked_requests: tuple[str, ...] = ()
    """Addresses that the task's network policy has blocked since the reset."""

    @property
    def success(self) -> bool:
        """The verifier gave the full reward."""
        return self.terminated and self.reward >= 1.0
