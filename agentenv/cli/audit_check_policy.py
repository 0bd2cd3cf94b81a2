"""`agentenv audit check-policy`: whether a policy pack is right, and where it is not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from agentenv.progress import console


@dataclass(frozen=True)
class AuditCheckPolicyConfig:
    """Which pack."""

    pack: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="PACK")]
    """YAML file, or the name of a pack in data/policies."""


def run(config: AuditCheckPolicyConfig) -> None:
    """Check it and say what it holds."""
    from privacy_audit.policy import load_policy

    policy = load_policy(config.pack)
    console.print(
        f"{policy.id} {policy.version}: {len(policy.classes)} classes of data, "
        f"{len(policy.rules)} rules, {len(policy.controls)} controls",
        highlight=False,
    )
