"""Frozen features on disk, found again by what they are features of.

Other critic settings, or more logged data, need the same features of the same states and
actions: another run with the same model reads them here instead of computing them. Each
run still keeps its own memory-mapped arrays, gathered from here.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from agentenv.policies.prompts import Prompt

STATE = "state"
"""The name of the state's own features."""


class FeatureCache:
    """Features of one model's layer: a small file for each state.

    Args:
        folder: of the cache, shared by all models.
        model: digest of the model's weights.
        layer: whose hidden states the features are.
    """

    def __init__(self, folder: Path, model: str, layer: int) -> None:
        self.folder = folder / f"{model[:16]}-layer{layer}"

    def read(self, prompt: Prompt) -> dict[str, Tensor]:
        """(D,) float16 of the state (`STATE`) and of each known action (`action_key`).

        Empty if the state is new, or its file was damaged.
        """
        try:
            return load_file(self._file(prompt))
        except (FileNotFoundError, SafetensorError):
            return {}

    def write(self, prompt: Prompt, features: Mapping[str, Tensor]) -> None:
        """Keep a state's features beside those that are kept already."""
        file = self._file(prompt)
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary = file.with_suffix(f".{os.getpid()}.tmp")
        both = {**self.read(prompt), **features}
        save_file({name: row.half().contiguous().clone() for name, row in both.items()}, temporary)
        temporary.replace(file)

    def _file(self, prompt: Prompt) -> Path:
        """Text and image decide; how the text becomes tokens is the model's."""
        digest = hashlib.sha256(prompt.text.encode())
        digest.update(b"\0" + (prompt.png or b""))
        name = digest.hexdigest()
        return self.folder / name[:2] / f"{name[2:]}.safetensors"


def action_key(suffix: Sequence[int]) -> str:
    """The name of an action with the questions asked about it, from its token ids."""
    return hashlib.sha256(repr(list(suffix)).encode()).hexdigest()
