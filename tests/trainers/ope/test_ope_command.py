"""`agentenv ope` on a small run: a real browser collected it, a real model scores it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
import torch

from agentenv.cli.main import main
from agentenv.cli.ope import EstimatorName
from agentenv.collecting import collect
from agentenv.config import load_config, save_config
from agentenv.data_files import data_file
from agentenv.errors import ConfigError
from agentenv.policies.scripted import OraclePolicy
from agentenv.policies.vlm import VLMPolicy
from agentenv.tasks.selection import select_tasks
from trainers.digiq.config import (
    ActorSettings,
    CandidateSettings,
    CollectSettings,
    DigiQConfig,
    EvaluationSettings,
    RepresentationSettings,
)
from trainers.digiq.critic_config import CriticConfig
from trainers.digiq.finished import FinishedRun
from trainers.digiq.pipeline import train
from trainers.ope import fitted_q, rating
from trainers.ope.comparison import compare
from trainers.ope.policy_scores import behaviour_log_probs, proposal_weights, score_policy
from trainers.ope.rating import ESTIMATORS

TASKS = ("miniwob/click-test-2",)
EPISODES = 8


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Collected by the base policy itself, so that log-probabilities are stored."""
    out = tmp_path_factory.mktemp("ope") / "run"
    train(
        DigiQConfig(
            tasks=TASKS,
            base=str(data_file("small_vlm")),
            out=out,
            feature_cache=None,
            devices=1,
            threads=1,
            collect=CollectSettings(episodes=EPISODES),
            candidates=CandidateSettings(n=3),
            representation=RepresentationSettings(kind="off_the_shelf"),
            critic=CriticConfig(steps=5, evaluate_every=5),
            actor=ActorSettings(steps=2, batch_size=4, threshold=-1.0),
            evaluation=EvaluationSettings(episodes=2),
        )
    )
    return out


@pytest.fixture(autouse=True)
def quick_fitted_q(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rating, "SETTINGS", replace(fitted_q.SETTINGS, steps=5))


def variant(run: Path, folder: Path, **changes: Any) -> Path:
    """The same run with other settings on record."""
    folder.mkdir()
    for path in run.iterdir():
        if path.name == "stages":
            shutil.copytree(path, folder / path.name)
        elif path.name != "config.yaml":
            (folder / path.name).symlink_to(path)
    config = load_config(DigiQConfig, run / "config.yaml")
    save_config(replace(config, **changes), folder / "config.yaml")
    return folder


def test_every_policy_is_estimated_and_the_ranking_compared_with_the_measured_one(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ope", str(run), "--k", "2"]) == 0
    printed = capsys.readouterr().out
    for text in ("Agreement", "SharpeRatio@2", *FinishedRun(run).config.labels):
        assert text in printed
    results = json.loads((run / "ope.json").read_text())
    assert results["behaviour"]["n"] == EPISODES
    assert list(results["policies"]) == ["base", "filtered_bc", "digiq"]
    for policy in results["policies"].values():
        assert policy["measured"]["n"] == 2
        assert 1 <= policy["effective_sample_size"] <= EPISODES
        assert list(policy["estimates"]) == list(ESTIMATORS)
        for estimate in policy["estimates"].values():
            low, high = estimate["ci95"]
            assert low <= estimate["value"] <= high
    assert list(results["agreement"]) == list(ESTIMATORS)


def test_a_second_call_needs_no_model(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = compare([run])
    monkeypatch.setattr(VLMPolicy, "from_pretrained", None)
    assert compare([run]) == first


def test_a_damaged_file_of_log_probs_is_computed_again(run: Path) -> None:
    finished = FinishedRun(run)
    scores = score_policy(finished, "base", 0.8).log_probs.clone()
    for file in (run / "ope").glob("log_probs-*"):
        file.write_bytes(file.read_bytes()[:-40])
    again = score_policy(finished, "base", 0.8)
    assert torch.equal(again.log_probs, scores)


def test_at_the_logged_temperature_the_base_policy_is_the_logged_one(run: Path) -> None:
    finished = FinishedRun(run)
    scores = score_policy(finished, "base", 1.0)
    stored = behaviour_log_probs(finished)
    torch.testing.assert_close(scores.log_probs[:, 0], stored, atol=0.1, rtol=0.02)


def test_a_policys_expectation_is_over_valid_proposals_and_not_the_logged_action(
    run: Path,
) -> None:
    finished = FinishedRun(run)
    weights = proposal_weights(finished, "digiq")
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(len(weights)))
    assert not weights[~finished.features.candidate_valid].any()
    offered = finished.features.candidate_valid[:, 1:].any(dim=1)
    assert not weights[offered, 0].any()


def test_runs_on_the_same_data_are_ranked_together(run: Path, tmp_path: Path) -> None:
    other = variant(run, tmp_path / "other")
    ratings = compare([run, other], estimators=["wis"]).ratings
    assert list(ratings) == [
        *("run/base", "run/filtered_bc", "run/digiq"),
        *("other/filtered_bc", "other/digiq"),
    ]
    assert ratings["run/digiq"] == ratings["other/digiq"]


def test_what_was_measured_before_a_policy_changed_is_not_taken_for_it(
    run: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    warmer = variant(run, tmp_path / "warmer", evaluation=EvaluationSettings(temperature=1.0))
    found = compare([warmer], estimators=["is"])
    assert [rating.measured for rating in found.ratings.values()] == [None] * 3
    assert not found.agreement
    assert "since it was measured" in caplog.text


def test_a_run_without_a_critic_has_importance_sampling(run: Path, tmp_path: Path) -> None:
    alone = variant(run, tmp_path / "alone", methods=("filtered_bc",))
    with pytest.raises(ConfigError, match="choose --estimator wis"):
        compare([alone])
    found = compare([alone], estimators=["wis", "pdis"])
    assert list(found.ratings) == ["base", "filtered_bc"]


def test_data_without_log_probs_leave_fitted_q(run: Path, tmp_path: Path) -> None:
    tasks = select_tasks(TASKS)
    collect(OraclePolicy(tasks), tasks.values(), tmp_path / "data", episodes=1, devices=1)
    settings = CollectSettings(data=tmp_path / "data")
    other = variant(run, tmp_path / "other", collect=settings)
    with pytest.raises(ConfigError, match=r"no log-probabilities.*--estimator fqe"):
        compare([other])
    with pytest.raises(ConfigError, match=r"learned from other data than .*train both on one"):
        compare([run, other], estimators=["fqe"])


def test_what_is_no_finished_run_is_a_clear_error(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ope", str(tmp_path)]) == 1
    assert "is not a run of agentenv train digiq" in capsys.readouterr().err
    unfinished = variant(run, tmp_path / "unfinished")
    (unfinished / "stages" / "actor_digiq.json").unlink()
    assert main(["ope", str(unfinished)]) == 1
    assert "is unfinished: its stage actor_digiq" in capsys.readouterr().err
    (tmp_path / "config.yaml").write_text("policy: oracle\n")
    assert main(["ope", str(tmp_path)]) == 1
    assert "unknown field 'policy'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"estimators": ["mis"]}, "no estimator 'mis'"),
        ({"estimators": []}, "at least one"),
        ({"ks": [0]}, "k is 0"),
        ({"gamma": 2.0}, "gamma is 2"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    run: Path, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        compare([run], **settings)


def test_the_command_offers_every_estimator() -> None:
    assert get_args(EstimatorName) == tuple(ESTIMATORS)
