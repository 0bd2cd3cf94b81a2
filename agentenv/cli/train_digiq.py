"""`agentenv train digiq`: from logged episodes to a better policy, and its report."""

from __future__ import annotations

from agentenv.progress import console
from trainers.digiq.config import DigiQConfig

__all__ = ["DigiQConfig", "run"]


def run(config: DigiQConfig) -> None:
    """Train, evaluate, print the table and the report's path."""
    from agentenv.statistics import print_table
    from trainers.digiq.pipeline import train

    summaries = train(config)
    print_table(summaries, title="Success on instances no stage has seen", console=console)
    console.print(f"report: {config.out / 'report.html'}", soft_wrap=True, highlight=False)
