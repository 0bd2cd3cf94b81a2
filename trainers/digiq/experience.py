"""Stages 1, 2 and 4 of some episodes: they are collected, given candidates and features."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from safetensors.torch import save_file

from agentenv.actions import BROWSER_ACTIONS
from agentenv.collecting import collect
from agentenv.dialects import get_dialect
from agentenv.errors import ConfigError
from agentenv.policies.language_model import VisionLanguageModel
from agentenv.policies.prompts import Prompt, PromptFormat, render
from agentenv.policies.vlm import VLMPolicy, weights_digest
from agentenv.progress import track
from agentenv.tasks.base import Task
from agentenv.trajectories.episode import Episode
from agentenv.trajectories.store import TrajectoryStore
from trainers.digiq.candidates import (
    Candidates,
    load_candidates,
    propose_candidates,
    save_candidates,
)
from trainers.digiq.config import CollectSettings, DigiQConfig
from trainers.digiq.feature_cache import FeatureCache
from trainers.digiq.features import (
    FrozenStates,
    extract_features,
    final_features,
    final_history,
    score_candidates,
)
from trainers.digiq.finished import read_frozen, state_prompts, usable_episodes
from trainers.runs import RunDirectory, place


class ExperienceInputs(Protocol):
    """What determines each stage's outcome."""

    @property
    def collect(self) -> dict[str, Any]:
        """Of the episodes."""

    @property
    def candidates(self) -> dict[str, Any]:
        """Of the candidates."""

    @property
    def features(self) -> dict[str, Any]:
        """Of the features."""


class Experience:
    """Episodes with what learning needs of them.

    Each `cached_property` is a stage's product, computed on first use or read from disk
    if the stage has finished with the same inputs.

    Args:
        config: of the run.
        run: where finished stages are marked.
        tasks: that are acted.
        inputs: of the stages.
        settings: of collecting.
        first: number of the first instance that is acted.
        policy: collects and proposes candidates, at a given temperature.
        representation: the frozen model that features are of.
        name: of its stages and its folder; empty for the run's logged episodes.
    """

    def __init__(
        self,
        config: DigiQConfig,
        run: RunDirectory,
        tasks: Mapping[str, Task],
        inputs: ExperienceInputs,
        settings: CollectSettings,
        *,
        policy: Callable[[float], VLMPolicy],
        representation: Callable[[], VisionLanguageModel],
        first: int = 0,
        name: str = "",
    ) -> None:
        self.config, self.run, self.tasks, self.inputs = config, run, tasks, inputs
        self.settings = settings
        self.first = first
        self.policy = policy
        self.representation = representation
        self.dialect = get_dialect(config.dialect)
        self.folder = config.out / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self._prefix = f"{name}_" if name else ""
        self._title = f"{name}: " if name else ""

    @cached_property
    def store(self) -> TrajectoryStore:
        """Stage 1: the episodes on disk."""
        c, stage = self.settings, f"{self._prefix}collect"
        if c.data is not None:
            return TrajectoryStore(c.data)
        path = place(self.folder, "data", self.inputs.collect)
        if self.run.finished(stage, self.inputs.collect) is None:
            collect(
                self.policy(c.temperature),
                self.tasks.values(),
                path,
                split="train",
                episodes=c.episodes,
                first=self.first,
                seed=self.config.seed,
                devices=self.config.devices,
                dialect=self.config.dialect,
                description=f"{self._title}1 collect",
            )
            self.run.finish(stage, self.inputs.collect, {"data": str(path)})
        return TrajectoryStore(path)

    @cached_property
    def episodes(self) -> list[Episode]:
        """Those that can be learned from (no infrastructure failures)."""
        episodes = usable_episodes(self.store)
        if not episodes:
            raise ConfigError(f"no usable episode in {self.store.path}")
        return episodes

    @cached_property
    def prompts(self) -> list[Prompt]:
        """Prompts of all states, in order."""
        return state_prompts(self.episodes, self.dialect, PromptFormat.load(self.config.base))

    @cached_property
    def candidates(self) -> list[Candidates]:
        """Stage 2: candidate actions of every state."""
        c, stage = self.config.candidates, f"{self._prefix}candidates"
        file = self.folder / "candidates.parquet"
        if self.run.finished(stage, self.inputs.candidates) is None:
            policy = self.policy(c.temperature)
            with track(f"{self._title}2 candidates", total=len(self.prompts)) as bar:
                rows = propose_candidates(
                    self.episodes,
                    policy,
                    n=c.n,
                    progress=lambda done: bar.advance(done - bar.done),
                )
            save_candidates(file, rows)
            self.run.finish(stage, self.inputs.candidates, {"states": len(rows)})
        return load_candidates(file)

    @cached_property
    def frozen(self) -> FrozenStates:
        """Stage 4: frozen features of all states and candidates."""
        folder, stage = self.folder / "features", f"{self._prefix}features"
        if self.run.finished(stage, self.inputs.features) is None:
            self._extract(folder)
            self.run.finish(stage, self.inputs.features, {"states": len(self.prompts)})
        return read_frozen(folder, self.candidates)

    def _extract(self, folder: Path) -> None:
        layer = self.config.representation.layer
        vlm, root = self.representation(), self.config.feature_cache
        cache = FeatureCache(root, weights_digest(vlm), layer) if root else None
        with track(f"{self._title}4 features", total=len(self.prompts)) as bar:
            extract_features(
                vlm,
                self.prompts,
                self.candidates,
                self.dialect,
                topics=self.config.representation.topics,
                layer=layer,
                folder=folder,
                batch_size=16,
                progress=lambda done: bar.advance(done - bar.done),
                cache=cache,
            )
        late = [final_history(e) for e in self.episodes if not e.terminated]
        prompts = [render(h, self.dialect, vlm.form, BROWSER_ACTIONS) for h in late]
        finals = final_features(vlm, prompts, layer=layer, batch_size=16)
        with track(f"{self._title}4 log-probs", total=len(self.prompts)) as bar:
            scores = score_candidates(
                VisionLanguageModel.from_pretrained(self.config.base),
                self.prompts,
                self.candidates,
                batch_size=16,
                progress=lambda done: bar.advance(done - bar.done),
            )
        save_file({"state": finals, "scores": scores}, folder / "more.safetensors")
