"""From a history to the text a vision-language model reads.

One element per line, written as an answer in the json dialect refers to it:
``{"label":"Ok","element":3} button``. To act on it is then to repeat a piece of the
prompt in its own order, which a small model learns as plain copying.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from agentenv.config import config_from_mapping
from agentenv.dialects.base import Dialect
from agentenv.errors import ConfigError
from agentenv.observations import UIElement
from agentenv.policies.base import History
from agentenv.tasks.targets import target_of

PROMPT_VERSION = 2
"""Part of every feature-cache key: raise it when the rendered text changes."""
FORMAT_FILE = "agentenv_prompt.json"


@dataclass(frozen=True)
class PromptFormat:
    """How much of a history is written out; saved beside a model trained on it."""

    instructions: bool = True
    """Explain the dialect first (a model trained on it from scratch needs none)."""
    image: bool = True
    """Show the screenshot."""
    elements: bool = True
    """List the elements."""
    max_elements: int = 60
    max_turns: int = 3
    """Past actions shown."""
    max_told: int = 8
    """Messages of earlier steps that are still shown, such as the owner's answer to a question:
    what is to be typed was often told before the last few actions."""
    max_value: int = 60
    """Characters of what a field holds, then it is cut."""
    max_description: int = 160

    def save(self, folder: Path) -> None:
        """Write ``agentenv_prompt.json`` into a model's folder."""
        (folder / FORMAT_FILE).write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, folder: str | Path) -> PromptFormat:
        """The format a model was trained with; the default for models that are not ours.

        Raises:
            ConfigError: the file is not one of `save`.
        """
        file = Path(folder) / FORMAT_FILE
        if not file.is_file():
            return cls()
        try:
            values = json.loads(file.read_text())
        except ValueError as error:
            raise ConfigError(f"{file} is not JSON: {error}") from error
        if not isinstance(values, dict):
            raise ConfigError(f"{file} holds no settings of a prompt's format")
        # Models of before there was `max_told` were shown no earlier messages.
        return config_from_mapping(cls, {"max_told": 0, **values}, source=str(file))


@dataclass(frozen=True)
class Prompt:
    """One prompt, ready for a processor's chat template."""

    text: str
    png: bytes | None
    """The screenshot; None for a prompt without an image."""


def render(
    history: History, dialect: Dialect, form: PromptFormat, action_types: tuple[str, ...] = ()
) -> Prompt:
    """The prompt for one history.

    Args:
        history: what the policy may look at.
        dialect: in which the model is to answer.
        form: what to write out.
        action_types: what the device can do, for the instructions.
    """
    now = history.observation
    lines = [dialect.instructions(action_types)] if form.instructions else []
    lines.append(now.goal)
    if form.elements:
        lines += [element_line(element, form) for element in now.elements[: form.max_elements]]
    lines += [f"told {_one_line(message, 100)}" for message in told(history, form.max_told)]
    lines += [f"did {turn.text[:200]}" for turn in history.turns[-form.max_turns :]]
    lines += [f"message {_one_line(message, 100)}" for message in now.messages]
    if now.last_action_error:
        lines.append(f"error {now.last_action_error[:100]}")
    return Prompt("\n".join(lines), now.png if form.image else None)


def told(history: History, most: int) -> tuple[str, ...]:
    """The last different messages of earlier steps, at most so many, the oldest first; what is
    said again now is not among them."""
    if not most:
        return ()
    earlier = dict.fromkeys(
        message
        for turn in history.turns
        for message in turn.observation.messages
        if message not in history.observation.messages
    )
    return tuple(earlier)[-most:]


def element_line(element: UIElement, form: PromptFormat) -> str:
    """``{"label":"Submit","element":4} button focused``: target, role, what else is known."""
    target = {name: value for name, value in target_of(element).items() if value != ""}
    words = [json.dumps(target, ensure_ascii=False, separators=(",", ":")), element.role]
    if element.value and element.name:
        words.append(f'= "{_one_line(element.value, form.max_value)}"')
    if element.description:
        words.append(f"({_one_line(element.description, form.max_description)})")
    if element.checked:
        words.append("checked")
    if element.focused:
        words.append("focused")
    if not element.enabled:
        words.append("disabled")
    return " ".join(words)


def _one_line(text: str, longest: int) -> str:
    return " ".join(text.split())[:longest]
