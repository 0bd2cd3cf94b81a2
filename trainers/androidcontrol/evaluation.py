"""A policy's answers to AndroidControl's screens, and tables of how many are right.

Histories are teacher-forced: what was demonstrated before is what the policy is told it did.
"""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from agentenv.dialects import Dialect
from agentenv.errors import ConfigError
from agentenv.observations import Observation
from agentenv.policies.base import History, Policy, Turn
from agentenv.statistics import SuccessRate, rate_of
from trainers.androidcontrol.protocols import PROTOCOLS, compare
from trainers.androidcontrol.records import Demonstration, demonstrations

logger = logging.getLogger(__name__)
Level = Literal["high", "low"]
"""high: the goal and the history; low: the step's instruction as well."""
SPLITS_FILE, SUBSPLITS_FILE = "splits.json", "test_subsplits.json"
STAGES = ((1, 3), (4, 8), (9, None))
"""Lengths of episodes that have a row of their own, first and last."""


@dataclass
class Score:
    """Right answers by one protocol at one level."""

    type: SuccessRate = field(default_factory=SuccessRate)
    """Of all steps."""
    grounding: SuccessRate = field(default_factory=SuccessRate)
    """Of the demonstrated clicks, those that were answered with a right click."""
    success: SuccessRate = field(default_factory=SuccessRate)
    """Type and all arguments, of all steps."""


Key = tuple[Level, str, str]
"""(level, protocol, group of episodes such as "all" or "length 1-3")."""


def episodes_of(folder: Path, split: str, limit: int) -> Iterator[Demonstration]:
    """The episodes of a split, by ``splits.json``; at most `limit`, 0 being all.

    Raises:
        ConfigError: the split is unknown, or files are missing.
        StoreError: a file is damaged.
    """
    wanted = None
    if split != "all":
        splits = _ids(folder / SPLITS_FILE)
        if split not in splits:
            names = ", ".join([*splits, "all"])
            raise ConfigError(f"{folder / SPLITS_FILE} has no split {split!r}; there are: {names}")
        wanted = splits[split]
    found = demonstrations(folder, wanted)
    return islice(found, limit) if limit else found


def groups_of(folder: Path) -> dict[str, set[int]]:
    """Named groups of test episodes (app_unseen and so on); none if there is no such file."""
    path = folder / SUBSPLITS_FILE
    return _ids(path) if path.exists() else {}


def answer(
    policy: Policy,
    episodes: Iterable[Demonstration],
    levels: Sequence[Level],
    dialect: Dialect,
    kept: Path,
    *,
    batch: int,
) -> Iterator[tuple[Demonstration, Level, list[str]]]:
    """The policy's words at every step; what is kept from an earlier run is not asked again.

    Args:
        policy: what answers.
        episodes: to be answered.
        levels: each is answered on its own.
        dialect: in which the demonstrated actions of the history are written.
        kept: JSON lines of answers, appended to.
        batch: steps that the policy is asked for at once.
    """
    known = _kept(kept)
    kept.parent.mkdir(parents=True, exist_ok=True)
    with kept.open("a", encoding="utf-8") as file:
        for episode in episodes:
            for level in levels:
                texts = known.get((episode.episode, level))
                if texts is None or len(texts) != len(episode.actions):
                    histories = histories_of(episode, level, dialect)
                    texts = []
                    for start in range(0, len(histories), batch):
                        decisions = policy.act(histories[start : start + batch])
                        texts += [decision.text for decision in decisions]
                    row = {"episode": episode.episode, "level": level, "answers": texts}
                    file.write(json.dumps(row) + "\n")
                    file.flush()
                yield episode, level, texts


def histories_of(episode: Demonstration, level: Level, dialect: Dialect) -> list[History]:
    """What the policy is shown at each step."""
    turns: list[Turn] = []
    histories = []
    for screen, action, words in zip(
        episode.screens, episode.actions, episode.instructions, strict=True
    ):
        goal = f"{episode.goal}\nNow: {words}" if level == "low" else episode.goal
        now = Observation(screen.png, screen.elements, screen.location, goal=goal, step=screen.step)
        histories.append(History(now, tuple(turns), f"androidcontrol/{episode.episode}"))
        turns.append(Turn(screen, dialect.print(action)))
    return histories


def score(
    answered: Iterable[tuple[Demonstration, Level, list[str]]],
    dialect: Dialect,
    groups: Mapping[str, set[int]],
) -> dict[Key, Score]:
    """Every protocol's table; an answer that is no action is wrong."""
    scores: defaultdict[Key, Score] = defaultdict(Score)
    for episode, level, texts in answered:
        names = ["all", f"length {_stage(len(episode.actions))}"]
        names += [name for name, members in groups.items() if episode.episode in members]
        for screen, reference, text in zip(episode.screens, episode.actions, texts, strict=True):
            height, width = screen.screenshot.shape[:2]
            action = dialect.parse(text)
            for protocol, rule in PROTOCOLS.items():
                match = compare(action, reference, screen.elements, (width, height), rule)
                for name in names:
                    found = scores[level, protocol, name]
                    found.type += SuccessRate(int(match.type), 1)
                    found.success += SuccessRate(int(match.arguments), 1)
                    if match.click:
                        found.grounding += SuccessRate(int(match.arguments), 1)
    return dict(scores)


def as_mapping(scores: Mapping[Key, Score]) -> list[dict[str, Any]]:
    """As plain values, a row for each key."""
    return [
        {
            "level": level,
            "protocol": protocol,
            "episodes": name,
            "type": rate_of(found.type),
            "grounding": rate_of(found.grounding),
            "success": rate_of(found.success),
        }
        for (level, protocol, name), found in scores.items()
    ]


def _stage(steps: int) -> str:
    for first, last in STAGES:
        if last is None or steps <= last:
            return f"{first}+" if last is None else f"{first}-{last}"
    raise AssertionError("the last stage has no end")


def _ids(path: Path) -> dict[str, set[int]]:
    """Name -> ids of episodes.

    Raises:
        ConfigError: the file is missing, or is not that.
    """
    try:
        content = json.loads(path.read_text())
        return {str(name): {int(i) for i in members} for name, members in content.items()}
    except OSError as error:
        raise ConfigError(
            f"cannot read {path}: {error.strerror}; it is downloaded with the data "
            "(or ask for split all)"
        ) from error
    except (ValueError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path} holds no lists of episode ids: {error}") from error


def _kept(path: Path) -> dict[tuple[int, Level], list[str]]:
    if not path.exists():
        return {}
    found: dict[tuple[int, Level], list[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
            found[row["episode"], row["level"]] = row["answers"]
        except (json.JSONDecodeError, KeyError, TypeError):
            logger.warning("skipping a torn line of %s", path)
    return found
