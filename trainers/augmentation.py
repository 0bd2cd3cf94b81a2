"""Teaching a model from scratch to copy: strings it has never seen, looked up by label.

A small model learns the words of its demonstrations by heart. Replacing a word by
a made-up one consistently, in goal, elements and action, leaves copying as the
only way to be right.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from agentenv.actions import Action
from agentenv.observations import Observation
from agentenv.policies.base import History, Turn
from agentenv.policies.prompts import told

WORD = re.compile(r"[A-Za-z0-9]{2,}")
LETTERS = np.array(list(string.ascii_lowercase))
VOWELS = np.array(list("aeiou"))
LABELS = ("label", "to_label")
"""Fields of actions that name an element."""
COPIED = (*LABELS, "text", "name")
"""Fields of actions whose words come from the goal or the elements."""


def random_word(rng: np.random.Generator, like: str) -> str:
    """A made-up word of about the length and the case of `like`."""
    length = max(2, len(like) + int(rng.integers(-1, 2)))
    if any(character.isdigit() for character in like):
        alphabet = np.array(list(string.ascii_letters + string.digits))
        return "".join(rng.choice(alphabet, length))
    letters = [str(rng.choice(VOWELS if i % 2 else LETTERS)) for i in range(length)]
    word = "".join(letters)
    return word.capitalize() if like[0].isupper() else word


def substitute(
    history: History,
    action: Action,
    rng: np.random.Generator,
    share: float,
    *,
    max_told: int = 0,
) -> tuple[History, Action]:
    """Replace words that the action shares with what the model sees.

    A label's words only where the goal has them too: of a control that the goal does not name,
    a made-up name would say nothing about whether it is the one to press.

    Args:
        history: what the model sees.
        action: what it is to answer.
        rng: draws the words.
        share: probability that a word is replaced.
        max_told: messages of earlier steps that the model sees (`PromptFormat.max_told`).
    """
    now = history.observation
    asked = set(WORD.findall(now.goal))
    texts = [*_texts(now), *told(history, max_told)]
    shown = asked.union(*(WORD.findall(text) for text in texts))
    words: set[str] = set()
    for field, spoken in _spoken(action):
        words |= (asked if field in LABELS else shown).intersection(WORD.findall(spoken))
    mapping = {word: random_word(rng, word) for word in sorted(words) if rng.random() < share}
    if not mapping:
        return history, action

    def swap(text: str) -> str:
        return WORD.sub(lambda match: mapping.get(match[0], match[0]), text)

    return _map_history(history, swap), _map_action(action, swap)


def _spoken(action: Action) -> list[tuple[str, str]]:
    """(field, its words) of what the action copies."""
    names = {field for field in type(action).model_fields if field in COPIED}
    return [(name, str(getattr(action, name))) for name in sorted(names)]


def _texts(now: Observation) -> list[str]:
    """All words on the screen, and what the agent was told."""
    parts = [(one.name, one.value, one.description) for one in now.elements]
    return [text for part in parts for text in part] + list(now.messages)


def _map_action(action: Action, swap: Callable[[str], str]) -> Action:
    updates: dict[str, str] = {
        str(name): swap(getattr(action, name))
        for name in COPIED
        if name in type(action).model_fields
    }
    return action.model_copy(update=updates)


def _map_history(history: History, swap: Callable[[str], str]) -> History:
    turns = tuple(
        Turn(
            replace(turn.observation, messages=tuple(map(swap, turn.observation.messages))),
            swap(turn.text),
        )
        for turn in history.turns
    )
    return replace(history, observation=_map_observation(history.observation, swap), turns=turns)


def _map_observation(observation: Observation, swap: Callable[[str], str]) -> Observation:
    elements = tuple(
        replace(
            element,
            name=swap(element.name),
            value=swap(element.value),
            description=swap(element.description),
        )
        for element in observation.elements
    )
    return replace(
        observation,
        elements=elements,
        goal=swap(observation.goal),
        messages=tuple(map(swap, observation.messages)),
    )
