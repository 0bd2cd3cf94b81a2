"""`agentenv card`: what a trajectory store holds, and how good it is to learn from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from agentenv.errors import ConfigError
from agentenv.progress import console


@dataclass(frozen=True)
class CardConfig:
    """What to describe, and what to compare it with."""

    store: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="STORE")]
    """Directory of a trajectory store. Its README.md and card.json are written; collecting
    has written them already, without a comparison."""
    reference: Path | None = None
    """Store with the best data there is on these tasks, such as an oracle's demonstrations:
    return quality (TQ) and state-action coverage (SACo) are relative to it."""
    against: Path | None = None
    """Store that must share no instance with this one, such as the episodes a policy is
    tested on; if it shares one, the command fails."""


def run(config: CardConfig) -> None:
    """Write the card and print its main numbers."""
    from agentenv.trajectories.card_page import PAGE, write_card
    from agentenv.trajectories.store import TrajectoryStore

    card = write_card(
        TrajectoryStore(config.store),
        None if config.reference is None else TrajectoryStore(config.reference),
        None if config.against is None else TrajectoryStore(config.against),
    )
    total = card.total
    numbers = {
        "episodes": f"{total.episodes} of {len(card.tasks)} tasks, {total.steps} steps",
        "success": str(total.success),
        "return quality (TQ)": _shown(total.tq),
        "coverage (SACo)": _shown(total.saco) if config.reference else "needs --reference",
        "unique share of pairs": _shown(total.unique_share),
        "identical episodes": str(total.identical_episodes),
        "infrastructure failures": str(total.success.infra_errors),
        "shared instances": str(card.shared_instances) if config.against else "needs --against",
    }
    for name, value in numbers.items():
        console.print(f"{name:24} {value}", highlight=False, markup=False)
    console.print(f"card: {config.store / PAGE}", soft_wrap=True, highlight=False)
    if card.shared_instances:
        raise ConfigError(
            f"{card.shared_instances} instances of {config.store} are also in {config.against}: "
            "what is learned from the one must not be tested on the other"
        )


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
