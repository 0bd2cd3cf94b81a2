from __future__ import annotations

from pathlib import Path

from trainers.runs import RunDirectory


def test_a_finished_stage_is_skipped_until_its_inputs_change(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    assert run.finished("critic", {"lr": 1}) is None
    run.finish("critic", {"lr": 1}, {"loss": 0.5})
    assert RunDirectory(tmp_path).finished("critic", {"lr": 1}) == {"loss": 0.5}
    assert run.finished("critic", {"lr": 2}) is None


def test_a_resumed_run_keeps_one_row_a_step_and_a_torn_line_is_skipped(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    run.log("actor", 10, {"loss": 2.0})
    run.log("critic", 10, {"loss": 9.0})
    run.log("actor", 10, {"loss": 1.0})
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"stage": "act')
    rows = run.metrics("actor")
    assert [(row["step"], row["loss"]) for row in rows] == [(10, 1.0)]
    run.close()
