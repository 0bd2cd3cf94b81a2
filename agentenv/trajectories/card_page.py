"""A dataset card on disk: `README.md` for people (and the Hugging Face Hub), `card.json`."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path

import yaml
from jinja2 import Environment, PackageLoader

from agentenv.errors import ConfigError
from agentenv.tasks.base import SPLITS
from agentenv.trajectories.card import ABOUT, Card, card_of, fingerprint
from agentenv.trajectories.durable import write_durably
from agentenv.trajectories.store import TrajectoryStore

logger = logging.getLogger(__name__)

PAGE, NUMBERS = "README.md", "card.json"
BAR = 24
"""Characters of the longest bar."""
LINES = 12
"""Of a histogram, at most."""
SIZES = {"n<1K": 10**3, "1K<n<10K": 10**4, "10K<n<100K": 10**5, "100K<n<1M": 10**6}
"""The Hub's names for how many rows a dataset has; above these it is `1M<n<10M`."""


def write_card(
    store: TrajectoryStore,
    reference: TrajectoryStore | None = None,
    against: TrajectoryStore | None = None,
) -> Card:
    """Describe a store (see `card_of`) in files of its own folder; the same store, the same bytes.

    Raises:
        ConfigError: the folder cannot be written, or holds a `README.md` or `card.json`
            that is no card; or see `card_of`.
        StoreError: a store is damaged.
    """
    try:
        for path in (store.path / PAGE, store.path / NUMBERS):
            if path.exists() and ABOUT.encode() not in path.read_bytes():
                raise ConfigError(f"{path} is no dataset card; move it: it would be replaced")
        card = card_of(store, reference, against)
        numbers = json.dumps(card.plain(), indent=2, ensure_ascii=False, allow_nan=False)
        write_durably(store.path / PAGE, render_card(card).encode())
        write_durably(store.path / NUMBERS, (numbers + "\n").encode())
    except OSError as error:
        raise ConfigError(f"no card: {error}; make room, or copy the store") from error
    return card


def keep_card(path: Path) -> None:
    """Write a store's card unless the one that is there is of the same episodes.

    Collecting calls this last: its episodes are safe, so that a card that cannot be
    written is a warning.
    """
    store = TrajectoryStore(path)
    if _described(path) == fingerprint(store.manifest):
        return
    try:
        write_card(store)
    except ConfigError as error:
        logger.warning("%s", error)


def _described(path: Path) -> str | None:
    """What the card that is there is of; None without one that can be read."""
    try:
        content = json.loads((path / NUMBERS).read_bytes())
    except (OSError, ValueError):
        return None
    return content.get("data") if isinstance(content, dict) else None


def render_card(card: Card) -> str:
    """The page: Markdown with the Hub's front matter."""
    environment = Environment(
        loader=PackageLoader("agentenv.trajectories"),
        autoescape=False,  # Markdown: `cell` takes care of what is not ours
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"cell": _cell, "percent": _percent, "number": _number}
    return environment.get_template("card.md.j2").render(
        card=card,
        about=ABOUT,
        front_matter=_front_matter(card),
        lengths=_bars(_binned(card.total.lengths)),
        actions=_bars(card.total.actions),
        shared=[overlap for overlap in card.overlaps if overlap.by_task],
    )


def _front_matter(card: Card) -> str:
    rows = card.total.steps + card.total.episodes
    size = next((name for name, limit in SIZES.items() if rows < limit), "1M<n<10M")
    split = next(iter(card.splits), "") if len(card.splits) == 1 else ""
    files = {"split": split if split in SPLITS else "train", "path": "shard-*.parquet"}
    content = {
        "pretty_name": f"{card.policy} on {card.suite}",
        "tags": ["agentenv", "gui-agents", "trajectories"],
        "size_categories": [size],
        "configs": [{"config_name": "default", "data_files": [files]}],
    }
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def _binned(counts: Mapping[int, int]) -> dict[str, int]:
    """Bins of equal width, empty ones included."""
    if not counts:
        return {}
    least, most = min(counts), max(counts)
    width = (most - least) // LINES + 1
    bins = dict.fromkeys(range(least, most + 1, width), 0)
    for value, count in counts.items():
        bins[value - (value - least) % width] += count
    return {
        str(start) if width == 1 else f"{start} to {start + width - 1}": count
        for start, count in bins.items()
    }


def _bars(counts: Mapping[str, int]) -> list[tuple[str, int, str]]:
    """(label, count, bar) of each line; something is never an empty bar."""
    most = max(counts.values(), default=0)
    return [(label, n, "█" * -(-n * BAR // most)) for label, n in counts.items()]


def _cell(text: object) -> str:
    """Text that stays in its table cell."""
    return " ".join(str(text).split()).replace("\\", "\\\\").replace("|", "\\|")


def _percent(part: float, of: float = 1.0) -> str:
    return f"{100 * part / of:.1f} %" if of else "-"


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"
