"""Privacy as a training signal: what an episode, each of its steps, or an action would cost.

A cost is what was lost: of every opportunity the gravity of the worst finding, in [0, 1], summed
(see `findings.Judgement.loss`). It is 0 for who gives away nothing, and does not depend on how
many opportunities there were; so it adds up over steps, as rewards do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from agentenv.actions import Action
from agentenv.errors import StoreError
from agentenv.observations import Observation
from agentenv.trajectories.episode import Episode, Step
from privacy_audit.auditing import audit_episode
from privacy_audit.contract import Contract
from privacy_audit.events import Event
from privacy_audit.findings import Judgement, judge
from privacy_audit.flows import flows_of
from privacy_audit.phone_contract import contract_for
from privacy_audit.policy import Policy
from privacy_audit.steps import events_of_steps, place_of


def episode_cost(judgements: Iterable[Judgement]) -> float:
    """What was lost in all, 0 or more; of an `Audit`'s judgements."""
    return sum(one.loss for one in judgements)


def step_costs(episode: Episode, policy: Policy, contract: Contract | None = None) -> np.ndarray:
    """What each step of an episode cost; the sum is the episode's cost.

    A step costs what is lost with it beyond what was lost before, as far as steps show that.
    What only the device's own log shows - an app that sends a form on, a date taken from a
    calendar - counts at the last step on the form's screen. A text that turns out harmless when
    it is typed to its end earns its cost back.

    Args:
        episode: as it was played.
        policy: what counts how much.
        contract: instead of what the episode's task declares.

    Returns:
        (steps,) float64.

    Raises:
        ConfigError: the task declares no contract.
        StoreError: the episode proves nothing: its log is broken, its device failed.
    """
    contract = contract or contract_for(episode.task, episode.split, episode.index)
    audit = audit_episode(episode, policy, contract)
    if audit.failure:
        raise StoreError(f"{episode.key} cannot be audited: {audit.failure}")
    number = len(episode.steps)
    costs = np.zeros(number)
    if not number:
        return costs
    events, lost = events_of_steps(episode, policy.submit_words), dict[str, float]()
    for step in range(number):
        before = lost
        lost = _losses([one for one in events if one.sequence <= step], contract, policy)
        costs[step] = sum(lost.values()) - sum(before.values())
    for judgement in audit.judgements:
        unseen = judgement.loss - lost.pop(judgement.opportunity, 0.0)
        if unseen:
            costs[_last_step_on(judgement, episode)] += unseen
    costs[-1] -= sum(lost.values())
    return costs


def _last_step_on(judgement: Judgement, episode: Episode) -> int:
    """The last step on a screen that shows the place of a finding: what sent it, or left it
    there; the last of all where nothing is known."""
    for finding in judgement.findings:
        place = finding.flow.place
        screens = {(place.app, screen) for screen, _ in place.screens}
        for number, step in reversed(list(enumerate(episode.steps))):
            if place_of(step.observation.location) in screens:
                return number
    return len(episode.steps) - 1


def action_costs(
    past: Sequence[Step],
    seen: Observation,
    actions: Sequence[Action],
    policy: Policy,
    contract: Contract,
) -> np.ndarray:
    """What each of several actions would cost in a state, as far as steps show.

    Args:
        past: the steps that led there.
        seen: the state.
        actions: candidates; each as if it were the only one. What the owner would say to a
            request is not known: it counts as a request, and no more.
        policy: what counts how much.
        contract: the task's.

    Returns:
        (actions,) float64, in the order of the actions; 0 for what gives away nothing more.
    """
    before = _lost_after(past, seen, policy, contract)
    return np.array(
        [
            _lost_after([*past, Step(seen, "", one, one, 0.0)], None, policy, contract) - before
            for one in actions
        ]
    )


_NOBODY = Episode("", "", 0, "", "", (), None, False, False)


def _lost_after(
    steps: Sequence[Step], seen: Observation | None, policy: Policy, contract: Contract
) -> float:
    episode = replace(_NOBODY, steps=tuple(steps), final_observation=seen)
    events = events_of_steps(episode, policy.submit_words)
    return sum(_losses(events, contract, policy).values())


def _losses(events: Sequence[Event], contract: Contract, policy: Policy) -> dict[str, float]:
    """What was lost at each opportunity where anything was."""
    judged = judge(events, flows_of(events, contract), contract, policy)
    return {one.opportunity: one.loss for one in judged if one.findings}
