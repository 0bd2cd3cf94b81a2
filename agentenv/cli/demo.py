"""`agentenv demo`: the main job on this machine, in minutes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class DemoConfig:
    """Digi-Q with the small model of this package, in a real browser, in minutes on two cores."""

    suite: Literal["phone", "miniwob"] = "phone"
    """The embedded phone, or the web pages of MiniWoB++."""
    out: Path | None = None
    """Run directory, by default runs/demo, or runs/demo-miniwob; rerunning continues where it
    stopped."""
    seed: int = 0


def run(config: DemoConfig) -> None:
    """`agentenv train digiq` with the settings in ``data/demo/``."""
    from agentenv.cli import train_digiq
    from agentenv.config import load_config
    from agentenv.data_files import data_file
    from trainers.digiq.config import DigiQConfig

    settings = load_config(DigiQConfig, data_file(f"demo/{config.suite}.yaml"))
    base = data_file(settings.base)
    default = Path("runs/demo" if config.suite == "phone" else f"runs/demo-{config.suite}")
    out = config.out or default
    train_digiq.run(replace(settings, base=str(base), out=out, seed=config.seed))
