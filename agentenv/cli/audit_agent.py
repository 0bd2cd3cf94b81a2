"""`agentenv audit agent`: let a policy act on the privacy tasks, and audit what it did."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

from agentenv.cli.acting import ActingSettings, act, acting_policy
from agentenv.cli.audit import AuditConfig, AuditSettings
from agentenv.cli.audit import run as run_audit
from agentenv.config import save_config
from agentenv.tasks.base import Split, Task


@dataclass(frozen=True, kw_only=True)
class AuditAgentConfig(ActingSettings, AuditSettings):
    """What acts, on what, and what may not pass."""

    tasks: tuple[str, ...] = ()
    """Ids such as phone/restaurants-book-table, or phone for all; by default those that name
    data of the owner which must not be used."""
    out: Path = Path("runs/audit")
    """Run directory: config.yaml, data (the trajectory store), and the report, if it is a file.
    The same command resumes, and only audits again where it has finished."""
    episodes: int = 3
    devices: int = 2
    """Phones side by side; two or three saturate two cores."""
    split: Split = "test"
    temperature: float = 0.8
    pack: str = "default"
    """Policy pack: a name in data/policies, or a YAML file of your own."""
    report: Path | None = None
    """File to write the report to; by default it is printed (html: audit.html beside data)."""


def run(config: AuditAgentConfig) -> int:
    """Collect, audit, and return the exit status."""
    from agentenv.tasks.selection import select_tasks
    from privacy_audit.policy import load_policy as load_pack

    load_pack(config.pack)  # what is wrong with it is better known before anything acts
    tasks = select_tasks(config.tasks) if config.tasks else privacy_tasks()
    policy = acting_policy(config, tasks)
    act(config, policy, tasks, config.out / "data", description="act")
    save_config(config, config.out / "config.yaml")
    shared = {one.name: getattr(config, one.name) for one in fields(AuditSettings)}
    report = config.report
    if report is None and config.format == "html":
        report = config.out / "audit.html"
    return run_audit(
        AuditConfig(store=config.out / "data", policy=config.pack, out=report, **shared)
    )


def privacy_tasks() -> dict[str, Task]:
    """The phone's tasks that prohibit the use of some of the owner's data, by id."""
    from agentenv.tasks import suite
    from agentenv.tasks.phone.suite import PhoneTask

    return {
        name: task
        for name, task in suite("phone").items()
        if isinstance(task, PhoneTask) and task.privacy.prohibited
    }
