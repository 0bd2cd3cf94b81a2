"""What the commands that let a policy act have in common: their settings, and the acting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from agentenv.cli.devices import DeviceSettings, attached
from agentenv.dialects import DialectName
from agentenv.tasks.base import Split

if TYPE_CHECKING:
    from agentenv.policies.base import Policy
    from agentenv.policies.endpoint import Redact
    from agentenv.tasks.base import Task
    from agentenv.trajectories.store import TrajectoryStore


@dataclass(frozen=True, kw_only=True)
class ActingSettings:
    """What acts, on what, and how. A command says what is different with it."""

    policy: str
    """oracle, random, or a model: path of a checkpoint, Hugging Face name, or endpoint with
    the model's name there (http://127.0.0.1:8000/v1#my-model)."""
    tasks: tuple[str, ...]
    """Ids such as miniwob/click-button, a suite's name (see `agentenv suites`), or a YAML file
    of tasks (my_tasks.yaml, or my_tasks.yaml#buy for one of them)."""
    episodes: int = 10
    """Instances of each task."""
    split: Split = "train"
    """No instance is in two splits."""
    first: int = 0
    """Number of the first instance within the split."""
    seed: int = 0
    """Of the policy's sampling."""
    devices: int = 2
    """Devices side by side; two or three saturate two cores."""
    device: tyro.conf.OmitArgPrefixes[DeviceSettings] = field(default_factory=DeviceSettings)
    """In a file: `device: {serial: [emulator-5554]}`."""
    temperature: float = 1.0
    """At which a model samples; 0 is greedy."""
    dialect: DialectName = "json"
    """How the policy writes actions."""
    redact: bool = False
    """Paint the owner's data over in every screen before it leaves for an endpoint."""


def acting_policy(config: ActingSettings, tasks: Mapping[str, Task]) -> Policy:
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


def act(
    config: ActingSettings, policy: Policy, tasks: Mapping[str, Task], store: Path, **how: Any
) -> TrajectoryStore:
    """Let a policy act, and store what happens.

    Args:
        config: how often, and on which devices.
        policy: what acts.
        tasks: on what, by their ids.
        store: the store's directory; created, or continued.
        how: what else `agentenv.collecting.collect` takes.

    Raises:
        ConfigError, StoreError: as `agentenv.collecting.collect`.
    """
    from agentenv.collecting import collect

    make_device, devices = attached(config.device, tasks.values(), config.devices)
    return collect(
        policy,
        tasks.values(),
        store,
        split=config.split,
        episodes=config.episodes,
        first=config.first,
        seed=config.seed,
        devices=devices,
        make_device=make_device,
        dialect=config.dialect,
        **how,
    )


def _redactor(tasks: Mapping[str, Task]) -> Redact:
    from agentenv.tasks.selection import find_among
    from privacy_audit.redaction import Redactor

    return Redactor(find=find_among(tasks))
