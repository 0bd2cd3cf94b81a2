"""Digi-Q from logged episodes to a report, on a real browser with the model in ``data/``."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from agentenv.collecting import collect
from agentenv.data_files import data_file
from agentenv.errors import ConfigError
from agentenv.policies.scripted import OraclePolicy
from agentenv.tasks.selection import select_tasks
from agentenv.trajectories.store import TrajectoryStore
from trainers.digiq.config import (
    ActorSettings,
    CandidateSettings,
    CollectSettings,
    DigiQConfig,
    EvaluationSettings,
    RepresentationSettings,
)
from trainers.digiq.critic_config import CriticConfig
from trainers.digiq.pipeline import DigiQ, train

TASKS = ("miniwob/click-test-2", "miniwob/focus-text-2")


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> DigiQConfig:
    """Logged by an oracle that errs, so that there is something to tell apart."""
    folder = tmp_path_factory.mktemp("digiq")
    tasks = select_tasks(TASKS)
    policy = OraclePolicy(tasks, noise=0.5, seed=1)
    collect(policy, tasks.values(), folder / "data", episodes=8, devices=1)
    return DigiQConfig(
        tasks=TASKS,
        base=str(data_file("small_vlm")),
        out=folder / "run",
        devices=1,
        threads=1,
        collect=CollectSettings(data=folder / "data"),
        candidates=CandidateSettings(n=3),
        representation=RepresentationSettings(steps=2, batch_size=4),
        critic=CriticConfig(steps=20, evaluate_every=20),
        actor=ActorSettings(steps=2, batch_size=4, threshold=-1.0),
        evaluation=EvaluationSettings(episodes=2),
    )


@pytest.fixture(scope="module")
def finished(config: DigiQConfig) -> DigiQConfig:
    train(config)
    return config


def test_the_report_compares_base_baseline_and_digiq(finished: DigiQConfig) -> None:
    page = (finished.out / "report.html").read_text()
    for text in ("filtered_bc", "digiq", *TASKS):
        assert text in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_it_is_evaluated_on_instances_that_it_was_not_trained_on(finished: DigiQConfig) -> None:
    logged = TrajectoryStore(finished.out.parent / "data")
    trained_on = {(episode.split, episode.index) for episode in logged.episodes()}
    for folder in (finished.out / "evaluation").iterdir():
        keys = {(split, index) for _, split, index, _ in TrajectoryStore(folder).keys()}  # noqa: SIM118
        assert keys
        assert not keys & trained_on


def test_a_second_run_finds_every_stage_finished(finished: DigiQConfig) -> None:
    def written() -> dict[Path, int]:
        kept = [p for p in finished.out.rglob("*") if p.suffix in (".safetensors", ".parquet")]
        return {path: path.stat().st_mtime_ns for path in kept}

    before = written()
    summaries = train(finished)
    assert written() == before
    assert set(summaries) == {"base", "filtered_bc", "digiq"}
    assert all(summary.overall.n == 4 for summary in summaries.values())


def test_another_actor_setting_runs_the_actors_again_and_nothing_before(
    finished: DigiQConfig,
) -> None:
    stages = finished.out / "stages"
    before = {p.name: json.loads(p.read_text())["inputs"] for p in stages.iterdir()}
    other = replace(finished, actor=replace(finished.actor, steps=3))
    DigiQ(other).actor("digiq")
    after = {p.name: json.loads(p.read_text())["inputs"] for p in stages.iterdir()}
    assert {name for name in after if after[name] != before[name]} == {"actor_digiq.json"}


def test_logged_episodes_without_any_success_are_a_clear_error(
    config: DigiQConfig, tmp_path: Path
) -> None:
    tasks = select_tasks(TASKS)
    policy = OraclePolicy(tasks, noise=1.0, seed=3)
    data = tmp_path / "data"
    collect(policy, list(tasks.values())[:1], data, episodes=1, first=5, devices=1)
    alone = replace(config, out=tmp_path / "run", collect=CollectSettings(data=data))
    with pytest.raises(ConfigError, match=r"collect more|usable"):
        train(alone)
