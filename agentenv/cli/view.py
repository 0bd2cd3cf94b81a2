"""`agentenv view`: stored trajectories as one web page, or one of them as a video."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from agentenv.errors import ConfigError
from agentenv.progress import console

if TYPE_CHECKING:
    from agentenv.trajectories.store import TrajectoryStore


@dataclass(frozen=True)
class ViewConfig:
    """What to show, and where to write it."""

    store: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="STORE")]
    """Directory of a trajectory store, as `agentenv collect` writes it."""
    out: Path | None = None
    """The page to write; by default view.html in the store."""
    limit: int = 200
    """Episodes at most; 0 shows all of them."""
    video: Path | None = None
    """Instead of the page, one episode as an animated image: out.webp, out.gif or out.png."""
    episode: int = 0
    """Number of the episode of the video."""
    seconds: float = 1.0
    """How long the video shows each step."""


def run(config: ViewConfig) -> None:
    """Write the page (or the video) and print its path."""
    from agentenv.trajectories.store import TrajectoryStore

    store = TrajectoryStore(config.store)
    if config.video is None:
        _write_page(store, config)
    else:
        _write_video(store, config, config.video)


def _write_page(store: TrajectoryStore, config: ViewConfig) -> None:
    from agentenv.trajectories.viewer import write_viewer

    out = config.out or config.store / "view.html"
    out.parent.mkdir(parents=True, exist_ok=True)
    title = f"{store.manifest.policy} on {store.manifest.suite}"
    shown = write_viewer(store.episodes(), out, title=title, limit=config.limit or None)
    console.print(f"{shown} of {len(store)} episodes: {out}", soft_wrap=True, highlight=False)


def _write_video(store: TrajectoryStore, config: ViewConfig, path: Path) -> None:
    from agentenv.trajectories.video import write_video

    if not 0 <= config.episode < len(store):
        raise ConfigError(
            f"--episode must be from 0 to {len(store) - 1}, not {config.episode}"
            if len(store)
            else f"{config.store} holds no episodes yet"
        )
    episode = store.episode(config.episode)
    frames = write_video(episode, path, seconds=config.seconds)
    console.print(f"{episode.key}, {frames} frames: {path}", soft_wrap=True, highlight=False)
