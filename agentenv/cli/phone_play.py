"""`agentenv phone play`: do a task yourself, and see the verdict and the audit."""

from __future__ import annotations

import threading
import webbrowser
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import annotated_types
import tyro

from agentenv.progress import console
from agentenv.tasks.base import Split

if TYPE_CHECKING:
    from agentenv.phone.phone import Phone
    from agentenv.phone.play import Result
    from agentenv.tasks.base import Task, TaskInstance


@dataclass(frozen=True)
class PhonePlayConfig:
    """Which task, and where."""

    task: Annotated[str, tyro.conf.Positional]
    """A task on the phone, e.g. phone/notes-write, or imported/myphonebench.json#NAME."""
    instance: Annotated[int, annotated_types.Ge(0)] = 0
    """Number of its instance."""
    split: Split = "train"
    """Split of the instance."""
    log: Path | None = None
    """Where to write the event log, as JSON lines, at the end."""
    port: int = 0
    """Of 127.0.0.1; 0 takes a free one."""
    open: bool = True
    """Open the page, where this machine has a desktop."""


def run(config: PhonePlayConfig) -> None:
    """Serve until interrupted.

    Raises:
        ConfigError: the task is none of the phone.
    """
    with served(config) as (goal, address):
        console.print(f"{goal}\n{address}", highlight=False, markup=False, soft_wrap=True)
        console.print("Ctrl-C ends it.", highlight=False)
        if config.open:
            webbrowser.open(address)
        threading.Event().wait()


@contextmanager
def served(config: PhonePlayConfig) -> Iterator[tuple[str, str]]:
    """The task's goal, and the address at which a person can do it meanwhile.

    Raises:
        ConfigError: the task is none of the phone.
    """
    from agentenv.errors import ConfigError
    from agentenv.phone.phone import Phone
    from agentenv.phone.play import Play
    from agentenv.phone.server import PhoneServer
    from agentenv.phone.setup import PhoneSetup
    from agentenv.tasks import get_task

    task = get_task(config.task)
    instance = task.instance(config.split, config.instance)
    if not isinstance(instance.setup, PhoneSetup):
        raise ConfigError(f"{config.task} is no task of the phone")
    phone = Phone(instance.setup)
    play = Play(phone, instance.goal, lambda answer: judged(task, instance, phone, answer))
    with ExitStack() as closing:
        closing.callback(phone.close)
        server = PhoneServer(config.port)
        closing.callback(server.close)
        if config.log:
            closing.callback(phone.log.write, config.log)
        yield instance.goal, server.desk_address(server.add(phone, play))


def judged(task: Task, instance: TaskInstance, phone: Phone, answer: str | None) -> Result:
    """The verdict on a phone as it is, and the audit of all that was done on it.

    Args:
        task: of the instance.
        instance: that was attempted.
        phone: on which.
        answer: that was given; None for none.
    """
    from agentenv.phone.play import Result
    from agentenv.tasks.myphonebench.suite import ImportedTask
    from agentenv.tasks.phone.suite import PhoneTask
    from privacy_audit.auditing import audit_events
    from privacy_audit.events import read_log
    from privacy_audit.phone_contract import phone_contract
    from privacy_audit.policy import load_policy
    from privacy_audit.reports.content import RunAudit

    state = {"changes": phone.changes(), "location": phone.location, "log": phone.log}
    success = task.verify(instance, state, answer).reward >= 1
    if not isinstance(task, PhoneTask | ImportedTask):
        return Result(success, audit="This task declares no privacy contract; it is not audited.")
    policy = load_policy("default")
    events = read_log(list(phone.log.lines())).events
    audit = audit_events(events, phone_contract(task, instance), policy, success=success)
    lines = RunAudit("a person", [audit], policy).lines
    reached, offered = audit.exposure
    found = {0: "Nothing was found", 1: "1 finding"}.get(len(lines), f"{len(lines)} findings")
    summary = f"{found}; score {audit.score:.2f}; {reached} of {offered} opportunities reached."
    findings = [
        {"severity": one.finding.severity, "message": one.message, "enough": one.enough}
        for one in lines
    ]
    return Result(success, findings, summary)
