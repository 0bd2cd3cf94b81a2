"""A run directory: metrics, finished stages, and interrupted training states.

```
config.yaml   metrics.jsonl   tensorboard/   stages/<stage>.json   report.html
```
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter

from agentenv.trajectories.durable import write_durably

logger = logging.getLogger(__name__)


class RunDirectory:
    """One training run on disk.

    Args:
        path: created if missing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "stages").mkdir(parents=True, exist_ok=True)
        self._board: SummaryWriter | None = None

    def log(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        """Append one line to ``metrics.jsonl`` and the same numbers to TensorBoard."""
        line = {"stage": stage, "step": step, "time": round(time.time(), 2), **values}
        with (self.path / "metrics.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")
        if self._board is None:
            self._board = SummaryWriter(str(self.path / "tensorboard"))
        for name, value in values.items():
            self._board.add_scalar(f"{stage}/{name}", value, step)

    def metrics(self, stage: str) -> list[dict[str, Any]]:
        """What was logged of a stage; where a step was logged twice (a resumed run), the last."""
        file = self.path / "metrics.jsonl"
        if not file.exists():
            return []
        rows: dict[int, dict[str, Any]] = {}
        for text in file.read_text().splitlines():
            try:
                row = json.loads(text)
            except json.JSONDecodeError:
                logger.warning("skipping a torn line of %s", file)
                continue
            if row["stage"] == stage:
                rows[row["step"]] = row
        return [rows[step] for step in sorted(rows)]

    def finished(self, stage: str, inputs: Any) -> dict[str, Any] | None:
        """The result of a stage that finished with these inputs; None if it must run.

        Args:
            stage: its name.
            inputs: JSON-able description of everything that determines the outcome.
        """
        marker = self.path / "stages" / f"{stage}.json"
        if not marker.exists():
            return None
        content = json.loads(marker.read_text())
        if content["inputs"] != fingerprint(inputs):
            logger.info("stage %s: its inputs changed since it last ran, running it again", stage)
            return None
        result: dict[str, Any] = content["result"]
        return result

    def finish(self, stage: str, inputs: Any, result: Mapping[str, Any]) -> None:
        """Mark a stage as finished, with what later stages need of it."""
        content = {"inputs": fingerprint(inputs), "result": dict(result)}
        write_durably(
            self.path / "stages" / f"{stage}.json", json.dumps(content, indent=1).encode()
        )

    def close(self) -> None:
        """Flush TensorBoard."""
        if self._board is not None:
            self._board.close()
            self._board = None


def fingerprint(inputs: Any) -> str:
    """Hash of a JSON-able description (dataclasses and paths as text)."""
    return hashlib.sha256(json.dumps(inputs, sort_keys=True, default=str).encode()).hexdigest()


def place(folder: Path, name: str, inputs: Any) -> Path:
    """Where in a folder a stage keeps what it may continue: other inputs, another place."""
    return folder / f"{name}-{fingerprint(inputs)[:8]}"


def save_training_state(
    path: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    step: int,
    notes: Mapping[str, Any] | None = None,
) -> None:
    """Weights that are being trained and the optimiser's moments, as safetensors.

    Args:
        path: of the file, replaced in one step.
        model: whose trained weights are kept.
        optimizer: of these.
        step: how many steps are behind it.
        notes: JSON-able, what else a resumed run needs; `saved_notes` reads them.
    """
    tensors: dict[str, Tensor] = {"step": torch.tensor(step)}
    names = {id(p): n for n, p in model.named_parameters() if p.requires_grad}
    for parameter, state in optimizer.state.items():
        name = names[id(parameter)]
        tensors[f"weight/{name}"] = parameter.detach().cpu().clone()
        for key, value in state.items():
            tensors[f"{key}/{name}"] = torch.as_tensor(value).detach().cpu().clone()
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    save_file(tensors, temporary, {"notes": json.dumps(dict(notes or {}))})
    temporary.replace(path)


def saved_step(path: Path) -> int:
    """How many steps a saved training state has behind it; 0 if there is none.

    May be asked of a run that goes on.
    """
    if not path.exists():
        return 0
    # Not "pt", which opens the file once for its header and again for its numbers: if it was
    # replaced in between, what lies at the old places is something else.
    with safe_open(path, framework="np") as file:
        return int(file.get_tensor("step"))


def saved_notes(path: Path) -> dict[str, Any]:
    """The notes of a saved training state; none if there is none."""
    if not path.exists():
        return {}
    with safe_open(path, framework="pt") as file:
        notes: dict[str, Any] = json.loads((file.metadata() or {}).get("notes", "{}"))
    return notes


def load_training_state(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> int:
    """Undo `save_training_state`; returns the step to go on from (0 if nothing was saved)."""
    if not path.exists():
        return 0
    tensors = load_file(path)
    for name, parameter in model.named_parameters():
        if f"weight/{name}" not in tensors:
            continue
        with torch.no_grad():
            parameter.copy_(tensors[f"weight/{name}"])
        optimizer.state[parameter] = {
            key: (value if key == "step" else value.to(parameter.device))
            for full, value in tensors.items()
            if "/" in full and not full.startswith("weight/")
            for key, _, owner in [full.partition("/")]
            if owner == name
        }
    return int(tensors["step"])
