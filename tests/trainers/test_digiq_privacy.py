"""Digi-Q that gives away less: what the audit finds against a candidate is taken off its value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from agentenv.actions import Action, InputText, Wait
from agentenv.dialects import get_dialect
from agentenv.errors import ConfigError
from agentenv.tasks.selection import find_among, select_tasks
from agentenv.trajectories.episode import Episode
from agentenv.trajectories.store import TrajectoryStore
from privacy_audit.reference.device import PagePhone
from privacy_audit.reference.playing import cases, play
from tests.privacy_audit.test_audit_imported import TakesTheOffer, stored
from tests.tasks.kennels import import_kennels
from trainers.digiq.candidates import Candidates
from trainers.digiq.config import ActorSettings, DigiQConfig
from trainers.digiq.extraction import BestOfN
from trainers.digiq.inputs import StageInputs
from trainers.digiq.privacy import candidate_costs
from trainers.digiq.transitions import TransitionFeatures, lay_out

JSON = get_dialect("json")


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
    costs = candidate_costs([episode], candidates_of(episode), JSON, "default")
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


def test_a_task_without_a_contract_is_refused(episode: Episode) -> None:
    other = replace(episode, task="miniwob/click-test")
    with pytest.raises(ConfigError, match="contract"):
        candidate_costs([other], candidates_of(episode), JSON, "default")


def test_tasks_of_an_imported_suite_are_known_by_what_the_run_was_told(tmp_path: Path) -> None:
    imported = import_kennels(tmp_path / "checkout")
    store = stored(imported, tmp_path / "store", TakesTheOffer)
    [taken] = TrajectoryStore(store).episodes()
    with pytest.raises(ConfigError, match="--tasks"):
        candidate_costs([taken], candidates_of(taken), JSON, "default")
    find = find_among(select_tasks((str(imported),)))
    costs = candidate_costs([taken], candidates_of(taken), JSON, "default", find)
    into_trap = [isinstance(s.sent, InputText) and s.sent.text == "555-0177" for s in taken.steps]
    assert (costs[into_trap, 0] > 0).any()


def test_only_the_policies_that_heed_it_are_trained_anew() -> None:
    plain = DigiQConfig(tasks=("phone",), base="b")
    careful = replace(plain, actor=ActorSettings(privacy=0.5))
    before, after = (StageInputs(config, ("phone",), "digest") for config in (plain, careful))
    assert after.actor("digiq") != before.actor("digiq")
    assert after.actor("awr") == before.actor("awr")
    assert after.features == before.features
