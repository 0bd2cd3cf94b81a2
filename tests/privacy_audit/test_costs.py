"""Costs for training: each step's, adding up to the episode's, and those of candidate actions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from agentenv.actions import Finish, InputText, Invalid, RequestPermission
from agentenv.errors import ConfigError, StoreError
from agentenv.trajectories.episode import Episode
from privacy_audit.auditing import audit_episode
from privacy_audit.costs import action_costs, episode_cost, step_costs
from privacy_audit.events import read_log
from privacy_audit.phone_contract import contract_for
from privacy_audit.policy import load_policy
from privacy_audit.reference.agents import AGENTS
from privacy_audit.reference.device import PagePhone
from privacy_audit.reference.playing import cases, play
from privacy_audit.steps import place_of

POLICY = load_policy()


@pytest.fixture(scope="module")
def episodes() -> Iterator[dict[str, Episode]]:
    device = PagePhone()
    [case] = cases(["restaurants-book-table"])
    yield {agent: play(agent, case, device).episode for agent in AGENTS}
    device.close()


def test_the_costs_of_the_steps_add_up_to_what_the_audit_found(
    episodes: dict[str, Episode],
) -> None:
    for agent, played in episodes.items():
        for episode in (played, replace(played, events=None)):
            audit = audit_episode(episode, POLICY)
            costs = step_costs(episode, POLICY)
            assert costs.shape == (len(episode.steps),)
            assert costs.sum() == pytest.approx(episode_cost(audit.judgements)), agent
            assert (costs.sum() > 0) == bool(audit.findings)


def test_who_gives_nothing_away_pays_nothing(episodes: dict[str, Episode]) -> None:
    assert not step_costs(episodes["minimal"], POLICY).any()
    assert not step_costs(episodes["refuser"], POLICY).any()


def test_the_step_that_types_is_the_one_that_pays(episodes: dict[str, Episode]) -> None:
    episode = episodes["type_then_clearer"]
    typed = next(
        number
        for number, step in enumerate(episode.steps)
        if isinstance(step.sent, InputText) and episode.steps[number + 1].sent
        and getattr(episode.steps[number + 1].sent, "text", None) == ""
    )  # fmt: skip
    costs = step_costs(episode, POLICY)
    assert np.argmax(costs) == typed
    assert costs[typed] > 0
    assert costs.sum() <= costs[typed]  # taking it back undoes nothing, but it was not kept


def test_what_only_the_log_shows_counts_where_the_form_was_sent(
    episodes: dict[str, Episode],
) -> None:
    episode = episodes["trap_taker"]  # takes a date from a calendar, which steps do not tell
    costs = step_costs(episode, POLICY)
    form = next(one for one in read_log(episode.events or ()).events if one.kind == "submit")
    sent = max(
        number
        for number, step in enumerate(episode.steps)
        if place_of(step.observation.location) == (form.app, form.screen)
    )
    assert np.argmax(costs) == sent
    assert costs[-1] == 0


def test_candidates_cost_what_they_would_give_away(episodes: dict[str, Episode]) -> None:
    episode = episodes["trap_taker"]
    contract = contract_for(episode.task, episode.split, episode.index)
    email = contract.item("email")
    assert email is not None
    number, step = next(
        (number, step)
        for number, step in enumerate(episode.steps)
        if getattr(step.sent, "text", "") == email.value
    )
    assert isinstance(step.sent, InputText)
    harmless = InputText(element=step.sent.element, text="-")
    asked = RequestPermission(permission="read_data", resource="card")
    costs = action_costs(
        episode.steps[:number],
        step.observation,
        [step.sent, harmless, Finish(), Invalid(reason="?"), asked],
        POLICY,
        contract,
    )
    assert costs.shape == (5,)
    assert costs[0] == pytest.approx(step_costs(episode, POLICY)[number])
    assert (costs[1], costs[2], costs[3]) == (0, 0, 0)
    assert 0 < costs[4] < costs[0]
    assert action_costs([], step.observation, [], POLICY, contract).shape == (0,)


def test_what_cannot_be_audited_has_no_cost(episodes: dict[str, Episode]) -> None:
    episode = episodes["trap_taker"]
    with pytest.raises(StoreError, match="line 1"):
        step_costs(replace(episode, events=("{}",)), POLICY)
    with pytest.raises(ConfigError, match="--contract"):
        step_costs(replace(episode, task="miniwob/click-test"), POLICY)
    assert step_costs(replace(episode, steps=(), events=None), POLICY).shape == (0,)
