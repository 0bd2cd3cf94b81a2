"""`agentenv train sft`: supervised fine-tuning on demonstrations."""

from __future__ import annotations

from agentenv.progress import console
from trainers.configs import SFTConfig

__all__ = ["SFTConfig", "run"]


def run(config: SFTConfig) -> None:
    """Train, and say where the model is."""
    from trainers.sft import train

    folder = train(config)
    console.print(
        f"model: {folder}\nto measure it: agentenv eval --policy {folder} ...",
        soft_wrap=True,
        highlight=False,
    )
