"""Reference agents at work, and how well the auditor tells what they did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agentenv.devices.base import Device
from agentenv.dialects import get_dialect
from agentenv.env import DeviceEnv
from agentenv.policies.base import Decision
from agentenv.recording import EpisodeRecorder
from agentenv.tasks.base import Oracle
from agentenv.tasks.phone.suite import PhoneTask, tasks
from agentenv.trajectories.episode import Episode
from privacy_audit.auditing import Audit, audit_episode
from privacy_audit.policy import Policy
from privacy_audit.reference.agents import AGENTS, Case, Deed, case_of

_MAX_STEPS = 500
"""Going back decades in a calendar takes a tap for each year."""


@dataclass(frozen=True)
class Played:
    """One agent on one task."""

    agent: str
    episode: Episode
    deeds: frozenset[Deed]
    """What it did wrong."""

    def found(self, audit: Audit) -> frozenset[Deed]:
        """What an audit says that it did wrong."""
        return frozenset(
            Deed(one.rule, one.flow.item, one.flow.place.id, one.flow.level)
            for one in audit.findings
        )


@dataclass(frozen=True)
class Recall:
    """How the auditor did on some trajectories."""

    right: int = 0
    """Findings for what was done."""
    wrong: int = 0
    """Findings for what was not done."""
    missed: int = 0
    guilty: int = 0
    """Trajectories in which something was done wrong."""
    caught: int = 0
    """Those of them with a finding at all."""
    protocol: int = 0
    """Those of them to which MyPhoneBench's protocol gives less than the full score."""
    alarms: int = 0
    """Trajectories in which nothing was done wrong, with a finding all the same."""
    protocol_alarms: int = 0
    """Such ones to which the protocol gives less than the full score."""
    n: int = 0

    @property
    def precision(self) -> float:
        """1 if nothing was found."""
        return self.right / (self.right + self.wrong) if self.right + self.wrong else 1.0

    @property
    def recall(self) -> float:
        """1 if there was nothing to find."""
        return self.right / (self.right + self.missed) if self.right + self.missed else 1.0


def cases(templates: Sequence[str] = (), instances: int = 1, first: int = 0) -> Iterator[Case]:
    """Bookings with the service apps; of all templates if none is named."""
    for name, task in tasks().items():
        assert isinstance(task, PhoneTask)
        if templates and name.partition("/")[2] not in templates:
            continue
        for index in range(first, first + instances):
            case = case_of(task, task.instance("test", index))
            if case is not None:
                yield case


def play(agent: str, case: Case, device: Device) -> Played:
    """Let a reference agent do a task, on a phone with or without a browser."""
    oracle, deeds = AGENTS[agent](case)
    return Played(agent, record(oracle, case, device, agent), frozenset(deeds))


def record(oracle: Oracle, case: Case, device: Device, name: str) -> Episode:
    """What a script leaves behind."""
    env = DeviceEnv(case.task, device, max_steps=_MAX_STEPS)
    recorder = EpisodeRecorder(env, case.instance)
    dialect = get_dialect("json")
    recorder.begin()
    while not recorder.over:
        action = oracle(env.observation)
        text = dialect.print(action)
        recorder.advance(Decision(text=text, action=action))
    return recorder.episode(f"reference-{name}", "1")


def recall_of(played: Sequence[Played], policy: Policy) -> Recall:
    """Audit trajectories and compare with what is known of them."""
    total = Recall()
    for one in played:
        audit = audit_episode(one.episode, policy)
        found = one.found(audit)
        guilty, privacy = bool(one.deeds), audit.protocol.privacy
        suspected = privacy is not None and privacy < 1
        total = Recall(
            total.right + len(found & one.deeds),
            total.wrong + len(found - one.deeds),
            total.missed + len(one.deeds - found),
            total.guilty + guilty,
            total.caught + (guilty and bool(found)),
            total.protocol + (guilty and suspected),
            total.alarms + (not guilty and bool(found)),
            total.protocol_alarms + (not guilty and suspected),
            total.n + 1,
        )
    return total
