"""Digi-Q that gives away less: what the audit finds is taken off rewards, or candidates' values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from agentenv.actions import Action, InputText, Wait
from agentenv.dialects import get_dialect
from agentenv.errors import ConfigError
from agentenv.tasks.selection import select_tasks
from agentenv.trajectories.episode import Episode
from agentenv.trajectories.store import TrajectoryStore
from privacy_audit.auditing import audit_episode
from privacy_audit.costs import episode_cost
from privacy_audit.policy import load_policy
from privacy_audit.reference.device import PagePhone
from privacy_audit.reference.playing import cases, play
from tests.privacy_audit.test_audit_imported import TakesTheOffer, stored
from tests.tasks.kennels import import_kennels
from trainers.digiq.candidates import Candidates
from trainers.digiq.config import DigiQConfig, PrivacySettings
from trainers.digiq.critic import evaluate
from trainers.digiq.critic_config import CriticConfig
from trainers.digiq.extraction import BestOfN
from trainers.digiq.features import CANDIDATE_NUMBERS, FrozenStates
from trainers.digiq.inputs import StageInputs
from trainers.digiq.pipeline import DigiQ
from trainers.digiq.privacy import auditor_of, candidate_costs, costed_transitions, logged_costs
from trainers.digiq.td import train_critic
from trainers.digiq.transitions import TransitionFeatures, lay_out
from trainers.digiq.values import rule_in_words
from trainers.privacy import Auditor

JSON = get_dialect("json")
AUDITOR = Auditor(select_tasks(("phone/restaurants-book-table",)), "default", "privacy.rewards")


@pytest.fixture(scope="module")
def episode() -> Iterator[Episode]:
    """An agent that fills fields which its task does not need."""
    device = PagePhone()
    [case] = cases(["restaurants-book-table"])
    yield play("over_filler", case, device).episode
    device.close()


def candidates_of(episode: Episode) -> list[Candidates]:
    """The logged action; a text that says nothing, or doing nothing; no action."""
    rows = []
    for step in episode.steps:
        assert step.sent is not None
        other: Action = Wait()
        if isinstance(step.sent, InputText):
            other = step.sent.model_copy(update={"text": "-"})
        rows.append(Candidates((JSON.print(step.sent), JSON.print(other), "no action"), (0.0,) * 3))
    return rows


def test_a_needless_value_costs_and_is_not_imitated(episode: Episode) -> None:
    costs = candidate_costs([episode], candidates_of(episode), JSON, AUDITOR)
    assert costs.shape == (len(episode.steps), 3)
    assert (costs[:, 1:] == 0).all()
    costly = costs[:, 0] > 0
    assert costly.any()
    assert not costly.all()

    states = len(costs)
    features = TransitionFeatures(
        state_features=torch.zeros(states, 1),
        candidate_features=torch.zeros(states, 3, 1),
        candidate_geometry=torch.zeros(states, 3, 1),
        candidate_valid=torch.tensor([True, True, False]).expand(states, 3),
        rewards=torch.zeros(states),
        final_state_features=torch.zeros(0, 1),
        candidate_costs=costs,
        **vars(lay_out([states], [True])),
    )
    q, v = torch.tensor([0.6, 0.5, 0.0]).expand(1, states, 3), torch.zeros(1, states)
    assert BestOfN().choose(q, v, features)[0].tolist() == [0] * states
    slots, keep = BestOfN(privacy=10.0).choose(q, v, features)
    assert slots.tolist() == costly.long().tolist()  # the value left out where it was too much
    assert keep.all()


def test_the_logged_actions_pay_what_the_episode_cost(episode: Episode) -> None:
    states = len(episode.steps)
    rows = candidates_of(episode)
    frozen = FrozenStates(
        candidates=rows,
        state_features=torch.zeros(states, 1),
        candidate_features=torch.zeros(states, 3, 1),
        scores=torch.zeros(states, 3, 2),
        final_features=torch.zeros(0, 1),
    )
    free = costed_transitions([episode], frozen, JSON, PrivacySettings(), None)
    assert free.prices is None
    priced = DigiQConfig(("phone/restaurants-book-table",), "b", privacy=PrivacySettings(2.0))
    paid = costed_transitions([episode], frozen, JSON, priced.privacy, auditor_of(priced))
    costs = logged_costs([episode], AUDITOR)
    policy = load_policy("default")
    assert costs.sum() == pytest.approx(episode_cost(audit_episode(episode, policy).judgements))
    assert costs.sum() > 0
    assert paid.rewards.tolist() == pytest.approx((free.rewards - 2 * costs).tolist())
    assert paid.candidate_costs is None
    assert paid.candidate_geometry.shape == (states, 3, CANDIDATE_NUMBERS)
    assert torch.equal(paid.succeeded, free.succeeded)  # a price makes nothing a failure
    assert free.succeeded.all()


def test_what_only_leads_to_giving_away_is_worth_less() -> None:
    """Two ways to succeed, of two steps each: the second step of one gives a datum away.

    With discount 0.9 and price 0.5, the first steps are worth 0.9 and 0.9 (1 - 0.5).
    """
    pairs = 40
    start, spared, read = torch.eye(3)
    features = TransitionFeatures(
        state_features=torch.stack([start, spared, start, read]).repeat(pairs, 1),
        candidate_features=torch.tensor(
            [[[0.0], [1.0]], [[0.0], [0.0]], [[1.0], [0.0]], [[0.0], [0.0]]]
        ).repeat(pairs, 1, 1),
        candidate_geometry=torch.zeros(4 * pairs, 2, 1),
        candidate_valid=torch.tensor([[True, True], [True, False]]).repeat(2 * pairs, 1),
        rewards=torch.tensor([0.0, 1.0, 0.0, 0.5]).repeat(pairs),
        prices=torch.tensor([0.0, 0.0, 0.0, 0.5]).repeat(pairs),
        final_state_features=torch.zeros(0, 3),
        **vars(lay_out([2] * 2 * pairs, [True] * 2 * pairs)),
    )
    assert features.succeeded.all()
    config = CriticConfig(
        gamma=0.9, lr=0.01, weight_decay=0.0, dropout=0.0, hidden=32, steps=400, validation_share=0
    )
    critic, _ = train_critic(features, config)
    q, v = evaluate(critic, features, torch.arange(4))
    assert q.mean(dim=0)[0].tolist() == pytest.approx([0.9, 0.45], abs=0.03)
    assert v.mean(dim=0)[[1, 3]].tolist() == pytest.approx([1.0, 0.5], abs=0.03)
    q, v = evaluate(critic, features)
    slots, _ = BestOfN().choose(q, v, features)
    assert slots[::4].eq(0).all()
    assert slots[2::4].eq(1).all()  # what was logged there reads what it need not


def test_prices_that_cannot_be_learned_are_refused() -> None:
    with pytest.raises(ConfigError, match="0 or more"):
        PrivacySettings(candidates=-1.0)
    hlgauss = CriticConfig(critic="hlgauss")
    with pytest.raises(ConfigError, match=r"hlgauss.*--privacy\.candidates"):
        DigiQConfig(("phone",), "b", critic=hlgauss, privacy=PrivacySettings(rewards=1.0))


def test_a_task_without_a_contract_is_refused(episode: Episode) -> None:
    other = replace(episode, task="miniwob/click-test")
    with pytest.raises(ConfigError, match="contract"):
        candidate_costs([other], candidates_of(episode), JSON, AUDITOR)
    with pytest.raises(ConfigError, match="contract"):
        logged_costs([other], AUDITOR)


def test_tasks_without_a_contract_are_refused_before_anything_is_collected(tmp_path: Path) -> None:
    config = DigiQConfig(("miniwob/click-test",), "b", tmp_path, privacy=PrivacySettings(0.5))
    with pytest.raises(ConfigError, match=r"privacy\.rewards needs tasks.*click-test has none"):
        DigiQ(config)


def test_tasks_of_an_imported_suite_are_known_by_what_the_run_was_told(tmp_path: Path) -> None:
    imported = import_kennels(tmp_path / "checkout")
    store = stored(imported, tmp_path / "store", TakesTheOffer)
    [taken] = TrajectoryStore(store).episodes()
    with pytest.raises(ConfigError, match="--tasks"):
        candidate_costs([taken], candidates_of(taken), JSON, AUDITOR)
    auditor = Auditor(select_tasks((str(imported),)), "default", "privacy.candidates")
    costs = candidate_costs([taken], candidates_of(taken), JSON, auditor)
    into_trap = [isinstance(s.sent, InputText) and s.sent.text == "555-0177" for s in taken.steps]
    assert (costs[into_trap, 0] > 0).any()


def test_only_what_heeds_a_price_is_trained_anew() -> None:
    plain = DigiQConfig(tasks=("phone",), base="b")
    careful = replace(plain, privacy=PrivacySettings(candidates=0.5))
    priced = replace(plain, privacy=PrivacySettings(rewards=0.5))
    configs = (plain, careful, priced)
    before, after, critics = (StageInputs(config, ("phone",), "digest") for config in configs)
    assert after.actor("digiq") != before.actor("digiq")
    assert after.actor("awr") == before.actor("awr")
    assert after.critic(plain.critic) == before.critic(plain.critic)
    assert critics.critic(plain.critic) != before.critic(plain.critic)
    assert critics.actor("awr") != before.actor("awr")
    assert critics.actor("filtered_bc") == before.actor("filtered_bc")
    assert critics.features == after.features == before.features


def test_who_looks_at_values_is_told_of_the_price() -> None:
    plain = DigiQConfig(tasks=("phone",), base="b")
    assert "privacy" not in rule_in_words(plain)
    words = rule_in_words(replace(plain, privacy=PrivacySettings(0.5, 2.0)))
    assert "2 is taken off for each unit of privacy cost" in words
    assert "rewards are less 0.5 for each unit of privacy cost" in words
