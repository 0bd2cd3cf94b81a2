"""`agentenv view`: stored trajectories as one web page, or one of them as a video."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from agentenv.errors import ConfigError
from agentenv.progress import console, track

if TYPE_CHECKING:
    from agentenv.trajectories.store import TrajectoryStore
    from agentenv.trajectories.values import Valuer


@dataclass(frozen=True)
class ViewConfig:
    """What to show, and where to write it."""

    store: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="STORE")]
    """Directory of a trajectory store, as `agentenv collect` writes it."""
    out: Path | None = None
    """The page to write; by default view.html in the store (values.html with a critic)."""
    limit: int = 200
    """Episodes at most; 0 shows all of them."""
    episodes: tuple[int, ...] = ()
    """Numbers of the episodes to show, counting from 0; by default the first ones."""
    critic: Path | None = None
    """Run directory of `agentenv train digiq`: also show what its critic says of every step
    (candidate actions by Q, V along the episode), whatever store the steps are from."""
    policy: str | None = None
    """With a critic: the run's policy that is compared with the base policy it was trained
    from; by default digiq, if the run has it."""
    n_candidates: int | None = None
    """With a critic: candidates of each step, the logged action included; by default as
    many as the run has."""
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
    if config.critic is None and (config.policy is not None or config.n_candidates is not None):
        raise ConfigError("--policy and --n-candidates need --critic, the run they are of")
    if config.video is not None:
        if config.critic is not None:
            raise ConfigError("a video shows no values: leave out --critic, or --video")
        _write_video(store, config, config.video)
    elif config.critic is not None:
        _write_values(store, config, config.critic)
    else:
        _write_page(store, config, config.out or config.store / "view.html")


def _write_values(store: TrajectoryStore, config: ViewConfig, run: Path) -> None:
    """The page with what a critic says."""
    from trainers.digiq.values import CriticValues

    values = CriticValues(run, store, n=config.n_candidates, policy=config.policy)
    _write_page(store, config, config.out or config.store / "values.html", values)


def _write_page(
    store: TrajectoryStore, config: ViewConfig, out: Path, values: Valuer | None = None
) -> None:
    from agentenv.trajectories.viewer import write_viewer

    for number in config.episodes:
        _check_number(store, number, "--episodes")
    chosen = len(config.episodes) or len(store)
    episodes = (store.episode(n) for n in config.episodes) if config.episodes else store.episodes()
    title = f"{store.manifest.policy} on {store.manifest.suite}"
    with track("view", total=min(chosen, config.limit or chosen)) as bar:
        shown = write_viewer(
            episodes,
            out,
            title=title,
            limit=config.limit or None,
            values=values,
            progress=bar.advance,
        )
    console.print(f"{shown} of {len(store)} episodes: {out}", soft_wrap=True, highlight=False)


def _check_number(store: TrajectoryStore, number: int, flag: str) -> None:
    if not 0 <= number < len(store):
        raise ConfigError(
            f"{flag} must be from 0 to {len(store) - 1}, not {number}"
            if len(store)
            else f"{store.path} holds no episodes yet"
        )


def _write_video(store: TrajectoryStore, config: ViewConfig, path: Path) -> None:
    from agentenv.trajectories.video import write_video

    _check_number(store, config.episode, "--episode")
    episode = store.episode(config.episode)
    frames = write_video(episode, path, seconds=config.seconds)
    console.print(f"{episode.key}, {frames} frames: {path}", soft_wrap=True, highlight=False)
