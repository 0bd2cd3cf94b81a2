"""`agentenv train craft-gui`: from a policy that acts to a better one, by acting."""

from __future__ import annotations

from agentenv.progress import console
from trainers.craft_gui.config import CraftGUIConfig

__all__ = ["CraftGUIConfig", "run"]


def run(config: CraftGUIConfig) -> None:
    """Train, evaluate, print the table and where the results are."""
    from agentenv.statistics import print_table
    from trainers.craft_gui.grpo import train

    summaries = train(config)
    if summaries:
        print_table(summaries, title="Success on instances not trained on", console=console)
    for name, path in {"model": "models/best", "report": "report.html"}.items():
        console.print(f"{name}: {config.out / path}", soft_wrap=True, highlight=False)
