"""`agentenv train chain`: Digi-Q, CRAFT-GUI from its policy, and Digi-Q on its rollouts."""

from __future__ import annotations

from agentenv.progress import console
from trainers.chain.config import ChainConfig

__all__ = ["ChainConfig", "run"]


def run(config: ChainConfig) -> None:
    """Run the stages, print the table and where the results are."""
    from agentenv.statistics import print_table
    from trainers.chain.chain import train

    summaries = train(config)
    if summaries:
        print_table(summaries, title="Success on instances no stage has seen", console=console)
    for name, path in {"model": "digiq_again/models/digiq", "report": "report.html"}.items():
        console.print(f"{name}: {config.out / path}", soft_wrap=True, highlight=False)
