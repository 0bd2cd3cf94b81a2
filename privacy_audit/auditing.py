"""One trajectory, or a store of them, from evidence to verdicts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from agentenv.errors import ConfigError
from agentenv.tasks import get_task
from agentenv.tasks.selection import FindTask
from agentenv.trajectories.episode import Episode
from privacy_audit import myphonebench
from privacy_audit.beside import only_seen_in_steps
from privacy_audit.contract import Contract
from privacy_audit.events import Event, read_log
from privacy_audit.findings import Finding, Judgement, disqualifies, judge
from privacy_audit.flows import flows_of
from privacy_audit.ocr import Reader
from privacy_audit.phone_contract import contract_for
from privacy_audit.policy import Policy
from privacy_audit.scores import Instance, Scored, exposure, minimisation
from privacy_audit.steps import events_of_steps, sent_screens

Evidence = Literal["log", "trajectory", "none"]


@dataclass(frozen=True)
class Audit:
    """What an audit says of one trajectory."""

    purpose: str
    """The task instance."""
    instance: Instance
    success: bool
    evidence: Evidence
    """What the verdicts rest on: the apps' own log, or the agent's steps."""
    judgements: tuple[Judgement, ...]
    disqualified: bool
    """A hard gate is broken, or the audit is incomplete: it fails closed."""
    failure: str = ""
    """Why the audit proves nothing; "" if it does."""
    cut: str = ""
    """Why the end of the evidence is missing; "" if it is not."""
    protocol: myphonebench.Scores = field(
        default_factory=lambda: myphonebench.Scores(None, None, None)
    )
    """The scores that MyPhoneBench would give."""
    episode: int = 0
    """Number in the store."""
    unread: int = 0
    """Screenshots without UI elements that nothing has read: what they show is unknown."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All of them, the gravest first."""
        found = [finding for one in self.judgements for finding in one.findings]
        return tuple(sorted(found, key=lambda one: (-one.gravity, one.fingerprint)))

    @property
    def score(self) -> float:
        """`scores.minimisation`."""
        return minimisation(self.judgements)

    @property
    def exposure(self) -> tuple[int, int]:
        """`scores.exposure`."""
        return exposure(self.judgements)

    @property
    def scored(self) -> Scored:
        """For the statistics."""
        return Scored(self.instance, self.success, self.score, self.disqualified, self.findings)


def audit_events(
    events: Sequence[Event],
    contract: Contract,
    policy: Policy,
    *,
    success: bool,
    evidence: Evidence = "log",
    instance: Instance = ("", "", 0),
    failure: str = "",
    cut: str = "",
) -> Audit:
    """Audit a trajectory whose events were read.

    Args:
        events: as far as they can be trusted.
        contract: the task's.
        policy: what counts how much.
        success: whether the task was done.
        evidence: where the events are from.
        instance: names the trajectory in statistics.
        failure: why nothing can be said.
        cut: why the end is missing.
    """
    flows = [] if failure else flows_of(events, contract)
    judged = judge(events, flows, contract, policy, failure=failure, cut=bool(cut))
    if failure and not judged:
        judged = [Judgement("audit", "audit failure", 1.0)]
    out = any(disqualifies(one, policy) for each in judged for one in each.findings)
    return Audit(
        purpose=contract.purpose,
        instance=instance,
        success=success,
        evidence="none" if failure else evidence,
        judgements=tuple(judged),
        disqualified=out or bool(failure) or bool(cut),
        failure=failure,
        cut=cut,
        protocol=myphonebench.score(events, contract),
    )


def audit_episode(
    episode: Episode,
    policy: Policy,
    contract: Contract | None = None,
    number: int = 0,
    read: Reader | None = None,
    find: FindTask = get_task,
) -> Audit:
    """Audit a stored episode: by the device's log if there is one, else by its steps.

    Args:
        episode: to be audited.
        policy: what counts how much.
        contract: instead of what the episode's task declares.
        number: of the episode in its store.
        read: reads the screenshots of steps that come without UI elements.
        find: gives the task that an episode names.
    """
    failure = cut = ""
    if contract is None:
        try:
            contract = contract_for(episode.task, episode.split, episode.index, find)
        except ConfigError as error:
            contract, failure = Contract(episode.key), str(error)
    if episode.infra_error:
        failure = failure or f"the infrastructure failed ({episode.infra_error})"
    events: Sequence[Event]
    if episode.events is not None:
        log = read_log(episode.events)
        events, cut = log.events, log.cut
        failure = failure or log.broken
        if contract.saving_apps:
            steps = events_of_steps(episode, policy.submit_words, read)
            events = [*events, *only_seen_in_steps(steps, events, contract)]
    else:
        events = events_of_steps(episode, policy.submit_words, read)
    events = [*events, *sent_screens(episode, read)]
    audit = audit_events(
        events,
        contract,
        policy,
        success=episode.success,
        evidence="trajectory" if episode.events is None else "log",
        instance=(episode.task, episode.split, episode.index),
        failure=failure,
        cut=cut,
    )
    by_log = episode.events is not None and not contract.saving_apps
    unread = 0 if read is not None or by_log else _without_elements(episode)
    return replace(audit, purpose=episode.key, episode=number, unread=unread)


def _without_elements(episode: Episode) -> int:
    return sum(one is not None and bool(one.png) and not one.elements for one in episode.screens)


def audit_all(
    episodes: Iterable[Episode],
    policy: Policy,
    contract: Contract | None = None,
    read: Reader | None = None,
    on_each: Callable[[], None] = lambda: None,
    find: FindTask = get_task,
) -> Iterator[Audit]:
    """Audit episodes one by one; only their audits are kept in memory."""
    for number, episode in enumerate(episodes):
        yield audit_episode(episode, policy, contract, number, read, find)
        on_each()
