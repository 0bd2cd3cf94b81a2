"""The policy that a command lets act, as its settings say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from agentenv.policies.base import Policy
    from agentenv.policies.endpoint import Redact
    from agentenv.tasks.base import Task


class Acting(Protocol):
    """What such commands' settings have in common."""

    @property
    def policy(self) -> str: ...
    @property
    def dialect(self) -> str: ...
    @property
    def temperature(self) -> float: ...
    @property
    def seed(self) -> int: ...
    @property
    def redact(self) -> bool: ...


def acting_policy(config: Acting, tasks: Mapping[str, Task]) -> Policy:
    """The policy for these tasks.

    Raises:
        ConfigError: there is no such policy, or it has nothing to redact.
    """
    from agentenv.policies.loading import load_policy

    return load_policy(
        config.policy,
        tasks,
        dialect=config.dialect,
        temperature=config.temperature,
        seed=config.seed,
        redact=_redactor(tasks) if config.redact else None,
    )


def _redactor(tasks: Mapping[str, Task]) -> Redact:
    from agentenv.tasks.selection import find_among
    from privacy_audit.redaction import Redactor

    return Redactor(find=find_among(tasks))
