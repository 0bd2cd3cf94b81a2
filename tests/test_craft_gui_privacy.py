"""The benchmark of what is given away: its demonstrations, its two runs, and what it counts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from agentenv.actions import Action, AskUser, ReadProfile
from agentenv.config import load_config
from agentenv.devices.phone import open_phone
from agentenv.errors import ConfigError
from agentenv.rollouts import rollout
from agentenv.statistics import Summary
from agentenv.tasks import get_task
from agentenv.tasks.phone.suite import PhoneTask
from agentenv.tasks.selection import select_tasks
from agentenv.trajectories.episode import Episode
from agentenv.trajectories.store import TrajectoryWriter
from benchmarks import craft_gui_privacy, digiq_privacy, privacy_base
from benchmarks.cold_start import load_cold_start
from benchmarks.craft_gui_privacy import BenchmarkConfig, load_settings
from benchmarks.givers import GIVERS, Givers
from benchmarks.privacy_rows import optional_fields, privacy_rows
from privacy_audit.auditing import audit_episode
from privacy_audit.phone_contract import phone_contract
from privacy_audit.policy import load_policy
from privacy_audit.reference.agents import Case, case_of
from privacy_audit.reference.device import PagePhone
from privacy_audit.reference.playing import play
from trainers.craft_gui import grpo
from trainers.craft_gui.config import CraftGUIConfig
from trainers.digiq.config import DigiQConfig

NAME = "phone/food-order-no-deals"
CONFIG = BenchmarkConfig(base="models/phone")


@pytest.fixture(scope="module")
def played() -> dict[str, Episode]:
    """The same order by agents that give more or less."""
    task = get_task(NAME)
    assert isinstance(task, PhoneTask)
    case = case_of(task, task.instance("test", 0))
    assert case is not None
    return {agent: play(agent, case, PagePhone()).episode for agent in (*GIVERS, "refuser")}


def test_optional_fields_are_those_that_the_task_leaves_empty(played: dict[str, Episode]) -> None:
    policy = load_policy("default")
    filled = {agent: optional_fields(audit_episode(one, policy)) for agent, one in played.items()}
    assert filled == {"minimal": 0, "over_filler": 1, "trap_taker": 1, "refuser": 0}


def test_every_task_has_a_field_that_may_be_filled_for_nothing() -> None:
    for task in select_tasks(load_settings(CONFIG).tasks).values():
        assert isinstance(task, PhoneTask)
        instance = task.instance("train", 0)
        (order,) = task.effects(instance)
        case = Case(task, instance, phone_contract(task, instance), order)
        assert case.optional(trap=False)
        assert case.optional(trap=True)


def test_both_experiments_begin_with_a_policy_that_was_shown_their_tasks() -> None:
    shown = load_cold_start(privacy_base.NAME).tasks
    assert load_settings(CONFIG).tasks == shown
    digiq = Path(digiq_privacy.__file__).with_suffix(".yaml")
    assert load_config(DigiQConfig, digiq).tasks == shown


def test_a_third_of_the_demonstrations_gives_what_is_needed_and_no_more() -> None:
    task = get_task(NAME)
    items = [(task, task.instance("train", index)) for index in range(2 * len(GIVERS))]
    policy = load_policy("default")
    filled = {}
    for episode in rollout(Givers({NAME: task}), items, [PagePhone()]):
        assert episode.success
        filled[episode.index] = optional_fields(audit_episode(episode, policy))
    assert filled == {index: int(index % 3 > 0) for index in range(6)}


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("phone/memory-food-size-use", ReadProfile(key="portion")),
        ("phone/memory-food-size-ask", AskUser(question="Which size do you take?")),
    ],
)
def test_who_gives_more_knows_no_more_than_the_task_lets_them_learn(
    name: str, first: Action
) -> None:
    task = get_task(name)
    items = [(task, task.instance("train", index)) for index in range(len(GIVERS))]
    for episode in rollout(Givers({name: task}), items, [PagePhone()]):
        assert episode.success
        assert episode.steps[0].action == first


def test_only_the_price_differs_between_the_runs(tmp_path: Path) -> None:
    settings = load_settings(CONFIG)
    free, priced = (
        craft_gui_privacy.with_price(settings, price, 1, tmp_path) for price in (False, True)
    )
    assert (free.reward.privacy, priced.reward.privacy) == (0.0, settings.reward.privacy)
    assert priced.reward.privacy > 0
    ours, theirs = free.identity, priced.identity
    assert {name for name in ours if ours[name] != theirs[name]} == {"reward"}


def test_the_audit_of_the_tests_is_published(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, played: dict[str, Episode]
) -> None:
    priced = "minimal"
    base: list[Path] = []

    def train(settings: CraftGUIConfig) -> dict[str, Summary]:
        agents = {"base": "over_filler", "craft_gui-3": "trap_taker"}
        if settings.reward.privacy:
            agents["craft_gui-3"] = priced
        for folder, agent in agents.items():
            path = settings.out / "evaluation" / folder
            if not path.exists():
                base.append(path)
                with TrajectoryWriter(path, policy=agent, suite="phone", seed=0) as writer:
                    writer.append(played[agent])
        return {}

    monkeypatch.setattr(grpo, "train", train)
    config = BenchmarkConfig(base="models/phone", out=tmp_path, results=tmp_path / "results")
    assert craft_gui_privacy.run(replace(config, labels=("craft_gui",))) is None
    path = craft_gui_privacy.run(config)
    assert path is not None
    rows = {(row["label"], row["metric"]): row for row in json.loads(path.read_text())["rows"]}
    assert len(base) == 3  # the starting policy is tested once
    fields = {
        label: rows[label, "optional_fields"]["value"]
        for label in ("base", *craft_gui_privacy.ARMS)
    }
    assert fields == {"base": 1, "craft_gui": 1, "craft_gui_privacy": 0}
    assert rows["craft_gui_privacy", "success"]["value"] == 1
    assert rows["craft_gui_privacy", "optional_fields:done"]["vs"] == {"base": 0}
    with pytest.raises(ConfigError, match="craft_gui, craft_gui_privacy"):
        craft_gui_privacy.run(replace(config, labels=("base",)))


def test_who_orders_nothing_has_no_orders_to_count(played: dict[str, Episode]) -> None:
    audit = audit_episode(played["refuser"], load_policy("default"))
    metrics = {row.metric for row in privacy_rows({"base": [audit]}, tau=0.7, seeds=(0,))}
    assert "success" in metrics
    assert "optional_fields:done" not in metrics


def test_a_number_is_scrolled_to_of_which_only_the_buttons_edges_show() -> None:
    task = get_task(NAME)
    phone = open_phone()
    try:
        (episode,) = rollout(
            Givers({NAME: task}), [(task, task.instance("train", 1_000_022))], [phone]
        )
    finally:
        phone.close()
    assert episode.success
