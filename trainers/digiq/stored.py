"""What a run has stored of its own logged states, found again by episode."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from safetensors.torch import load_file

from agentenv.errors import AgentenvError
from agentenv.trajectories.episode import Episode
from agentenv.trajectories.store import EpisodeKey, TrajectoryStore
from trainers.digiq.candidates import Candidates
from trainers.digiq.features import FrozenStates
from trainers.digiq.finished import FinishedRun, usable


class StoredStates:
    """A run's candidates, features and scores of its own data, read a few at a time.

    Args:
        run: its stages up to the features have finished.
        n: how many of the candidates to give out.
    """

    def __init__(self, run: FinishedRun, n: int) -> None:
        folder = run.path / "features"
        self._n = n
        self._candidates = run.candidates
        self._states = np.load(folder / "state.npy", mmap_mode="r")
        self._features = np.load(folder / "candidates.npy", mmap_mode="r")
        more = load_file(folder / "more.safetensors")
        self._scores, self._finals = more["scores"], more["state"]
        self._episodes = run.store.episodes()
        self._places: dict[EpisodeKey, tuple[int, int]] = {}
        self._states_read = self._finals_read = 0

    def of(self, episodes: Sequence[Episode]) -> FrozenStates:
        """What is stored of some of the data's usable episodes."""
        rows: list[int] = []
        finals: list[int] = []
        for episode in episodes:
            row, final = self._place(episode)
            rows += range(row, row + len(episode.steps))
            finals += [] if episode.terminated else [final]
        kept = [self._candidates[row] for row in rows]
        return FrozenStates(
            [Candidates(one.texts[: self._n], one.log_probs[: self._n]) for one in kept],
            torch.from_numpy(self._states[rows]),
            torch.from_numpy(self._features[rows, : self._n]),
            self._scores[rows, : self._n],
            self._finals[finals],
        )

    def _place(self, episode: Episode) -> tuple[int, int]:
        """An episode's first row, and the row of its final state if it has one: the data is
        read on until the episode comes."""
        while _key(episode) not in self._places:
            read = next(self._episodes)
            if usable(read):
                self._places[_key(read)] = self._states_read, self._finals_read
                self._states_read += len(read.steps)
                self._finals_read += not read.terminated
        return self._places[_key(episode)]


def stored_states(run: FinishedRun, store: TrajectoryStore, n: int) -> StoredStates | None:
    """What a run has stored of a store's states.

    Args:
        run: with a critic.
        store: any store.
        n: candidates a state that are asked for.

    Returns:
        None if the store is not the run's own data, if the run has fewer candidates, or if
        its features are not those that its critic was trained on.
    """
    try:
        own, features = run.store.manifest.shards, run.stage("features")
    except AgentenvError:  # its data is gone, say
        return None
    trained_on = run.stage("critic")["result"].get("features", features["inputs"])
    if own != store.manifest.shards or n > run.config.candidates.n:
        return None
    return StoredStates(run, n) if trained_on == features["inputs"] else None


def _key(episode: Episode) -> EpisodeKey:
    return (episode.task, episode.split, episode.index, episode.attempt)
