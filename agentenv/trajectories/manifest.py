"""The manifest of a trajectory store: what it holds, and how to tell that it is intact."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from agentenv.errors import StoreError
from agentenv.trajectories.durable import write_durably
from agentenv.trajectories.episode import Episode
from agentenv.trajectories.schema import SCHEMA_VERSION

MANIFEST = "manifest.json"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Counts(_Record):
    """What a set of episodes adds up to."""

    episodes: int = 0
    steps: int = 0
    successes: int = 0
    infra_errors: int = 0

    def with_episode(self, episode: Episode) -> Counts:
        """These counts and one episode more."""
        return Counts(
            episodes=self.episodes + 1,
            steps=self.steps + len(episode.steps),
            successes=self.successes + episode.success,
            infra_errors=self.infra_errors + bool(episode.infra_error),
        )


class ShardInfo(_Record):
    """One Parquet file of the store."""

    file: str
    episodes: int
    rows: int
    bytes: int
    sha256: str


class Manifest(_Record):
    """`manifest.json`."""

    schema_version: int = SCHEMA_VERSION
    created: str
    """UTC, ISO 8601."""
    policy: str
    suite: str
    seed: int
    counts: Counts = Counts()
    by_task: dict[str, Counts] = {}
    shards: tuple[ShardInfo, ...] = ()
    metadata: dict[str, Any] = {}

    @classmethod
    def new(cls, *, policy: str, suite: str, seed: int, metadata: dict[str, Any]) -> Manifest:
        """The manifest of an empty store, created now."""
        created = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(created=created, policy=policy, suite=suite, seed=seed, metadata=metadata)

    def with_shard(self, shard: ShardInfo, episodes: Iterable[Episode]) -> Manifest:
        """This manifest and one shard more."""
        counts, by_task = self.counts, dict(self.by_task)
        for episode in episodes:
            counts = counts.with_episode(episode)
            by_task[episode.task] = by_task.get(episode.task, Counts()).with_episode(episode)
        return self.model_copy(
            update={
                "counts": counts,
                "by_task": dict(sorted(by_task.items())),
                "shards": (*self.shards, shard),
            }
        )


def load_manifest(directory: Path) -> Manifest:
    """Read a store's manifest.

    Raises:
        StoreError: there is no store, the manifest is damaged, or its schema version
            is not the one this code reads.
    """
    path = directory / MANIFEST
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise StoreError(f"{directory} is not a trajectory store: it has no {MANIFEST}") from None
    except ValueError as error:
        raise StoreError(f"{path} is damaged ({error}); restore it from a copy") from error
    version = content.get("schema_version") if isinstance(content, dict) else None
    if version != SCHEMA_VERSION:
        raise StoreError(
            f"{directory} has trajectory schema version {version!r}, this agentenv reads version "
            f"{SCHEMA_VERSION}; use the agentenv that wrote it, or collect again"
        )
    try:
        return Manifest.model_validate(content)
    except ValidationError as error:
        raise StoreError(f"{path} is damaged ({error}); restore it from a copy") from error


def save_manifest(directory: Path, manifest: Manifest) -> None:
    """Replace a store's manifest, crash-safely."""
    text = json.dumps(manifest.model_dump(mode="json"), indent=2, ensure_ascii=False)
    write_durably(directory / MANIFEST, (text + "\n").encode())


def check_size(directory: Path, shard: ShardInfo) -> None:
    """Tell a missing or torn shard without reading it.

    Raises:
        StoreError: naming the shard.
    """
    try:
        size = (directory / shard.file).stat().st_size
    except FileNotFoundError:
        raise StoreError(f"shard {shard.file} of {directory} is missing; {_REMEDY}") from None
    if size != shard.bytes:
        raise StoreError(
            f"shard {shard.file} of {directory} is torn: {size:,} bytes where the manifest says "
            f"{shard.bytes:,}; {_REMEDY}"
        )


def read_shard(directory: Path, shard: ShardInfo) -> bytes:
    """A shard's bytes, checked against the manifest.

    Raises:
        StoreError: it is missing, torn or altered; the message names it.
    """
    check_size(directory, shard)
    data = (directory / shard.file).read_bytes()
    if hashlib.sha256(data).hexdigest() != shard.sha256:
        raise StoreError(
            f"shard {shard.file} of {directory} was altered: its SHA-256 is not the manifest's; "
            f"{_REMEDY}"
        )
    return data


_REMEDY = "restore it from a copy, or collect into a new directory"
