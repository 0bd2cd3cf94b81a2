"""`agentenv audit compare`: the privacy of two agents, on the instances that both tried."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from agentenv.errors import ConfigError
from agentenv.progress import console, track


@dataclass(frozen=True)
class AuditCompareConfig:
    """Which stores to compare."""

    first: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FIRST")]
    """Trajectory store of the one agent."""
    second: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="SECOND")]
    """Trajectory store of the other; differences are this one's less the first's."""
    policy: str = "default"
    """Policy pack: a name in data/policies, or a YAML file of your own."""
    contract: Path | None = None
    """As for `agentenv audit`."""
    tasks: tuple[Path, ...] = ()
    """As for `agentenv audit`."""
    ocr: bool = False
    """As for `agentenv audit`."""
    tau: float = 0.7
    """Threshold of privacy-qualified success."""
    seed: int = 0
    """Of the bootstrap, which draws whole tasks."""


def run(config: AuditCompareConfig) -> None:
    """Audit both and print the differences."""
    from privacy_audit.auditing import audit_all
    from privacy_audit.contract_file import read_contract
    from privacy_audit.imports import open_run, reader_for
    from privacy_audit.policy import load_policy
    from privacy_audit.reports.terminal import comparison_table
    from privacy_audit.scores import Scored, compare
    from privacy_audit.stored_tasks import find_tasks

    policy = load_policy(config.policy)
    contract = None if config.contract is None else read_contract(config.contract)

    def scored(path: Path) -> list[Scored]:
        _, store = open_run(path)
        read = reader_for(path) if config.ocr else None
        find = find_tasks(store, config.tasks)
        with track("audit", len(store)) as bar:
            audits = audit_all(store.episodes(), policy, contract, read, bar.advance, find)
            return [audit.scored for audit in audits]

    first, second = scored(config.first), scored(config.second)
    differences = compare(first, second, config.tau, seed=config.seed)
    if not differences[0].instances:
        raise ConfigError(f"{config.first} and {config.second} share no instance")
    console.print(comparison_table(differences, config.first.name, config.second.name))
    one = differences[0]
    console.print(
        f"{one.instances} instances of {one.tasks} tasks that both tried; {one.unpaired} left out",
        highlight=False,
    )
