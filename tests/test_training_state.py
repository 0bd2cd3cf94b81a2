"""What a training run saves of itself, as others read it."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path

import torch

from trainers.runs import save_training_state, saved_step


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
