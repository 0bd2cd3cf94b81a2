"""The benchmarks of online learning: what they compare, without the hours it takes."""

from __future__ import annotations

import argparse
import json
import subprocess
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from agentenv.errors import ConfigError
from agentenv.policies.prompts import Prompt
from agentenv.statistics import SuccessRate, Summary
from agentenv.tasks.selection import select_tasks
from benchmarks import (
    craft_gui,
    craft_gui_curves,
    craft_gui_kills,
    craft_gui_tasks,
    grpo_step,
    phone_base,
)
from benchmarks.cold_start import load_cold_start
from benchmarks.grpo_stepping import ExactModel, OurUpdates, reward_of
from benchmarks.turns import Measured
from tests.small_models import noise_png
from trainers.craft_gui import grpo
from trainers.craft_gui.config import CraftGUIConfig
from trainers.craft_gui.curriculum import stage_of
from trainers.runs import RunDirectory, save_training_state

SUITES = [craft_gui.BenchmarkConfig(suite=suite) for suite in ("miniwob", "phone")]


@pytest.mark.parametrize("config", SUITES, ids=lambda config: config.suite)
def test_the_curricula_are_compared_on_the_tasks_and_steps_of_one_file(
    config: craft_gui.BenchmarkConfig, tmp_path: Path
) -> None:
    settings = craft_gui.load_settings(config)
    staged, uniform = (
        craft_gui.with_curriculum(settings, policy, 1, tmp_path)
        for policy in craft_gui.ARMS.values()
    )
    ours, theirs = staged.identity, uniform.identity
    assert {name for name in ours if ours[name] != theirs[name]} == {"curriculum"}
    assert staged.env_steps == uniform.env_steps > 0


def test_the_phones_starting_policy_was_shown_some_of_its_tasks() -> None:
    shown = set(load_cold_start(phone_base.NAME).tasks)
    compared = set(craft_gui.load_settings(SUITES[1]).tasks)
    assert shown & compared
    assert compared - shown


def test_miniwobs_tasks_are_short_and_have_a_scripted_solution() -> None:
    """As the rule says by which they were chosen."""
    tasks = select_tasks(craft_gui.load_settings(SUITES[0]).tasks).values()
    assert tasks
    assert all(task.has_oracle and task.max_steps <= 10 for task in tasks)


@pytest.mark.parametrize(
    ("suite", "stages"), zip(SUITES, ({1: 12, 2: 2}, {1: 3, 2: 3, 3: 3}), strict=True)
)
def test_every_stage_of_a_suite_has_tasks(
    suite: craft_gui.BenchmarkConfig, stages: dict[int, int]
) -> None:
    settings = craft_gui.load_settings(replace(suite, base="models/other"))
    assert settings.base == "models/other"
    tasks = select_tasks(settings.tasks).values()
    assert stages == Counter(stage_of(task.expected_steps, settings.curriculum) for task in tasks)


def test_seeds_are_averaged_where_all_of_them_have_been(tmp_path: Path) -> None:
    runs = []
    for seed, (steps, rates) in enumerate([((0, 10, 30), (0.0, 0.2, 0.6)), ((0, 20), (0.2, 0.6))]):
        run = RunDirectory(tmp_path / str(seed))
        for iteration, (acted, rate) in enumerate(zip(steps, rates, strict=True)):
            if iteration:
                run.log("train", iteration, {"env_steps": acted})
            run.log("validation", iteration, {"success": rate, "stage_2/success": rate})
        run.close()
        runs.append(run.path)
    curves = [craft_gui_curves.curve_of(run, "success") for run in runs]
    assert curves == [[(0, 0.0), (10, 0.2), (30, 0.6)], [(0, 0.2), (20, 0.6)]]
    mean = craft_gui_curves.mean_curve(curves)
    assert [x for x, _ in mean] == [0, 10, 20]
    assert [y for _, y in mean] == pytest.approx([0.1, 0.3, 0.5])
    summary = Summary(SuccessRate(1, 2), {"miniwob/click-color": SuccessRate(1, 2)}, {})
    page = tmp_path / "report.html"
    craft_gui_curves.write_comparison(page, "Both", {"grpo": runs}, {"grpo": summary}, "run it")
    for text in ("Success in all tasks", "Success in stage 2", "steps in the environment"):
        assert text in page.read_text()


def test_tasks_are_chosen_by_how_near_to_one_half_they_succeed(tmp_path: Path) -> None:
    rates: dict[str, float | None] = {
        "phone/clock-what-day": 1.0,
        "phone/clock-alarm-on": 0.8,
        "phone/clock-alarm-off": 0.6,
        "phone/profile-remember": 0.4,
        "phone/events-where": 0.5,  # an app that nothing is trained on
        "phone/notes-pin": 0.2,
        "phone/food-order": 0.0,
        "phone/messages-mute": None,
    }
    path = tmp_path / "results.json"
    path.write_text(json.dumps({"by_task": {name: {"value": r} for name, r in rates.items()}}))
    config = craft_gui_tasks.ChoiceConfig(path, number=2)
    found = craft_gui_tasks.success_of(path)
    assert craft_gui_tasks.choose(found, select_tasks(tuple(found)), config) == [
        "phone/clock-alarm-off",
        "phone/profile-remember",
        "phone/notes-pin",
    ]
    craft_gui_tasks.run(config)
    with pytest.raises(ConfigError, match="no task succeeds in 95% to 99%"):
        craft_gui_tasks.run(replace(config, low=0.95, high=0.99))
    path.write_text("{}")
    with pytest.raises(ConfigError, match=r"no results.json"):
        craft_gui_tasks.run(config)


def test_success_is_told_by_stage() -> None:
    by_task = {
        "miniwob/click-color": SuccessRate(1, 4),
        "miniwob/search-engine": SuccessRate(2, 4),
    }
    summary = Summary(SuccessRate(3, 8), by_task, {})
    rows = craft_gui.stage_rows({"base": summary}, craft_gui.load_settings(SUITES[0]), (0,))
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


def test_kills_are_drawn_from_all_places_of_a_run_alike() -> None:
    config = craft_gui_kills.BenchmarkConfig(kills=20, iterations=5)
    drawn = list(craft_gui_kills.moments(config))
    assert sorted(moment.place for moment in drawn) == sorted([*range(10)] * 2)
    assert all(0 <= moment.fraction < 1 for moment in drawn)
    assert drawn == list(craft_gui_kills.moments(config))


def test_how_far_a_run_is_follows_from_what_it_has_logged_and_saved(tmp_path: Path) -> None:
    assert craft_gui_kills.place_of(tmp_path) == -1
    run = RunDirectory(tmp_path)
    (tmp_path / "config.yaml").touch()
    model = torch.nn.Linear(1, 1)
    places = [craft_gui_kills.place_of(tmp_path)]
    for iteration in (1, 2):
        run.log("train", iteration, {"success": 0.5})
        places.append(craft_gui_kills.place_of(tmp_path))
        optimizer = torch.optim.AdamW(model.parameters())
        save_training_state(tmp_path / "state.safetensors", model, optimizer, iteration)
        places.append(craft_gui_kills.place_of(tmp_path))
    run.close()
    assert places == [0, 1, 2, 3, 4]


def test_a_run_is_killed_at_its_place_or_as_soon_as_it_has_left_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = craft_gui_kills.settings_of(craft_gui_kills.BenchmarkConfig(), tmp_path)
    places = iter([-1, -1, 2, 2, 3])
    monkeypatch.setattr(craft_gui_kills, "POLL", 0)
    monkeypatch.setattr(craft_gui_kills, "place_of", lambda out: next(places))
    monkeypatch.setattr(
        craft_gui_kills, "_start", lambda settings: subprocess.Popen(["sleep", "60"])
    )
    moment = craft_gui_kills.Moment(2, 0.5)
    assert craft_gui_kills._killed(settings, moment, seconds=1e9)
    assert next(places, None) is None


def test_half_a_comparison_is_run_and_not_published(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    trained: list[Path] = []

    def train(settings: CraftGUIConfig) -> dict[str, Summary]:
        trained.append(settings.out)
        found = Summary(SuccessRate(1, 2), {"miniwob/click-color": SuccessRate(1, 2)}, {})
        return {"base": found, "craft_gui": found}

    monkeypatch.setattr(grpo, "train", train)
    config = craft_gui.BenchmarkConfig(
        seeds=(0, 1), labels=("grpo_uniform",), out=tmp_path, results=tmp_path
    )
    assert craft_gui.run(config) is None
    assert [out.name for out in trained] == ["grpo_uniform-0", "grpo_uniform-1"]
    with pytest.raises(ConfigError, match="craft_gui, grpo_uniform"):
        craft_gui.run(replace(config, labels=("staged",)))


@pytest.mark.parametrize(("given", "used"), [("", "shown"), ("mine", "mine")])
def test_on_the_phone_both_start_from_the_model_that_was_shown_how_unless_told_otherwise(
    given: str, used: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bases: list[str] = []

    def train(settings: CraftGUIConfig) -> dict[str, Summary]:
        bases.append(settings.base)
        found = Summary(SuccessRate(1, 2), {"phone/messages-star": SuccessRate(1, 2)}, {})
        return {"base": found, "craft_gui": found}

    monkeypatch.setattr(grpo, "train", train)
    monkeypatch.setattr(craft_gui, "phone_base", lambda config: config.out / "shown")
    craft_gui.run(
        craft_gui.BenchmarkConfig(suite="phone", base=given, out=tmp_path, results=tmp_path)
    )
    assert [Path(base).name for base in bases] == [used, used]


def test_the_starting_policy_is_tested_once_for_each_seed(tmp_path: Path) -> None:
    first, other = tmp_path / "craft_gui-0", tmp_path / "grpo_uniform-0"
    craft_gui.share_base(first, other)
    assert not other.exists()
    (first / "evaluation" / "base").mkdir(parents=True)
    (first / "evaluation" / "base" / "shard").touch()
    for _ in range(2):
        craft_gui.share_base(first, other)
    assert (other / "evaluation" / "base" / "shard").exists()


def test_kills_that_an_earlier_call_has_compared_are_not_run_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = craft_gui_kills.BenchmarkConfig(kills=2, out=tmp_path, results=tmp_path)
    compared: list[int] = []

    def compare(
        settings: CraftGUIConfig,
        whole: CraftGUIConfig,
        moment: craft_gui_kills.Moment,
        lasted: list[float],
    ) -> dict[str, bool]:
        compared.append(moment.place)
        if len(compared) == 2:
            raise ConfigError("stopped")
        return {"killed": True, "same": True}

    monkeypatch.setattr(craft_gui_kills, "_left_alone", lambda settings: [1.0] * 12)
    monkeypatch.setattr(craft_gui_kills, "_compared", compare)
    with pytest.raises(ConfigError, match="stopped"):
        craft_gui_kills.run(config)
    path = craft_gui_kills.run(config)
    assert compared[1] == compared[2] != compared[0]
    (row,) = json.loads(path.read_text())["rows"]
    assert (row["value"], row["n"]) == (1.0, 2)
