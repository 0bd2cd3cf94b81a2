"""`agentenv eval androidcontrol`: answers to logged Android screens, against what was done."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro
from rich.table import Table

from agentenv.config import config_hash, save_config
from agentenv.dialects import DialectName
from agentenv.errors import ConfigError
from agentenv.progress import console, track

if TYPE_CHECKING:
    from trainers.androidcontrol.evaluation import Key, Score


@dataclass(frozen=True)
class AndroidControlConfig:
    """Which policy, on which episodes."""

    folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DIR")]
    """The dataset's files as they are published: android_control-*, splits.json and
    test_subsplits.json."""
    policy: str
    """A model: path of a checkpoint, or Hugging Face name; or random."""
    levels: tuple[Literal["high", "low"], ...] = ("high", "low")
    """high: the goal and the history; low: each step's instruction as well."""
    split: str = "test"
    """Of splits.json; all reads every episode."""
    episodes: int = 0
    """At most so many; 0 is all of the split."""
    out: Path = Path("runs/androidcontrol")
    """Run directory: answers, results.json. The same command resumes."""
    temperature: float = 0.0
    """At which a model samples; 0 is greedy."""
    seed: int = 0
    """Of sampling."""
    dialect: DialectName = "json"
    """How the policy writes actions."""
    batch: int = 16
    """Screens that the policy is asked about at once."""


def run(config: AndroidControlConfig) -> None:
    """Answer every screen, print the table of each level, write results.json.

    Raises:
        ConfigError: files are missing, or a setting is wrong.
        StoreError: a file is damaged.
    """
    from agentenv.dialects import get_dialect
    from agentenv.policies.loading import load_policy
    from trainers.androidcontrol.evaluation import (
        answer,
        as_mapping,
        episodes_of,
        groups_of,
        score,
    )

    if config.policy == "oracle":
        raise ConfigError("AndroidControl has no oracle: its answers are what is compared with")
    if config.batch < 1 or config.episodes < 0 or not config.levels:
        raise ConfigError("give batch >= 1, episodes >= 0, and at least one level")
    dialect = get_dialect(config.dialect)
    episodes = list(episodes_of(config.folder, config.split, config.episodes))
    if not episodes:
        raise ConfigError(f"no episode of split {config.split} is in {config.folder}")
    policy = load_policy(
        config.policy,
        {},
        dialect=config.dialect,
        temperature=config.temperature,
        seed=config.seed,
    )
    # Another policy's answers are not to be mistaken for this one's.
    kept = config.out / f"answers-{config_hash([policy.version, config.dialect])}.jsonl"
    with track("answer", len(episodes) * len(config.levels)) as bar:
        answers = []
        for one in answer(policy, episodes, config.levels, dialect, kept, batch=config.batch):
            answers.append(one)
            bar.advance()
    scores = score(answers, dialect, groups_of(config.folder))
    save_config(config, config.out / "config.yaml")
    results = config.out / "results.json"
    results.write_text(json.dumps({"policy": policy.name, "rows": as_mapping(scores)}, indent=1))
    print_scores(scores)
    console.print(f"results in {results}", soft_wrap=True, highlight=False)


def print_scores(scores: Mapping[Key, Score]) -> None:
    """One table for each level and protocol."""
    for level, protocol in dict.fromkeys(key[:2] for key in scores):
        table = Table(title=f"AndroidControl-{level.title()}, {protocol}", title_justify="left")
        table.add_column("episodes")
        for name in ("steps", "type", "grounding", "success (SR)"):
            table.add_column(name, justify="right")
        for (one, other, group), found in scores.items():
            if (one, other) == (level, protocol):
                rates = [_percent(x.rate) for x in (found.type, found.grounding, found.success)]
                table.add_row(group, str(found.type.n), *rates)
        console.print(table)


def _percent(rate: float) -> str:
    return "-" if rate != rate else f"{100 * rate:.1f} %"
