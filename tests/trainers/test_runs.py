from __future__ import annotations

import itertools
import threading
from pathlib import Path

import torch

from trainers.runs import RunDirectory, save_training_state, saved_step


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


def test_the_saved_step_is_right_while_the_state_is_being_replaced(tmp_path: Path) -> None:
    """Its header grows and shrinks with the notes, and so the places of the numbers after it."""
    path, other = tmp_path / "state.safetensors", tmp_path / "other"
    model = torch.nn.Linear(8, 8)
    versions = []
    for notes in ("short", "long " * 200):
        save_training_state(path, model, torch.optim.AdamW(model.parameters()), 7, {"": notes})
        versions.append(path.read_bytes())
    read = threading.Event()

    def replace_it() -> None:
        for version in itertools.cycle(versions):
            if read.is_set():
                return
            other.write_bytes(version)
            other.replace(path)

    writer = threading.Thread(target=replace_it)
    writer.start()
    try:
        steps = {saved_step(path) for _ in range(3000)}
    finally:
        read.set()
        writer.join()
    assert steps == {7}
