"""A finished run of `agentenv train digiq`, opened to be looked at: no stage runs, no file changes.

What a run learned from and what it made is read as its stages left it. Whether they would
run again today (other settings, another version) does not matter here.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

from agentenv.actions import BROWSER_ACTIONS
from agentenv.config import load_config
from agentenv.dialects import get_dialect
from agentenv.dialects.base import Dialect
from agentenv.errors import ConfigError
from agentenv.policies.prompts import Prompt, PromptFormat, render
from agentenv.trajectories.episode import Episode
from agentenv.trajectories.store import TrajectoryStore
from trainers.digiq.candidates import Candidates, load_candidates
from trainers.digiq.config import DigiQConfig
from trainers.digiq.features import FrozenStates, transitions
from trainers.digiq.transitions import TransitionFeatures

logger = logging.getLogger(__name__)


def usable(episode: Episode) -> bool:
    """Whether an episode can be learned from: no infrastructure failure, and with what was
    seen after the last action where more could have followed."""
    ended = episode.terminated or episode.final_observation is not None
    return bool(episode.steps) and not episode.infra_error and ended


def usable_episodes(store: TrajectoryStore) -> list[Episode]:
    """Logged episodes that can be learned from."""
    return [episode for episode in store.episodes() if usable(episode)]


def state_prompts(
    episodes: Sequence[Episode], dialect: Dialect, form: PromptFormat
) -> list[Prompt]:
    """Prompts of all logged states, in order."""
    return [
        render(episode.history_at(number), dialect, form, BROWSER_ACTIONS)
        for episode in episodes
        for number in range(len(episode.steps))
    ]


def read_features(
    folder: Path,
    episodes: Sequence[Episode],
    candidates: Sequence[Candidates],
    dialect: Dialect,
) -> TransitionFeatures:
    """What the stage `features` wrote into its folder, with the episodes' outcomes."""
    return transitions(episodes, read_frozen(folder, candidates), dialect)


def read_frozen(folder: Path, candidates: Sequence[Candidates]) -> FrozenStates:
    """What the stage `features` wrote into its folder, memory-mapped."""
    more = load_file(folder / "more.safetensors")
    arrays = [np.load(folder / name, mmap_mode="r+") for name in ("state.npy", "candidates.npy")]
    state, candidate = (torch.from_numpy(array) for array in arrays)
    return FrozenStates(candidates, state, candidate, more["scores"], more["state"])


class FinishedRun:
    """One run directory.

    Each `cached_property` raises `ConfigError` if its stage has not finished.

    Args:
        path: the run directory, which may have been moved.

    Raises:
        ConfigError: it is none of `agentenv train digiq`.
    """

    def __init__(self, path: Path) -> None:
        if not (path / "config.yaml").is_file():
            raise ConfigError(
                f"{path} is not a run of agentenv train digiq: it has no config.yaml; "
                "give the folder that the training had as --out"
            )
        try:
            config = load_config(DigiQConfig, path / "config.yaml")
        except ConfigError as error:
            raise ConfigError(
                f"{path} is not a run of agentenv train digiq, or of another version of it: {error}"
            ) from error
        self.path = path
        self.config = replace(config, out=path)
        self.dialect = get_dialect(config.dialect)

    def stage(self, name: str) -> dict[str, Any]:
        """A finished stage's marker: the fingerprint of its ``inputs``, and its ``result``.

        Raises:
            ConfigError: the stage has not finished.
        """
        try:
            marker: dict[str, Any] = json.loads((self.path / "stages" / f"{name}.json").read_text())
        except FileNotFoundError:
            raise ConfigError(
                f"{self.path} is unfinished: its stage {name} has not been run to the end; "
                f"resume it: {self.training}"
            ) from None
        return marker

    @property
    def training(self) -> str:
        """The command that goes on with the run."""
        return f"agentenv train digiq --config {self.path / 'config.yaml'} --out {self.path}"

    @cached_property
    def store(self) -> TrajectoryStore:
        """What was learned from."""
        data = self.config.collect.data
        if data is None:
            data = self.path / Path(self.stage("collect")["result"]["data"]).name
        return TrajectoryStore(data)

    @cached_property
    def episodes(self) -> list[Episode]:
        """The logged episodes that were learned from."""
        return usable_episodes(self.store)

    @cached_property
    def prompts(self) -> list[Prompt]:
        """Prompts of all logged states, in order."""
        form = PromptFormat.load(self.config.base)
        return state_prompts(self.episodes, self.dialect, form)

    @cached_property
    def candidates(self) -> list[Candidates]:
        """Candidate actions of every logged state."""
        self.stage("candidates")
        return load_candidates(self.path / "candidates.parquet")

    @cached_property
    def features(self) -> TransitionFeatures:
        """Frozen features of all states and candidates, with their outcomes."""
        self.stage("features")
        return read_features(self.path / "features", self.episodes, self.candidates, self.dialect)

    def model(self, label: str) -> str:
        """Name or path of the model of the base policy (`base`) or of a method's actor."""
        if label == "base":
            return self.config.base
        self.stage(f"actor_{label}")
        return str(self.path / "models" / label)

    def evaluation(self, label: str, version: str) -> TrajectoryStore | None:
        """The episodes that measured a policy; None if there are none.

        Args:
            label: of the policy.
            version: of the policy (`VLMPolicy.version`); episodes of another one, from
                before it was trained again, are not meant. Of several sets the largest.
        """
        folders = sorted((self.path / "evaluation").glob(f"{label}-*"))
        stores = [TrajectoryStore(folder) for folder in folders]
        of_it = [s for s in stores if s.manifest.metadata.get("policy_version") == version]
        if stores and not of_it:
            logger.warning(
                "%s: %s was trained again, or is sampled otherwise, since it was measured; "
                "measure it: %s",
                *(self.path, label, self.training),
            )
        return max(of_it, key=len, default=None)
