"""`agentenv demo`: the main job on this machine, in minutes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True)
class DemoConfig:
    """Digi-Q on web tasks in a real browser, with the small model of this package."""

    out: Path = Path("runs/demo")
    """Run directory; rerunning continues where it stopped."""
    seed: int = 0


def run(config: DemoConfig) -> None:
    """`agentenv train digiq` with the settings in ``data/demo.yaml``."""
    from agentenv.cli import train_digiq
    from agentenv.config import load_config
    from agentenv.data_files import data_file
    from trainers.digiq.config import DigiQConfig

    settings = load_config(DigiQConfig, data_file("demo.yaml"))
    base = data_file(settings.base)
    train_digiq.run(replace(settings, base=str(base), out=config.out, seed=config.seed))
