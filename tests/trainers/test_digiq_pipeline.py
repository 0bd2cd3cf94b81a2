"""Digi-Q from logged episodes to a report, on a real browser with the model in ``data/``."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from agentenv.cli.main import main
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
    Method,
    OnlineSettings,
    RepresentationSettings,
)
from trainers.digiq.critic import evaluate
from trainers.digiq.critic_config import CriticConfig
from trainers.digiq.pipeline import DigiQ, train
from trainers.digiq.values import CriticValues
from trainers.runs import fingerprint

METHODS: tuple[Method, ...] = get_args(Method)
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
        feature_cache=folder / "cache",
        devices=1,
        threads=1,
        collect=CollectSettings(data=folder / "data"),
        candidates=CandidateSettings(n=3),
        representation=RepresentationSettings(steps=2, batch_size=4),
        critic=CriticConfig(steps=20, evaluate_every=20),
        actor=ActorSettings(steps=2, batch_size=4, threshold=-1.0),
        evaluation=EvaluationSettings(episodes=2, rerank=2),
        methods=("filtered_bc", "digiq", "reinforce"),
    )


@pytest.fixture(scope="module")
def finished(config: DigiQConfig) -> DigiQConfig:
    train(config)
    return config


def test_the_report_compares_all_policies_and_shows_how_good_the_critic_is(
    finished: DigiQConfig,
) -> None:
    page = (finished.out / "report.html").read_text()
    assert finished.labels == (
        *("base", "filtered_bc", "digiq", "reinforce"),
        *("base_rerank", "digiq_rerank"),
    )
    shown = ("calibration of V", "TD error by depth", "does the action matter", "ranking")
    for text in (*finished.labels, *TASKS, *shown):
        assert text in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_the_likeliest_actions_are_evaluated_beside_what_was_evaluated_before(
    finished: DigiQConfig,
) -> None:
    folders = set((finished.out / "evaluation").iterdir())
    asked = replace(finished, evaluation=replace(finished.evaluation, greedy=("base",)))
    assert set(train(asked)) == {*finished.labels, "base_greedy"}
    (new,) = set((finished.out / "evaluation").iterdir()) - folders
    episodes = list(TrajectoryStore(new).episodes())
    assert episodes
    assert all(episode.policy_version.endswith("-t0") for episode in episodes)


def test_it_is_evaluated_on_instances_that_it_was_not_trained_on(finished: DigiQConfig) -> None:
    logged = TrajectoryStore(finished.out.parent / "data")
    trained_on = {(episode.split, episode.index) for episode in logged.episodes()}
    for folder in (finished.out / "evaluation").iterdir():
        keys = {(split, index) for _, split, index, _ in TrajectoryStore(folder).keys()}  # noqa: SIM118
        assert keys
        assert not keys & trained_on


def test_every_store_of_a_run_has_a_card_that_names_the_temperature(finished: DigiQConfig) -> None:
    (base,) = (finished.out / "evaluation").glob("base-*")
    card = json.loads((base / "card.json").read_text())
    assert card["temperature"] == finished.evaluation.temperature
    assert card["total"]["success"]["n"] == 4


def test_a_second_run_finds_every_stage_finished(finished: DigiQConfig) -> None:
    def written() -> dict[Path, int]:
        kept = [p for p in finished.out.rglob("*") if p.suffix in (".safetensors", ".parquet")]
        return {path: path.stat().st_mtime_ns for path in kept}

    before = written()
    summaries = train(finished)
    assert written() == before
    assert tuple(summaries) == finished.labels
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


def test_a_setting_that_a_method_does_not_heed_does_not_train_it_again(
    finished: DigiQConfig,
) -> None:
    def actors(config: DigiQConfig) -> dict[str, str]:
        inputs = DigiQ(config).inputs
        return {method: fingerprint(inputs.actor(method)) for method in METHODS}

    def trained_again(**changes: Any) -> set[str]:
        before, after = actors(finished), actors(replace(finished, **changes))
        return {method for method in METHODS if before[method] != after[method]}

    assert trained_again(actor=replace(finished.actor, awr_beta=1.0)) == {"awr"}
    assert trained_again(actor=replace(finished.actor, margin=0.1)) == {"digiq"}
    assert trained_again(actor=replace(finished.actor, aggregation="max")) == {
        *("digiq", "reinforce", "awr")
    }
    assert trained_again(critic=replace(finished.critic, critic="iql")) == {
        *("digiq", "reinforce", "awr")
    }
    assert trained_again(candidates=CandidateSettings(n=4)) == {*METHODS} - {"filtered_bc"}


def test_every_method_selects_from_the_same_data(finished: DigiQConfig) -> None:
    digiq = DigiQ(finished)
    for method in METHODS:
        chosen = digiq.selection(method)
        states = len(digiq.prompts)
        assert chosen.slots.shape == chosen.keep.shape == chosen.weights.shape == (states,)
        assert method == "digiq" or not chosen.slots.any()
        assert bool(chosen.weights[chosen.keep].isfinite().all())


def test_its_own_data_is_viewed_with_the_values_that_its_actor_learned_from(
    finished: DigiQConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def computed(*_: object) -> None:
        raise AssertionError("the run has stored it")

    monkeypatch.setattr(CriticValues, "_look_at", computed)
    data = finished.out.parent / "data"
    read = CriticValues(finished.out, TrajectoryStore(data)).read(TrajectoryStore(data).episodes())
    states = [state for _, values in read if values for state in values.states]
    digiq = DigiQ(finished)
    q, v = evaluate(digiq.critic, digiq.features)
    chosen = digiq.selection("digiq")
    assert len(states) == len(digiq.prompts)
    for row, state in enumerate(states):
        texts = digiq.candidates[row].texts
        assert state.v.value == pytest.approx(float(v[:, row].mean()), abs=1e-5)
        for judged in state.actions:
            slot = texts.index(judged.text)
            if judged.q is not None:
                assert judged.q.value == pytest.approx(float(q[:, row, slot].mean()), abs=1e-5)
        imitated = [judged.text for judged in state.actions if judged.imitated]
        assert imitated == [texts[chosen.slots[row]]] * bool(chosen.keep[row])

    command = ["view", str(data), "--critic", str(finished.out), "--episodes", "3", "1"]
    assert main([*command, "--policy", "filtered_bc", "--n-candidates", "2"]) == 0
    assert '"after":"filtered_bc"' in (data / "values.html").read_text()


def interrupted(digiq: DigiQ, name: str, *arguments: object, **settings: object) -> Path:
    if "online" in name:
        raise KeyboardInterrupt
    return IMITATE(digiq, name, *arguments, **settings)  # type: ignore[arg-type]


IMITATE = DigiQ.imitate


@pytest.fixture(scope="module")
def online(
    finished: DigiQConfig, tmp_path_factory: pytest.TempPathFactory
) -> tuple[DigiQConfig, dict[Path, int]]:
    """Two rounds, interrupted once; and when what the first attempt made was written."""
    out = tmp_path_factory.mktemp("online") / "run"
    shutil.copytree(finished.out, out)
    config = replace(
        finished,
        out=out,
        methods=("digiq",),
        evaluation=replace(finished.evaluation, rerank=0),
        online=OnlineSettings(rounds=2, episodes=2, critic_steps=5, actor_steps=2, evaluate="last"),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DigiQ, "imitate", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(config)
    made = [*(out / "online1").rglob("*.parquet"), out / "critic_online1.safetensors"]
    written = {path: path.stat().st_mtime_ns for path in made}
    train(config)
    return config, written


def test_an_interrupted_round_goes_on_where_it_stopped(
    online: tuple[DigiQConfig, dict[Path, int]],
) -> None:
    config, written = online
    assert written == {path: path.stat().st_mtime_ns for path in written}
    stages = {path.stem for path in (config.out / "stages").iterdir()}
    for number in (1, 2):
        parts = (f"online{number}_{part}" for part in ("collect", "candidates", "features"))
        trained = (f"critic_online{number}", f"actor_digiq_online{number}")
        assert {*parts, *trained} <= stages
    result = json.loads((config.out / "stages" / "actor_digiq_online2.json").read_text())
    assert result["result"]["fresh"] > 0


def test_every_round_acts_on_instances_that_were_not_used_before(
    online: tuple[DigiQConfig, dict[Path, int]],
) -> None:
    out = online[0].out
    for number, indices in ((1, {8, 9}), (2, {10, 11})):
        (store,) = (out / f"online{number}").glob("data-*")
        keys = TrajectoryStore(store).keys()
        assert {(split, index) for _, split, index, _ in keys} == {("train", i) for i in indices}


def test_the_report_shows_success_by_round_where_it_was_measured(
    online: tuple[DigiQConfig, dict[Path, int]],
) -> None:
    config, _ = online
    assert config.labels == ("base", "digiq", "digiq_online2")
    page = (config.out / "report.html").read_text()
    assert "success by round" in page
    assert "digiq_online2" in page
    assert "digiq after 2 rounds of fresh episodes succeeds in" in page


def test_rounds_change_nothing_of_the_offline_stages(finished: DigiQConfig) -> None:
    def stages(config: DigiQConfig) -> list[str]:
        inputs = DigiQ(config).inputs
        actors = [inputs.actor(method) for method in METHODS]
        measured = [inputs.evaluation(label) for label in finished.labels]
        return [fingerprint(stage) for stage in (inputs.features, *actors, *measured)]

    more = replace(finished, online=OnlineSettings(rounds=3, share=0.1))
    unheeded = replace(more, critic=replace(finished.critic, chunk=9))
    assert stages(finished) == stages(unheeded)


def test_filtered_bc_alone_needs_neither_candidates_nor_a_critic(
    config: DigiQConfig, tmp_path: Path
) -> None:
    evaluation = EvaluationSettings(episodes=1)
    alone = replace(config, out=tmp_path, methods=("filtered_bc",), evaluation=evaluation)
    assert tuple(train(alone)) == ("base", "filtered_bc")
    assert {path.name for path in (tmp_path / "stages").iterdir()} == {"actor_filtered_bc.json"}
    assert "calibration" not in (tmp_path / "report.html").read_text()


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
