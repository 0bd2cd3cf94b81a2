"""`agentenv demo`: the main job on this machine, in minutes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class DemoConfig:
    """Digi-Q on tasks of the embedded phone or of the web, in a real browser, with the small
    model of this package."""

    suite: Literal["phone", "miniwob"] = "phone"
    """Where the policy acts; the settings are those of ``data/demo/SUITE.yaml``."""
    out: Path | None = None
    """Run directory, by default ``runs/demo-SUITE``; rerunning continues where it stopped."""
    seed: int = 0


def run(config: DemoConfig) -> None:
    """`agentenv train digiq` with the settings in ``data/demo``."""
    from agentenv.cli import train_digiq
    from agentenv.config import load_config
    from agentenv.data_files import data_file
    from trainers.digiq.config import DigiQConfig

    settings = load_config(DigiQConfig, data_file(f"demo/{config.suite}.yaml"))
    base = data_file(settings.base)
    out = config.out or Path("runs") / f"demo-{config.suite}"
    train_digiq.run(replace(settings, base=str(base), out=out, seed=config.seed))
