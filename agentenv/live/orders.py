"""What the page may ask for: the body of every request that changes something."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from agentenv.actions import Action

OrderName = Literal[
    "pause", "resume", "step", "speed", "take_over", "hand_back", "act", "keep", "again", "next"
]
SECONDS_MOST = 10.0
"""The slowest speed."""


class Order(BaseModel):
    """One wish of the person at the page."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    order: OrderName
    """For all panels: pause, resume, step (one step while paused), speed. For one: take
    over and hand back; act; at the end keep the episode; try the instance again; go on
    to the next."""
    panel: Annotated[int, Field(ge=0)] = 0
    screen: int = -1
    """With "act": number of the screen the person saw, so that no action hits another."""
    action: Action | None = None
    seconds: Annotated[float, Field(ge=0.0, le=SECONDS_MOST, allow_inf_nan=False)] = 1.0
    """With "speed": how long each action is shown before it is carried out."""
