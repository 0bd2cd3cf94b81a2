"""The commands that run episodes, with a real browser."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from agentenv.cli.main import FAILED, INTERRUPTED, main
from agentenv.collecting import collect
from agentenv.errors import ConfigError
from agentenv.policies.scripted import OraclePolicy, RandomPolicy
from agentenv.tasks.selection import select_tasks, suite_of
from agentenv.trajectories.store import TrajectoryStore

TASKS = ("miniwob/click-test-2", "miniwob/enter-text")


def keys(store: Path) -> set[tuple[str, str, int, int]]:
    return TrajectoryStore(store).keys()


def test_collect_stores_episodes_resumes_and_view_shows_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "store"
    command = ["collect", "--tasks", *TASKS, "--policy", "oracle", "--out", str(store)]
    assert main([*command, "--episodes", "1"]) == 0
    assert keys(store) == {(task, "train", 0, 0) for task in TASKS}
    assert "2 episodes of 2 tasks" in (store / "README.md").read_text(encoding="utf-8")
    shards = TrajectoryStore(store).shard_paths

    assert main([*command, "--episodes", "2", "--attempts", "2"]) == 0
    assert keys(store) == {
        (task, "train", index, attempt) for task in TASKS for index in (0, 1) for attempt in (0, 1)
    }
    assert len(TrajectoryStore(store)) == 8
    card = json.loads((store / "card.json").read_text())
    assert card["total"]["success"] | {"ci95": None} == {
        "value": 1.0,
        "ci95": None,
        "n": 8,
        "successes": 8,
        "infra_errors": 0,
    }
    assert all(episode.success for episode in TrajectoryStore(store).episodes())
    assert shards == TrajectoryStore(store).shard_paths[: len(shards)]

    before = TrajectoryStore(store).manifest
    assert main([*command, "--episodes", "2", "--attempts", "2"]) == 0
    assert TrajectoryStore(store).manifest == before

    assert main(["view", str(store), "--out", str(tmp_path / "page" / "view.html")]) == 0
    assert "8 of 8 episodes" in capsys.readouterr().out
    assert "click-test-2" in (tmp_path / "page" / "view.html").read_text(encoding="utf-8")


def test_eval_writes_rates_with_intervals_and_the_config_that_made_them(tmp_path: Path) -> None:
    out = tmp_path / "run"
    command = ["eval", "--policy", "oracle", "--tasks", TASKS[0], "--out", str(out)]
    assert main([*command, "--episodes", "2", "--devices", "1"]) == 0
    results = json.loads((out / "results.json").read_text())
    assert results["success"]["value"] == 1.0
    assert results["success"]["n"] == 2
    assert 0.3 < results["success"]["ci95"][0] < 1.0
    assert results["infra_errors"] == {}
    assert keys(out / "data") == {(TASKS[0], "test", index, 0) for index in (0, 1)}

    assert main(["eval", "--config", str(out / "config.yaml")]) == 0
    assert json.loads((out / "results.json").read_text()) == results


def test_a_store_is_never_continued_with_another_policy(tmp_path: Path) -> None:
    tasks = select_tasks(TASKS[:1])
    collect(RandomPolicy(seed=1), tasks.values(), tmp_path, episodes=1)
    with pytest.raises(ConfigError, match=r"policy version 'seed=1', not 'seed=2'"):
        collect(RandomPolicy(seed=2), tasks.values(), tmp_path, episodes=2)
    with pytest.raises(ConfigError, match=r"policy 'random', not 'oracle'"):
        collect(OraclePolicy(tasks), tasks.values(), tmp_path, episodes=2)


def test_an_unknown_task_is_one_line_with_the_closest_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["collect", "--tasks", "miniwob/click-tst-2", "--out", str(tmp_path)]) == FAILED
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert "miniwob/click-test-2" in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize("field", ["episodes", "devices", "attempts"])
def test_a_count_below_one_is_named(
    field: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["collect", "--tasks", TASKS[0], "--out", str(tmp_path), f"--{field}", "0"]
    assert main(command) == FAILED
    assert f"{field} must be at least 1" in capsys.readouterr().err


def test_view_of_what_is_no_store_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["view", str(tmp_path)]) == FAILED
    assert "is not a trajectory store" in capsys.readouterr().err


def test_a_suite_stands_for_all_its_tasks_and_each_task_comes_once() -> None:
    tasks = select_tasks([TASKS[1], "miniwob"])
    assert next(iter(tasks)) == TASKS[1]
    assert len(tasks) > 100
    assert suite_of(tasks.values()) == "miniwob"


def test_doctor_finds_a_browser_that_works(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--only", "chromium", "miniwob"]) == 0
    shown = capsys.readouterr().out
    assert "chromium" in shown
    assert "missing" not in shown


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, INTERRUPTED), (signal.SIGTERM, 143)]
)
def test_an_interrupted_collection_keeps_its_episodes_and_leaves_no_browser(
    number: signal.Signals, status: int, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "agentenv.cli.main", "collect", "--tasks", TASKS[0]]
    process = subprocess.Popen(
        [*command, "--episodes", "100000", "--devices", "1", "--out", str(tmp_path / "store")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # Tests that run in a shell's background inherit that Ctrl-C is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    manifest = tmp_path / "store" / "manifest.json"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if manifest.exists() and json.loads(manifest.read_text())["counts"]["episodes"]:
            break
        time.sleep(0.05)
    children = psutil.Process(process.pid).children(recursive=True)
    assert children
    process.send_signal(number)
    _, error = process.communicate(timeout=60)
    assert process.returncode == status
    assert "Traceback" not in error
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []
    assert len(list(TrajectoryStore(tmp_path / "store").episodes())) > 0
