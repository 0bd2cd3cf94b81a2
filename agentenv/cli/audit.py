"""`agentenv audit`: what personal data the trajectories of a store exposed, and a gate on it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from agentenv.errors import ConfigError
from agentenv.progress import console, error_console, track

if TYPE_CHECKING:
    from agentenv.tasks.selection import FindTask
    from privacy_audit.contract import Contract
    from privacy_audit.imports import Run
    from privacy_audit.ocr import Reader
    from privacy_audit.reports.content import RunAudit
    from privacy_audit.waivers import Gate

FAILED = 1


@dataclass(frozen=True, kw_only=True)
class AuditSettings:
    """What every audit is asked."""

    format: Literal["table", "json", "sarif", "junit", "html"] = "table"
    """Of the report."""
    protocol: Literal["agentenv", "myphonebench"] = "agentenv"
    """Whose scores the table shows."""
    tau: float = 0.7
    """Threshold on the privacy score for privacy-qualified success."""
    fail_on: Literal["note", "low", "medium", "high", "critical"] | None = None
    """Exit with status 1 if a new finding is of this severity or worse, or an audit fails."""
    baseline: Path | None = None
    """JSON report of an earlier audit: its findings are known and do not fail."""
    waivers: Path | None = None
    """YAML list of findings to bear with, each with owner, reason and expires."""
    show_values: bool = False
    """Show the values found; by default they are masked."""
    ocr: bool = False
    """Read the screenshots of trajectories that come without UI elements and event log, about a
    second for each on one core (extra `ocr`)."""
    limit: int = 20
    """Kinds of findings in the table at most; 0 shows all."""

    def __post_init__(self) -> None:
        """Refuse what would fail only after the trajectories were made."""
        if not 0 <= self.tau <= 1:
            raise ConfigError(f"--tau is a score from 0 to 1, not {self.tau:g}")


@dataclass(frozen=True, kw_only=True)
class AuditConfig(AuditSettings):
    """What to audit, by which rules, and what may not pass."""

    store: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="STORE")]
    """Directory of a trajectory store, as `agentenv collect` writes it; or trajectories of another
    tool, as JSON lines with PNG files: a file or a folder of them (see `privacy_audit.imports`)."""
    out: Path | None = None
    """File to write the report to; by default it is printed (html: audit.html in the store)."""
    policy: str = "default"
    """Policy pack: a name in data/policies, or a YAML file of your own."""
    contract: Path | None = None
    """YAML file with the owner's data and what the task may do with it, for tasks that declare
    no contract of their own."""
    tasks: tuple[Path, ...] = ()
    """Suites that `agentenv import` wrote, with the tasks of the trajectories; by default those
    that the store says its tasks came from."""


def run(config: AuditConfig) -> int:
    """Audit, report, and return the exit status."""
    from privacy_audit.auditing import audit_all
    from privacy_audit.contract_file import read_contract
    from privacy_audit.imports import open_run, reader_for
    from privacy_audit.policy import load_policy
    from privacy_audit.reports.content import RunAudit
    from privacy_audit.stored_tasks import find_tasks

    policy, gate = load_policy(config.policy), _gate(config)
    contract = None if config.contract is None else read_contract(config.contract)
    name, store = open_run(config.store)
    read = reader_for(config.store) if config.ocr else None
    find = find_tasks(store, config.tasks)
    with track("audit", len(store)) as bar:
        audits = list(audit_all(store.episodes(), policy, contract, read, bar.advance, find))
    audited = RunAudit(name, audits, policy, gate, config.tau, config.show_values)
    _report(audited, config, store, contract, read, find)
    reasons = [] if config.fail_on is None else gate.reasons(audits, config.fail_on)
    for reason in reasons:
        error_console.print(f"[red]the gate is closed:[/red] {reason}", highlight=False)
    return FAILED if reasons else 0


def _gate(config: AuditConfig) -> Gate:
    from privacy_audit.waivers import Gate, read_baseline, read_waivers

    gate = Gate(
        read_waivers(config.waivers) if config.waivers else (),
        read_baseline(config.baseline) if config.baseline else frozenset(),
        datetime.now(UTC).date(),
    )
    for waiver in gate.expired():
        error_console.print(
            f"[yellow]a waiver of {waiver.owner} expired on {waiver.expires}[/yellow]"
        )
    return gate


def _report(
    audited: RunAudit,
    config: AuditConfig,
    store: Run,
    contract: Contract | None,
    read: Reader | None,
    find: FindTask,
) -> None:
    from agentenv.trajectories.durable import write_durably
    from privacy_audit.reports import WRITERS
    from privacy_audit.reports.terminal import print_audit, print_protocol

    if config.format == "table":
        if config.protocol == "myphonebench":
            print_protocol(audited, console)
        else:
            print_audit(audited, console, config.limit)
        return
    if config.format == "html":
        audited = _with_pictures(audited, store, contract, read, find)
    text = WRITERS[config.format](audited)
    folder = config.store if config.store.is_dir() else config.store.parent
    out = config.out or (folder / "audit.html" if config.format == "html" else None)
    if out is None:
        console.file.write(text)
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    write_durably(out, text.encode("utf-8", "replace"))
    error_console.print(f"audit: {out}", soft_wrap=True, highlight=False)


def _with_pictures(
    audited: RunAudit,
    store: Run,
    contract: Contract | None,
    read: Reader | None,
    find: FindTask,
) -> RunAudit:
    """The same with the screens of the gravest findings."""
    from privacy_audit.phone_contract import contract_for
    from privacy_audit.reports.page import MOST_PICTURES
    from privacy_audit.reports.pictures import picture_of

    pictures = {}
    for line in sorted(audited.lines[:MOST_PICTURES], key=lambda one: one.audit.episode):
        episode = store.episode(line.audit.episode)
        own = contract or contract_for(episode.task, episode.split, episode.index, find)
        picture = picture_of(episode, line.finding, own, show_values=audited.show_values, read=read)
        if picture is not None:
            pictures[line.audit.episode, line.finding.fingerprint] = picture
    return replace(audited, pictures=pictures)
