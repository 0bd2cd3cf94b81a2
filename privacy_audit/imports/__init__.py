"""Trajectories that other tools wrote, as episodes: JSON lines with PNG files beside them.

A trajectory is a file ``*.jsonl``; a run is such a file or a folder of them. The first line
describes the trajectory, each further line is a step. Two vocabularies are read, told apart by
the first line: our own (`plain`) and AndroidWorld's (`androidworld`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from agentenv.errors import ConfigError
from agentenv.trajectories.episode import Episode
from agentenv.trajectories.manifest import MANIFEST
from agentenv.trajectories.store import TrajectoryStore
from privacy_audit.imports import androidworld, plain
from privacy_audit.imports.lines import Lines
from privacy_audit.ocr import CACHE, ScreenReader


class Run(Protocol):
    """What an audit reads."""

    def __len__(self) -> int:
        """How many trajectories there are."""
        ...

    def episodes(self) -> Iterator[Episode]:
        """All of them, one at a time."""
        ...

    def episode(self, number: int) -> Episode:
        """One of them."""
        ...


def open_run(path: Path) -> tuple[str, Run]:
    """A trajectory store, or a run of another tool: (what it is called, the run).

    Raises:
        ConfigError: it is neither.
        StoreError: it is a damaged store.
    """
    if (path / MANIFEST).exists():
        store = TrajectoryStore(path)
        return f"{store.manifest.policy} on {store.manifest.suite}", store
    return path.stem, ImportedRun(path)


def reader_for(path: Path) -> ScreenReader:
    """Reads the screenshots of a run, and keeps what it read beside them.

    Raises:
        ConfigError: the extra `ocr` is not installed.
    """
    return ScreenReader((path if path.is_dir() else path.parent) / CACHE)


class ImportedRun:
    """A run of another tool, read like a trajectory store.

    Args:
        path: a file of JSON lines, or a folder that holds some.

    Raises:
        ConfigError: there are none.
    """

    def __init__(self, path: Path) -> None:
        self.files = sorted(path.rglob("*.jsonl")) if path.is_dir() else [path]
        if not self.files or not path.exists():
            raise ConfigError(
                f"{path} holds neither a trajectory store (manifest.json) nor trajectories as "
                "JSON lines (*.jsonl)"
            )

    def __len__(self) -> int:
        return len(self.files)

    def episodes(self) -> Iterator[Episode]:
        """All trajectories, one at a time, by the names of their files.

        Raises:
            ConfigError: one is not as it should be; names file and line.
        """
        return map(read_trajectory, self.files)

    def episode(self, number: int) -> Episode:
        """One of them."""
        return read_trajectory(self.files[number])


def read_trajectory(path: Path) -> Episode:
    """The trajectory in a file.

    Raises:
        ConfigError: it cannot be read, or a line is wrong; names file and line.
    """
    lines = Lines(path)
    reader = androidworld if "task_template" in lines.first else plain
    return reader.read(lines)
