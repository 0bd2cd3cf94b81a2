"""Exercises on made-up screens: what a model from scratch lacks and a pretrained one has.

Copying a name, looking up its number, and telling whether an action is one that the goal
asks for. Nothing in them comes from a task: screens, names and wishes are random.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from agentenv.actions import Action, InputText, Tap
from agentenv.observations import Observation, UIElement
from agentenv.policies.base import History, Turn
from agentenv.policies.prompts import PromptFormat
from trainers.augmentation import random_word

MOST_DONE = PromptFormat.max_turns
"""Steps already taken at most: as many as a prompt tells."""
VERBS = ("click", "click on", "press", "select", "choose", "tap")


@dataclass(frozen=True)
class Exercise:
    """A screen, a goal that names several of its controls, and what may be done there."""

    history: History
    right: tuple[Action, ...]
    """What the goal asks for and is not done yet, in its order."""
    wrong: tuple[Action, ...]
    """What the screen allows but the goal does not ask for, or not again."""


def make_exercise(
    observation: Observation, rng: np.random.Generator, say: Callable[[Action], str]
) -> Exercise:
    """A made-up screen with several right answers: copying and looking up get a dense
    signal, which is what makes a model from scratch learn them at all. In some, a part
    of it has been done: what is right is the rest.

    Args:
        observation: lends its screenshot (the text is what this teaches).
        rng: draws names, targets and what is to be typed.
        say: prints an action as the model says it.
    """
    elements = _screen(rng)
    order = [elements[int(number)] for number in rng.permutation(len(elements))]
    wished = order[: int(rng.integers(1, 7))]
    asked = [_action(element, _typed(rng)) for element in wished]
    texts = [action.text for action in asked if isinstance(action, InputText)]
    wrong = [_action(element, _mistyped(texts, rng)) for element in order[len(wished) :]]
    wrong += [
        _action(element, _typed(rng))
        for element, action in zip(wished, asked, strict=True)
        if isinstance(action, InputText)
    ]
    done = int(rng.integers(1, min(MOST_DONE, len(asked) - 1) + 1)) if len(asked) > 1 else 0
    done = done if rng.random() < 0.5 else 0
    goal = "All at once: " + ", ".join(_wishes(asked, rng))
    made_up = replace(
        observation, elements=_filled(elements, asked[:done]), goal=goal, last_action_error=""
    )
    turns = tuple(Turn(made_up, say(action)) for action in asked[:done])
    return Exercise(History(made_up, turns), tuple(asked[done:]), (*wrong, *asked[:done]))


def _filled(elements: Sequence[UIElement], done: Sequence[Action]) -> tuple[UIElement, ...]:
    """The elements, with what was entered into them."""
    typed = {action.element: action.text for action in done if isinstance(action, InputText)}
    return tuple(replace(one, value=typed.get(one.index, one.value)) for one in elements)


def _screen(rng: np.random.Generator) -> tuple[UIElement, ...]:
    count = int(rng.integers(2, 12) if rng.random() < 0.75 else rng.integers(12, 24))
    names = [random_word(rng, "a" * int(rng.integers(2, 9))) for _ in range(count)]
    for more_words in (0.3, 0.1):
        names = [
            f"{n} {random_word(rng, 'abcd')}" if rng.random() < more_words else n for n in names
        ]
    names = [n.capitalize() if rng.random() < 0.4 else n for n in names]
    first = int(rng.integers(4))
    roles = [str(rng.choice(["button", "link", "tab", "checkbox", "textbox"])) for _ in names]
    return tuple(
        UIElement(first + i, role, name, (0.0, 0.0, 0.1, 0.1), clickable=True)
        for i, (role, name) in enumerate(zip(roles, names, strict=True))
    )


def _action(element: UIElement, text: str) -> Action:
    """The action fit for an element; `text` is used by fields only."""
    if element.role == "textbox":
        return InputText(label=element.name, element=element.index, text=text)
    return Tap(label=element.name, element=element.index)


def _typed(rng: np.random.Generator) -> str:
    return random_word(rng, "a1bcd" if rng.random() < 0.4 else "abcdef")


def _mistyped(texts: Sequence[str], rng: np.random.Generator) -> str:
    """Something that belongs into another field, if there is one."""
    return str(rng.choice(np.array(texts))) if texts else _typed(rng)


def _wishes(actions: Sequence[Action], rng: np.random.Generator) -> list[str]:
    quote = '"' if rng.random() < 0.7 else ""
    verb = str(rng.choice(np.array(VERBS)))
    return [
        f'enter "{action.text}" into {quote}{action.label}{quote}'
        if isinstance(action, InputText)
        else f"{verb} {quote}{action.label}{quote}"
        for action in actions
        if isinstance(action, InputText | Tap)
    ]
