"""`agentenv view`: stored trajectories as one web page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from agentenv.progress import console


@dataclass(frozen=True)
class ViewConfig:
    """What to show, and where to write it."""

    store: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="STORE")]
    """Directory of a trajectory store, as `agentenv collect` writes it."""
    out: Path | None = None
    """The page to write; by default view.html in the store."""
    limit: int = 200
    """Episodes at most; 0 shows all of them."""


def run(config: ViewConfig) -> None:
    """Write the page and print its path."""
    from agentenv.trajectories.store import TrajectoryStore
    from agentenv.trajectories.viewer import write_viewer

    store = TrajectoryStore(config.store)
    out = config.out or config.store / "view.html"
    out.parent.mkdir(parents=True, exist_ok=True)
    title = f"{store.manifest.policy} on {store.manifest.suite}"
    shown = write_viewer(store.episodes(), out, title=title, limit=config.limit or None)
    console.print(f"{shown} of {len(store)} episodes: {out}", soft_wrap=True, highlight=False)
