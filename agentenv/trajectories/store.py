"""Episodes on disk: a directory of Parquet shards and a JSON manifest.

A shard counts once the manifest names it, and the manifest is replaced in one rename.
So whatever is killed when, a store holds whole episodes only; a shard that was
written but not yet named is ignored, and removed by the next writer.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import re
from collections.abc import Iterator, Mapping
from itertools import accumulate
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from agentenv.errors import ConfigError, StoreError
from agentenv.trajectories.durable import write_durably
from agentenv.trajectories.episode import Episode
from agentenv.trajectories.manifest import (
    MANIFEST,
    Manifest,
    ShardInfo,
    check_size,
    load_manifest,
    read_shard,
    save_manifest,
)
from agentenv.trajectories.schema import SCHEMA, episode_of, rows_of

log = logging.getLogger(__name__)

EpisodeKey = tuple[str, str, int, int]
"""(task, split, index, attempt): what makes an episode of a collection unique."""

SHARD_BYTES = 128 * 2**20
"""A shard is also written when its screenshots reach this size: readers hold one whole."""

_SHARD_NAME = "shard-{:05d}.parquet"
_OWN_FILE = re.compile(r"shard-\d{5,}\.parquet|\.(shard-\d{5,}\.parquet|manifest\.json)\.tmp")


class TrajectoryWriter:
    """Writes episodes to a store, creating it or continuing it.

    Args:
        path: the store's directory.
        policy: name of the policy that acts.
        suite: name of the tasks' suite.
        seed: seed of the collection.
        shard_episodes: episodes per shard; what a crash can lose at most.
        metadata: anything JSON can hold; added to what a continued store has.

    Raises:
        ConfigError: the existing store is of another policy, suite or seed.
        StoreError: the existing store is damaged or of another schema version,
            or another writer has it open.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        policy: str,
        suite: str,
        seed: int,
        shard_episodes: int = 64,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        if shard_episodes < 1:
            raise ConfigError(f"shard_episodes is {shard_episodes}; it must be at least 1")
        self.path = Path(path)
        self._shard_episodes = shard_episodes
        self._pending: list[Episode] = []
        self._rows: list[dict[str, Any]] = []
        self._bytes = 0
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock: int | None = _lock(self.path)
        try:
            identity = Manifest.new(
                policy=policy, suite=suite, seed=seed, metadata=dict(metadata or {})
            )
            self._manifest = _open_or_create(self.path, identity)
        except BaseException:
            self._unlock()
            raise

    @property
    def manifest(self) -> Manifest:
        """What is on disk now; episodes not yet flushed are not in it."""
        return self._manifest

    def append(self, episode: Episode) -> None:
        """Add an episode; it is on disk once its shard is full, or after `flush`.

        Raises:
            ValueError: the episode holds a number or an action that is none; it is
                not added, and the writer can go on.
            StoreError: the writer is closed.
        """
        if self._lock is None:
            raise StoreError(f"the writer of {self.path} is closed; open a new one to append")
        number = self._manifest.counts.episodes + len(self._pending)
        rows = rows_of(episode, number)
        self._pending.append(episode)
        self._rows += rows
        self._bytes += sum(len(row["screenshot"]["bytes"]) for row in rows if "screenshot" in row)
        if len(self._pending) >= self._shard_episodes or self._bytes >= SHARD_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what was appended as a shard; returns when it is safely on disk."""
        if not self._pending:
            return
        data = _to_parquet(self._rows)
        shard = ShardInfo(
            file=_SHARD_NAME.format(len(self._manifest.shards)),
            episodes=len(self._pending),
            rows=len(self._rows),
            bytes=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
        )
        manifest = self._manifest.with_shard(shard, self._pending)
        write_durably(self.path / shard.file, data)
        save_manifest(self.path, manifest)
        self._manifest = manifest
        self._pending, self._rows, self._bytes = [], [], 0

    def close(self) -> None:
        """Flush and let others write; may be called twice."""
        if self._lock is not None:
            try:
                self.flush()
            finally:
                self._unlock()

    def __enter__(self) -> TrajectoryWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Also after an error: the episodes appended so far are whole ones.
        self.close()

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


class TrajectoryStore:
    """Reads a store. Shards are checked against the manifest as they are read.

    Args:
        path: the store's directory.

    Raises:
        StoreError: there is no store, a shard is missing or torn (it is named),
            or the schema version is another one (both are named).
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.manifest: Manifest = load_manifest(self.path)
        for shard in self.manifest.shards:
            check_size(self.path, shard)
        self._ends = list(accumulate(shard.episodes for shard in self.manifest.shards))
        self._cached: tuple[int, pa.Table] | None = None

    @property
    def shard_paths(self) -> list[Path]:
        """The Parquet files, in order, e.g. for `datasets.load_dataset("parquet", ...)`."""
        return [self.path / shard.file for shard in self.manifest.shards]

    def __len__(self) -> int:
        return self.manifest.counts.episodes

    def episodes(self) -> Iterator[Episode]:
        """All episodes in the order they were appended, one shard in memory at a time."""
        for shard in self.manifest.shards:
            table = _from_parquet(read_shard(self.path, shard))
            for start, stop in _episode_bounds(table):
                yield episode_of(table.slice(start, stop - start).to_pylist())

    def episode(self, number: int) -> Episode:
        """One episode by its number (the `episode` column); the last shard read is kept.

        Raises:
            IndexError: there is no such episode.
        """
        if not 0 <= number < len(self):
            raise IndexError(f"episode {number} of {self.path}, which holds {len(self)}")
        position = next(i for i, end in enumerate(self._ends) if number < end)
        if self._cached is None or self._cached[0] != position:
            data = read_shard(self.path, self.manifest.shards[position])
            self._cached = (position, _from_parquet(data))
        table = self._cached[1]
        first = self._ends[position] - self.manifest.shards[position].episodes
        start, stop = _episode_bounds(table)[number - first]
        return episode_of(table.slice(start, stop - start).to_pylist())

    def keys(self) -> set[EpisodeKey]:
        """The episodes present, for a collection that resumes."""
        keys: set[EpisodeKey] = set()
        columns = ["task", "split", "index", "attempt", "final"]
        for shard in self.manifest.shards:
            table = _from_parquet(read_shard(self.path, shard), columns)
            ends = table.filter(table["final"]).to_pylist()
            keys |= {(row["task"], row["split"], row["index"], row["attempt"]) for row in ends}
        return keys


def _open_or_create(path: Path, identity: Manifest) -> Manifest:
    """The manifest to continue from, on disk and rid of what a crash left."""
    if not (path / MANIFEST).exists():
        if shards := sorted(path.glob("*.parquet")):
            raise StoreError(
                f"{path} holds {shards[0].name} but no {MANIFEST}; restore the manifest, "
                "or choose an empty directory"
            )
        save_manifest(path, identity)
        return identity
    manifest = load_manifest(path)
    for name in ("policy", "suite", "seed"):
        old, new = getattr(manifest, name), getattr(identity, name)
        if old != new:
            raise ConfigError(
                f"{path} was collected with {name} {old!r}, not {new!r}; "
                "write to another directory, or continue with the same"
            )
    for shard in manifest.shards:
        check_size(path, shard)
    _remove_orphans(path, {shard.file for shard in manifest.shards})
    return manifest.model_copy(update={"metadata": manifest.metadata | identity.metadata})


def _remove_orphans(path: Path, named: set[str]) -> None:
    for file in path.iterdir():
        if file.name not in named and _OWN_FILE.fullmatch(file.name):
            log.warning("removing %s: a writer died before the manifest named it", file)
            file.unlink()


def _lock(path: Path) -> int:
    """Hold the store for this process; the kernel lets go when the process dies."""
    descriptor = os.open(path / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise StoreError(f"{path} is being written by another process; wait for it") from error
    return descriptor


def _to_parquet(rows: list[dict[str, Any]]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), sink, compression="zstd")
    return bytes(sink.getvalue())


def _from_parquet(data: bytes, columns: list[str] | None = None) -> pa.Table:
    return pq.read_table(pa.BufferReader(data), columns=columns)


def _episode_bounds(table: pa.Table) -> list[tuple[int, int]]:
    """(first row, row after the last) of each episode in a shard."""
    finals = pc.indices_nonzero(table["final"]).to_pylist()
    starts = [0, *(final + 1 for final in finals)]
    return [(start, final + 1) for start, final in zip(starts, finals, strict=False)]
