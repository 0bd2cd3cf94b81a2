"""What a policy is: histories in, decisions out, a batch at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from agentenv.actions import Action
from agentenv.observations import Bounds, Observation


@dataclass(frozen=True)
class Turn:
    """One past step as the policy knows it."""

    observation: Observation
    text: str
    """What the policy said."""


@dataclass(frozen=True)
class History:
    """Everything a policy may look at before it decides."""

    observation: Observation
    """The current one."""
    turns: tuple[Turn, ...] = ()
    """Earlier ones, oldest first."""
    instance: str = ""
    """`TaskInstance.key`; scripted policies look it up, learned ones must not."""


@dataclass(frozen=True)
class Hidden:
    """Something that was painted over."""

    what: str
    """The item or kind of data, never its value."""
    bounds: Bounds


@dataclass(frozen=True)
class Egress:
    """A screen that left this machine, so that a model elsewhere could see it."""

    recipient: str
    """The host that it went to."""
    image: str
    """SHA-256 of the image as it was sent (PNG); "" if none was."""
    hidden: tuple[Hidden, ...] = ()
    """What was painted over, and taken from the elements, before."""


@dataclass(frozen=True)
class Decision:
    """What a policy says for one history."""

    text: str
    """The output as it was generated."""
    action: Action
    """`text` parsed in the policy's dialect; possibly `Invalid`."""
    token_ids: tuple[int, ...] = ()
    log_probs: tuple[float, ...] = ()
    """Of each token of `token_ids` at sampling time, natural logarithm, under the
    distribution that was sampled from (temperature included)."""
    egress: Egress | None = None
    """What left this machine to decide it; None if nothing did."""


class Policy(Protocol):
    """Anything that acts."""

    name: str
    version: str
    """Changes whenever the behaviour can change; stored with every step."""

    def act(self, histories: Sequence[History]) -> list[Decision]:
        """One decision for each history, in order."""
        ...
