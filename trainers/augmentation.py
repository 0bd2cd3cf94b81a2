"""Teaching a model from scratch to copy: strings it has never seen, looked up by label.

A small model learns the words of its demonstrations by heart. Replacing a word by
a made-up one consistently, in goal, elements and action, leaves copying as the
only way to be right.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np

from agentenv.actions import Action, InputText, Tap
from agentenv.observations import Observation, UIElement
from agentenv.policies.base import History, Turn

WORD = re.compile(r"[A-Za-z0-9]{2,}")
LETTERS = np.array(list(string.ascii_lowercase))
VOWELS = np.array(list("aeiou"))


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
    history: History, action: Action, rng: np.random.Generator, share: float
) -> tuple[History, Action]:
    """Replace words that the action shares with the goal or the elements.

    Args:
        history: what the model sees.
        action: what it is to answer.
        rng: draws the words.
        share: probability that a word is replaced.
    """
    spoken = " ".join(_spoken(action))
    words = sorted(set(WORD.findall(spoken)))
    mapping = {word: random_word(rng, word) for word in words if rng.random() < share}
    if not mapping:
        return history, action

    def swap(text: str) -> str:
        return WORD.sub(lambda match: mapping.get(match[0], match[0]), text)

    return _map_history(history, swap), _map_action(action, swap)


def copying_exercise(
    observation: Observation, rng: np.random.Generator
) -> tuple[History, list[Action]]:
    """A made-up screen, a goal that names several of its controls, and the actions on them.

    Several answers to one prompt: copying and looking up get a dense signal, which is
    what makes a model from scratch learn them at all.

    Args:
        observation: lends its screenshot (the text is what this teaches).
        rng: draws names, targets and what is to be typed.
    """
    count = int(rng.integers(2, 12))
    names = [random_word(rng, "a" * int(rng.integers(2, 9))) for _ in range(count)]
    names = [f"{n} {random_word(rng, 'abcd')}" if rng.random() < 0.2 else n for n in names]
    names = [n.capitalize() if rng.random() < 0.3 else n for n in names]
    first = int(rng.integers(4))
    roles = [str(rng.choice(["button", "link", "tab", "checkbox", "textbox"])) for _ in names]
    elements = tuple(
        UIElement(first + i, role, name, (0.0, 0.0, 0.1, 0.1), clickable=True)
        for i, (role, name) in enumerate(zip(roles, names, strict=True))
    )
    wishes: list[str] = []
    actions: list[Action] = []
    for number in rng.permutation(count)[: int(rng.integers(1, 7))]:
        target = elements[int(number)]
        action: Action
        if target.role == "textbox":
            text = random_word(rng, "a1bcd" if rng.random() < 0.4 else "abcdef")
            wishes.append(f'enter "{text}" into "{target.name}"')
            action = InputText(label=target.name, element=target.index, text=text)
        else:
            wishes.append(f'click "{target.name}"')
            action = Tap(label=target.name, element=target.index)
        actions.append(action)
    goal = "All at once: " + ", ".join(wishes)
    made_up = replace(observation, elements=elements, goal=goal, last_action_error="")
    return History(made_up), actions


def _spoken(action: Action) -> list[str]:
    names = {field for field in type(action).model_fields if field in ("label", "text")}
    return [str(getattr(action, name)) for name in sorted(names)]


def _map_action(action: Action, swap: Callable[[str], str]) -> Action:
    updates: dict[str, str] = {
        str(name): swap(getattr(action, name))
        for name in ("label", "text")
        if name in type(action).model_fields
    }
    return action.model_copy(update=updates)


def _map_history(history: History, swap: Callable[[str], str]) -> History:
    turns = tuple(Turn(turn.observation, swap(turn.text)) for turn in history.turns)
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
    known = {field.name: getattr(observation, field.name) for field in fields(observation)}
    return Observation(**{**known, "elements": elements, "goal": swap(observation.goal)})
