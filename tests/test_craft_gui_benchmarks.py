"""The benchmarks of online learning: what they compare, without the hours it takes."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from agentenv.config import read_yaml
from agentenv.errors import ConfigError
from agentenv.policies.prompts import Prompt
from agentenv.statistics import SuccessRate, Summary
from benchmarks import craft_gui_kills, craft_gui_miniwob, grpo_step
from benchmarks.grpo_stepping import ExactModel, OurUpdates, reward_of
from benchmarks.turns import Measured
from tests.small_models import noise_png
from trainers.craft_gui import grpo
from trainers.craft_gui.config import CraftGUIConfig
from trainers.runs import RunDirectory


def test_the_curricula_are_compared_on_the_tasks_and_steps_of_one_file(tmp_path: Path) -> None:
    staged, uniform = (
        craft_gui_miniwob.settings_of(policy, 1, tmp_path)
        for policy in craft_gui_miniwob.ARMS.values()
    )
    ours, theirs = staged.identity, uniform.identity
    assert {name for name in ours if ours[name] != theirs[name]} == {"curriculum"}
    assert staged.env_steps == uniform.env_steps > 0
    comparison = read_yaml(craft_gui_miniwob.SETTINGS.with_name("digiq_comparison.yaml"))
    assert list(staged.tasks) == comparison["tasks"]


def test_success_is_told_by_stage() -> None:
    by_task = {
        "miniwob/click-link": SuccessRate(1, 4),
        "miniwob/click-checkboxes-transfer": SuccessRate(2, 4),
    }
    summary = Summary(SuccessRate(3, 8), by_task, {})
    rows = craft_gui_miniwob.stage_rows({"base": summary}, (0,))
    assert [(row.metric, row.value) for row in rows] == [
        ("success:stage 1", 0.25),
        ("success:stage 2", 0.5),
    ]


def test_an_update_of_ours_samples_a_group_for_each_prompt_and_learns_from_all() -> None:
    options = argparse.Namespace(size=2, tokens=6)
    prompts = [Prompt(f"Click on {name}.", noise_png(0)) for name in ("one", "two")]
    ours = OurUpdates(prompts, options, ExactModel)
    before = [p.detach().clone() for p in ours._updater.parameters]
    ours.turn(1)
    assert ours._updater.steps == 1
    assert any(
        not torch.equal(old, new) for old, new in zip(before, ours._updater.parameters, strict=True)
    )
    assert 1 <= ours.facts()["tokens"] <= 6


def test_rewards_are_of_the_text_alone() -> None:
    assert reward_of("a") == reward_of("a") != reward_of("b")


def test_rates_and_ratios_are_of_the_median_update() -> None:
    measured = Measured()
    for precision in grpo_step.PRECISIONS:
        for who, seconds in ((grpo_step.OURS, 1.0), (grpo_step.PEER, 4.0)):
            job = f"{who}_{precision}"
            measured.times[job, 1] = [seconds, seconds, 100.0]
            measured.facts[job] = {"memory": seconds * 1e8, "tokens": 8.0}
    config = grpo_step.BenchmarkConfig(tasks=("a", "b"), size=8)
    rows = {(row.label, row.metric): row for row in grpo_step.result_rows(measured, config)}
    assert rows["agentenv", "completions_per_second:bf16"].value == 16
    assert rows["agentenv", "completions_per_second:fp32"].vs == {"trl": 4.0}
    assert rows["trl", "memory:fp32"].value == 400


def test_a_missing_peer_is_one_clear_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(grpo_step, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"agentenv\[benchmark\]"):
        grpo_step.run(grpo_step.BenchmarkConfig(out=tmp_path, results=tmp_path))


def test_a_killed_run_is_compared_by_everything_but_times(tmp_path: Path) -> None:
    for name, success in (("a", 0.5), ("b", 0.5), ("c", 0.75)):
        run = RunDirectory(tmp_path / name)
        run.log("train", 1, {"success": success, "steps_per_second": len(name)})
        run.close()
    a, b, c = (craft_gui_kills.logged(tmp_path / name) for name in "abc")
    assert a == b != c


def test_half_a_comparison_is_run_and_not_published(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    trained: list[Path] = []

    def train(settings: CraftGUIConfig) -> dict[str, Summary]:
        trained.append(settings.out)
        found = Summary(SuccessRate(1, 2), {"miniwob/click-link": SuccessRate(1, 2)}, {})
        return {"base": found, "craft_gui": found}

    monkeypatch.setattr(grpo, "train", train)
    config = craft_gui_miniwob.BenchmarkConfig((0, 1), ("grpo_uniform",), tmp_path, tmp_path)
    assert craft_gui_miniwob.run(config) is None
    assert [out.name for out in trained] == ["grpo_uniform-0", "grpo_uniform-1"]
    with pytest.raises(ConfigError, match="craft_gui, grpo_uniform"):
        craft_gui_miniwob.run(replace(config, labels=("staged",)))


def test_kills_that_an_earlier_call_has_compared_are_not_run_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = craft_gui_kills.BenchmarkConfig(kills=2, out=tmp_path, results=tmp_path)
    compared: list[float] = []

    def compare(settings: CraftGUIConfig, whole: CraftGUIConfig, seconds: float) -> dict[str, bool]:
        if len(compared) == 1:
            compared.append(0.0)
            raise ConfigError("stopped")
        compared.append(seconds)
        return {"killed": True, "same": True}

    times = {"loaded": 5.0, "ended": 9.0}
    monkeypatch.setattr(craft_gui_kills, "_left_alone", lambda settings: times)
    monkeypatch.setattr(craft_gui_kills, "_compared", compare)
    with pytest.raises(ConfigError, match="stopped"):
        craft_gui_kills.run(config)
    path = craft_gui_kills.run(config)
    assert len(compared) == 3
    assert all(5 <= seconds <= 9 for seconds in compared if seconds)
    (row,) = json.loads(path.read_text())["rows"]
    assert (row["value"], row["n"]) == (1.0, 2)
