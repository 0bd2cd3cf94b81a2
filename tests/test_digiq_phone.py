"""The published comparison on the phone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from agentenv.config import read_yaml
from agentenv.data_files import data_file
from agentenv.statistics import Summary, summarise
from agentenv.tasks.selection import select_tasks
from benchmarks import digiq_phone
from benchmarks.digiq_phone import GROUPS, LONGEST, SETTINGS, BenchmarkConfig, unseen
from benchmarks.digiq_success import FinishedRun
from benchmarks.results_file import load_results
from tests.trajectories.factories import make_episode
from trainers.digiq.config import DigiQConfig


def summary(successes: int, of: int = 4) -> Summary:
    return summarise([make_episode(index, reward=float(index < successes)) for index in range(of)])


def test_no_policy_has_learned_what_it_is_judged_on_as_new() -> None:
    learned = select_tasks(read_yaml(SETTINGS)["tasks"])
    files = ("phone_demonstrations", "phone_long_demonstrations")
    settings = [read_yaml(data_file(f"small_vlm/{file}.yaml")) for file in files]
    shown = select_tasks([name for one in settings for name in one["tasks"]])
    assert set(learned) <= set(shown)
    assert max(task.expected_steps for task in shown.values()) == LONGEST
    for group in GROUPS:
        assert len(unseen(group)) >= 10
        assert not set(unseen(group)) & set(shown)


def test_episodes_of_all_seeds_are_pooled_and_the_first_is_judged_on_what_is_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train_seed(settings: DigiQConfig) -> FinishedRun:
        (settings.out / "stages").mkdir(parents=True, exist_ok=True)
        for name in ("candidates.parquet", "stages/collect.json", "stages/candidates.json"):
            (settings.out / name).write_text("shared")
        digiq = summary(3 + settings.seed_of_training)
        found = {"base": summary(1), "base_greedy": summary(2), "digiq": digiq}
        return FinishedRun(settings.seed_of_training, settings.seed, found, date.today())

    def carry_over(settings: DigiQConfig, group: str, episodes: int) -> Mapping[str, Summary]:
        none = group == "new-apps"
        return {"base": summary(0 if none else 1, episodes), "digiq": summary(2, episodes)}

    monkeypatch.setattr(digiq_phone, "train_seed", train_seed)
    monkeypatch.setattr(digiq_phone, "carry_over", carry_over)
    config = BenchmarkConfig((0, 1), 5, tmp_path / "runs", tmp_path / "results")
    results = load_results(digiq_phone.run(config))
    rows = {(row.label, row.metric): row for row in results.rows}
    assert (rows["digiq", "success"].value, rows["digiq", "success"].n) == (0.875, 8)
    greedy = rows["base_greedy", "success"]
    assert (greedy.value, greedy.n) == (0.5, 4)  # every seed's episodes are the same
    templates = rows["digiq", "success:new-templates"]
    assert (templates.value, templates.n, templates.vs) == (0.4, 5, {"base": 2.0})
    apps = rows["digiq", "success:new-apps"]
    assert (apps.value, apps.vs) == (0.4, {})  # a base that never succeeds has no ratio
