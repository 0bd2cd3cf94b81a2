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
    """Check it, and say what it holds and what of that is another pack's."""
    from privacy_audit.policy import load_pack
    from privacy_audit.reports.inherited import inherited_table

    pack = load_pack(config.pack)
    policy = pack.policy
    console.print(
        f"{policy.id} {policy.version}: {len(policy.classes)} classes of data, "
        f"{len(policy.rules)} rules, {len(policy.controls)} controls",
        highlight=False,
    )
    if pack.base is not None:
        base = pack.base.policy
        console.print(f"extends {base.id} {base.version}", highlight=False)
        console.print(inherited_table(pack))
