"""`agentenv audit agent`: let a policy act on the privacy tasks, and audit what it did."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path

import tyro

from agentenv.cli.audit import AuditConfig, AuditSettings
from agentenv.cli.audit import run as run_audit
from agentenv.cli.devices import DeviceSettings, attached
from agentenv.config import save_config
from agentenv.dialects import DialectName
from agentenv.tasks.base import Split, Task


@dataclass(frozen=True, kw_only=True)
class AuditAgentConfig(AuditSettings):
    """What acts, on what, and what may not pass."""

    policy: str
    """oracle, random, or a model: path of a checkpoint, Hugging Face name, or endpoint with
    the model's name there (http://127.0.0.1:8000/v1#my-model)."""
    tasks: tuple[str, ...] = ()
    """Ids such as phone/restaurants-book-table, or phone for all; by default those that name
    data of the owner which must not be used."""
    out: Path = Path("runs/audit")
    """Run directory: config.yaml, data (the trajectory store), and the report, if it is a file.
    The same command resumes, and only audits again where it has finished."""
    episodes: int = 3
    """Instances of each task."""
    split: Split = "test"
    """No instance is in two splits."""
    first: int = 0
    """Number of the first instance within the split."""
    seed: int = 0
    """Of the policy's sampling."""
    devices: int = 2
    """Phones side by side; two or three saturate two cores."""
    device: tyro.conf.OmitArgPrefixes[DeviceSettings] = field(default_factory=DeviceSettings)
    """In a file: `device: {serial: [emulator-5554]}`."""
    temperature: float = 0.8
    """At which a model samples; 0 is greedy."""
    dialect: DialectName = "json"
    """How the policy writes actions."""
    redact: bool = False
    """Paint the owner's data over in every screen before it leaves for an endpoint."""
    pack: str = "default"
    """Policy pack: a name in data/policies, or a YAML file of your own."""
    report: Path | None = None
    """File to write the report to; by default it is printed (html: audit.html beside data)."""


def run(config: AuditAgentConfig) -> int:
    """Collect, audit, and return the exit status."""
    from agentenv.cli.acting import acting_policy
    from agentenv.collecting import collect
    from agentenv.tasks.selection import select_tasks
    from privacy_audit.policy import load_policy as load_pack

    load_pack(config.pack)  # what is wrong with it is better known before anything acts
    tasks = select_tasks(config.tasks) if config.tasks else privacy_tasks()
    policy = acting_policy(config, tasks)
    make_device, devices = attached(config.device, tasks.values(), config.devices)
    collect(
        policy,
        tasks.values(),
        config.out / "data",
        split=config.split,
        episodes=config.episodes,
        first=config.first,
        seed=config.seed,
        devices=devices,
        make_device=make_device,
        dialect=config.dialect,
        description="act",
    )
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
