"""Published figures: their files, the runs behind them, and the README's tables."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from agentenv.config import save_config
from agentenv.errors import ConfigError
from agentenv.statistics import SuccessRate, Summary, summarise
from agentenv.trajectories.store import TrajectoryWriter
from benchmarks import browser_steps, digiq_success
from benchmarks.digiq_success import BenchmarkConfig, FinishedRun, success_row
from benchmarks.results_file import RESULTS, Row, load_results, write_results
from benchmarks.stepping import Measured
from scripts.tables import README, TablesConfig, read_all, run, with_tables
from tests.trajectories.factories import make_episode
from trainers.digiq.config import ActorSettings, DigiQConfig, EvaluationSettings

TASKS = ("miniwob/click-link", "miniwob/click-test-2")
SETTINGS = DigiQConfig(tasks=TASKS, base="small", evaluation=EvaluationSettings(episodes=4))
COMMAND = "python -m benchmarks.digiq_success --seeds 0"


def success(label: str = "base", metric: str = "success", **values: Any) -> Row:
    defaults: dict[str, Any] = {"value": 0.5, "unit": "fraction", "ci95": (0.2, 0.8), "n": 8}
    return Row(label=label, metric=metric, **{**defaults, **values})


# The file


def test_results_survive_the_round_trip_and_say_how_they_were_made(tmp_path: Path) -> None:
    rows = [success(seeds=(0, 1)), success("digiq", value=0.75, vs={"base": 1.5}, ci95=None)]
    path = write_results("speed", rows, COMMAND, folder=tmp_path / "new")
    results = load_results(path)
    assert path == tmp_path / "new" / "speed.json"
    assert results.rows == tuple(rows)
    assert (results.name, results.command, results.date) == ("speed", COMMAND, date.today())
    assert results.versions["agentenv"]


def test_results_have_the_documented_fields_and_do_not_name_the_machine(tmp_path: Path) -> None:
    text = write_results("speed", [success()], COMMAND, folder=tmp_path).read_text()
    content = json.loads(text)
    fields = {"name", "command", "date", "machine", "versions", "rows"}
    assert set(content) == fields
    assert set(content["machine"]) == {"cpu", "cores", "memory_gb", "os", "python"}
    assert set(content["rows"][0]) == {
        *("label", "metric", "value", "unit", "ci95", "n", "seeds", "vs")
    }
    assert platform.node() not in text
    assert str(tmp_path) not in text


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([success(value=float("nan"), ci95=None)], "value"),
        ([success(vs={"base": float("inf")})], "vs"),
        ([success(n=0)], r"rows\.0\.n"),
        ([success(label="Digi Q")], "label"),
        ([success(value=0.9)], "outside its interval"),
        ([success(), success()], "success of base is given twice"),
        ([], "no rows"),
    ],
)
def test_wrong_rows_are_refused_and_nothing_is_written(
    tmp_path: Path, rows: list[Row], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        write_results("speed", rows, COMMAND, folder=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("place", ["/home/me/x.yaml", "~/x.yaml", "--out=/data", "C:\\x"])
def test_a_command_that_works_on_one_machine_only_is_refused(tmp_path: Path, place: str) -> None:
    with pytest.raises(ConfigError, match="path of this machine"):
        write_results("speed", [success()], f"python -m speed {place}", folder=tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"date": "yesterday"}, "date"),
        ({"comand": ""}, "unknown field 'comand'; did you mean command"),
        ({"name": "other"}, "rename"),
        ({"rows": [{"label": "base"}]}, "metric"),
    ],
)
def test_a_file_that_was_edited_wrongly_is_refused(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    path = write_results("speed", [success()], COMMAND, folder=tmp_path)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(ConfigError, match=message):
        load_results(path)


# Success of Digi-Q


def summary(*successes: int, infra: int = 0) -> Summary:
    """Four episodes of each task, so many of which succeed; some failures beside them."""
    return summarise(
        [
            make_episode(index, task=task, reward=float(index < number))
            for task, number in zip(TASKS, successes, strict=True)
            for index in range(4)
        ]
        + [make_episode(9, task=TASKS[0], infra_error="browser_crashed") for _ in range(infra)]
    )


def finished_run(path: Path, seed: int = 0, digiq: Sequence[int] = (4, 3), **changes: Any) -> Path:
    """The run directory of a finished run."""
    config = replace(SETTINGS, training_seed=seed, out=path, **changes)
    save_config(config, path / "config.yaml")
    for label, successes in {"base": (2, 1), "filtered_bc": (3, 1), "digiq": digiq}.items():
        store = path / "evaluation" / f"{label}-0123abcd"
        with TrajectoryWriter(store, policy=label, suite="miniwob", seed=seed) as writer:
            for task, number in zip(TASKS, successes, strict=True):
                for index in range(4):
                    writer.append(make_episode(index, task=task, reward=float(index < number)))
    return path


SHARED = (
    *("data-0123abcd/manifest.json", "candidates.parquet"),
    *("stages/collect.json", "stages/candidates.json"),
)


def benchmark(tmp_path: Path, **values: Any) -> BenchmarkConfig:
    save_config(SETTINGS, tmp_path / "settings.yaml")
    return BenchmarkConfig(results=tmp_path / "results", **values)


@pytest.fixture
def in_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path("settings.yaml")


def test_the_episodes_of_all_seeds_are_pooled(
    tmp_path: Path, in_checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[Path] = []

    def train_seed(settings: DigiQConfig) -> FinishedRun:
        trained.append(settings.out)
        files = [settings.out / name for name in SHARED]
        if settings.training_seed == 0:
            for file in files:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text("of the first")
        assert {file.read_text() for file in files} == {"of the first"}
        found = {"base": summary(2, 1), "digiq": summary(4, 3 + settings.seed_of_training)}
        return FinishedRun(settings.seed_of_training, settings.seed, found, date.today())

    monkeypatch.setattr(digiq_success, "train_seed", train_seed)
    config = benchmark(tmp_path, seeds=(0, 1), config=in_checkout)
    results = load_results(digiq_success.run(config))
    folder = config.out / "settings"
    assert trained == [folder / "seed-0", folder / "seed-1"]
    assert results.command == f"{COMMAND} 1 --config settings.yaml"
    rows = {(row.label, row.metric): row for row in results.rows}
    base, digiq = rows["base", "success"], rows["digiq", "success"]
    assert (base.value, base.n, base.seeds, base.vs) == (0.375, 16, (0, 1), {})
    assert (digiq.value, digiq.n, digiq.vs) == (0.9375, 16, {"base": 2.5})
    assert digiq.ci95 == (0.7167, 0.9889)  # Wilson, 15 of 16
    assert rows["digiq", f"success:{TASKS[1]}"].value == 0.875
    assert rows["digiq", f"success:{TASKS[1]}"].vs == {"base": 3.5}


def test_finished_runs_are_published_without_running_again(
    tmp_path: Path, in_checkout: Path
) -> None:
    runs = (finished_run(tmp_path / "a"), finished_run(tmp_path / "b", seed=5, digiq=(4, 4)))
    config = benchmark(tmp_path, from_run=runs, config=in_checkout)
    results = load_results(digiq_success.run(config))
    found = {row.label: (row.value, row.n, row.seeds) for row in results.rows[::3]}
    assert found == {
        "base": (0.375, 16, (0, 5)),
        "filtered_bc": (0.5, 16, (0, 5)),
        "digiq": (0.9375, 16, (0, 5)),
    }


def test_an_unfinished_run_is_not_published(tmp_path: Path, in_checkout: Path) -> None:
    more = EvaluationSettings(episodes=5)
    run_directory = finished_run(tmp_path / "run", evaluation=more)
    config = benchmark(tmp_path, from_run=(run_directory,), config=in_checkout)
    save_config(replace(SETTINGS, evaluation=more), in_checkout)
    with pytest.raises(ConfigError, match=r"not all 5 episodes of miniwob/click-link"):
        digiq_success.run(config)


def test_a_run_with_other_settings_is_not_published(tmp_path: Path, in_checkout: Path) -> None:
    run_directory = finished_run(tmp_path / "run", actor=ActorSettings(steps=7))
    config = benchmark(tmp_path, from_run=(run_directory,), config=in_checkout)
    with pytest.raises(ConfigError, match=r"other settings \(actor\)"):
        digiq_success.run(config)


def test_runs_that_learned_from_other_data_are_not_pooled(
    tmp_path: Path, in_checkout: Path
) -> None:
    runs = (finished_run(tmp_path / "a"), finished_run(tmp_path / "b", 1, (4, 4)))
    other = finished_run(tmp_path / "c", 2)
    save_config(replace(SETTINGS, seed=2, training_seed=2, out=other), other / "config.yaml")
    config = benchmark(tmp_path, from_run=(*runs, other), config=in_checkout)
    with pytest.raises(ConfigError, match="the data of seed 0"):
        digiq_success.run(config)


def test_the_same_seed_twice_is_refused(tmp_path: Path, in_checkout: Path) -> None:
    runs = (finished_run(tmp_path / "a"), finished_run(tmp_path / "b"))
    with pytest.raises(ConfigError, match="each once"):
        digiq_success.run(benchmark(tmp_path, from_run=runs, config=in_checkout))


def test_two_evaluations_of_one_policy_are_refused(tmp_path: Path, in_checkout: Path) -> None:
    run_directory = finished_run(tmp_path / "run")
    (run_directory / "evaluation" / "digiq-ffff0000").mkdir()
    config = benchmark(tmp_path, from_run=(run_directory,), config=in_checkout)
    with pytest.raises(ConfigError, match=r"several evaluations of digiq \(.*digiq-ffff0000"):
        digiq_success.run(config)


def test_infrastructure_failures_are_published_and_in_no_rate() -> None:
    summaries = {"base": summary(0, 0, infra=2), "digiq": summary(1, 0)}
    rows = digiq_success.result_rows(summaries, (0,))
    found = {(row.label, row.metric): (row.value, row.n) for row in rows}
    assert found["base", "success"] == (0.0, 8)
    assert found["base", "infra_errors"] == (2, 10)
    assert ("digiq", "infra_errors") not in found
    assert not any(row.vs for row in rows)  # nothing is a multiple of zero


# The README's tables


def published(folder: Path) -> Path:
    rows = digiq_success.result_rows(
        {"base": summary(2, 1, infra=1), "filtered_bc": summary(3, 1), "digiq": summary(4, 3)},
        seeds=(0, 1),
    )
    write_results("digiq_demo", rows, COMMAND, day=date(2026, 1, 2), folder=folder)
    speed = Row(label="lockstep", metric="steps", value=200, unit="1/s", n=50, vs={"peer": 40.0})
    write_results("speed", [speed], "python -m benchmarks.speed", folder=folder)
    return folder


EMPTY = "# Title\n<!-- table:digiq_demo --><!-- /table:digiq_demo -->\nend\n"


def test_a_success_table_has_a_line_a_task_and_intervals_in_the_total(tmp_path: Path) -> None:
    text = with_tables(EMPTY, read_all(published(tmp_path)))
    assert text.startswith("# Title\n<!-- table:digiq_demo -->\n| task | base | filtered BC |")
    for line in [
        "| task | base | filtered BC | Digi-Q |",
        "| miniwob/click-link | 50 % | 75 % | 100 % |",
        "| miniwob/click-test-2 | 25 % | 25 % | 75 % |",
        "| **all tasks** | **37.5 % [13.7, 69.4]** | **50.0 % [21.5, 78.5]** | "
        "**87.5 % [52.9, 97.8]** |",
    ]:
        assert line in text.splitlines()
    assert "8 episodes a policy (seeds 0, 1)" in text
    assert "Infrastructure failures, left out: 1." in text
    assert f"Measured on 2026-01-02 with {load_results(tmp_path / 'speed.json').machine.cores}" in (
        text
    )
    assert text.endswith(f"Again: `{COMMAND}`.\n<!-- /table:digiq_demo -->\nend\n")


def test_tasks_of_one_length_are_a_line_with_an_interval(tmp_path: Path) -> None:
    stage = success_row("base", "success:stage 2", SuccessRate(1, 4))
    rows = [success_row("base", "success", SuccessRate(1, 4)), stage]
    write_results("stages", rows, COMMAND, folder=tmp_path)
    text = with_tables("<!-- table:stages --><!-- /table:stages -->", read_all(tmp_path))
    assert "| tasks of 4 to 8 steps | 25.0 % [4.6, 69.9] |" in text.splitlines()


def test_success_without_tasks_is_one_line_among_the_others(tmp_path: Path) -> None:
    rows = [
        Row(label=label, metric=metric, value=value, unit="fraction", ci95=(0, 1), n=9)
        for label, value in (("base", 0.5), ("digiq_privacy", 0.25))
        for metric in ("success", "qualified")
    ]
    filled = replace(rows[0], metric="optional_fields", value=1 / 3, unit="fields", ci95=(0, 0.7))
    rows += [replace(filled, label=row.label) for row in rows[::2]]
    write_results("privacy", rows, COMMAND, folder=tmp_path)
    text = with_tables("<!-- table:privacy --><!-- /table:privacy -->", read_all(tmp_path))
    for metric in ("success", "privacy-qualified success"):
        assert f"| {metric} | 50.0 % [0.0, 100.0] | 25.0 % [0.0, 100.0] |" in text.splitlines()
    assert "episode (fields) | 0.33 [0, 0.7] | 0.33 [0, 0.7] |" in text


def test_other_results_get_one_line_a_number(tmp_path: Path) -> None:
    text = with_tables(
        "<!-- table:speed -->old<!-- /table:speed -->", read_all(published(tmp_path))
    )
    assert "| lockstep | steps | 200 1/s |  | 40.00 × peer |" in text
    assert "old" not in text


def test_more_labels_than_metrics_get_a_line_each(tmp_path: Path) -> None:
    rows = [
        Row(label="reference", metric="success", value=0.5, unit="fraction", ci95=(0.4, 0.6), n=9),
        Row(label="reference", metric="ranking", value=0.731, unit="auc", n=9),
        Row(label="n_1", metric="success", value=0.25, unit="fraction", ci95=(0.2, 0.3), n=9),
        Row(label="awr", metric="success", value=0.125, unit="fraction", ci95=(0.1, 0.2), n=9),
    ]
    write_results("variants", rows, COMMAND, folder=tmp_path)
    text = with_tables("<!-- table:variants --><!-- /table:variants -->", read_all(tmp_path))
    for line in [
        "|  | success | ranking of held-out steps (AUC) |",
        "| as above | 50.0 % [40.0, 60.0] | 0.731 |",
        "| N = 1 | 25.0 % [20.0, 30.0] | - |",
        "| AWR | 12.5 % [10.0, 20.0] | - |",
    ]:
        assert line in text.splitlines()


def test_writing_the_tables_again_changes_nothing(tmp_path: Path) -> None:
    results = read_all(published(tmp_path))
    once = with_tables(EMPTY, results)
    assert with_tables(once, results) == once


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<!-- table:digiq_mini --><!-- /table:digiq_mini -->", "did you mean digiq_demo"),
        ("<!-- table:speed --> ...", "no partner"),
        ("<!-- /table:speed -->", "no partner"),
        ("<!-- table:speed --><!-- table:speed --><!-- /table:speed -->", "no partner"),
        ("<!-- table:speed --><!-- /table:digiq_demo -->", "no partner"),
    ],
)
def test_a_wrong_marker_is_a_clear_error(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        with_tables(text, read_all(published(tmp_path)))


def test_the_check_fails_until_the_tables_are_written(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(EMPTY)
    config = TablesConfig(readme=readme, results=published(tmp_path / "results"))
    check = replace(config, check=True)
    with pytest.raises(ConfigError, match="make tables"):
        run(check)
    assert readme.read_text() == EMPTY
    run(config)
    run(check)
    readme.write_text(readme.read_text().replace("87.5 %", "97.5 %"))
    with pytest.raises(ConfigError, match="out of date"):
        run(check)


def test_the_tables_in_the_readme_are_those_of_the_published_results() -> None:
    assert "<!-- table:digiq_demo -->" in README.read_text(encoding="utf-8")
    assert (RESULTS / "digiq_demo.json").exists()
    run(TablesConfig(check=True))


# Environments against their peers


def measured(step: float, reset: float, stale: int) -> Measured:
    return Measured([reset] * 2, {"click-test-2": [step] * 4}, stale=stale, shown=10)


def test_rates_are_compared_with_each_peer_and_stale_screens_counted(tmp_path: Path) -> None:
    alone = {"agentenv": [measured(0.01, 0.02, 0)], "browsergym": [measured(0.8, 1.6, 3)]}
    together = {name: runs * 4 for name, runs in alone.items()}
    rows = browser_steps.result_rows(alone, together, 4)
    found = {(row.label, row.metric): row for row in rows}
    assert found["agentenv", "steps_per_second"].vs == {"browsergym": 80.0}
    assert found["agentenv", "steps_per_second_of_4"].value == 400.0
    assert found["agentenv", "resets_per_second"].vs == {"browsergym": 80.0}
    assert found["browsergym", "steps_per_second"].vs == {}
    assert found["browsergym", "stale"].value == 0.3
    assert found["browsergym", "step_p95"].value == 800.0

    write_results("browser_steps", rows, "python -m benchmarks.browser_steps", folder=tmp_path)
    table = with_tables(
        "<!-- table:browser_steps --><!-- /table:browser_steps -->", read_all(tmp_path)
    )
    assert "|  | agentenv | BrowserGym |" in table
    assert "| steps, one page (1/s) | 100 | 1.25 (80×) |" in table
    assert "| screenshots from before the action | 0.0 % | 30.0 % |" in table


def test_a_small_fraction_is_not_written_as_none(tmp_path: Path) -> None:
    small = Row(label="base", metric="failed", value=0.00044, unit="fraction", n=9)
    write_results("failures", [small, replace(small, label="other", value=0)], "x", folder=tmp_path)
    table = with_tables("<!-- table:failures --><!-- /table:failures -->", read_all(tmp_path))
    assert "0.04 %" in table
    assert "0.0 %" in table
