"""Takes the owner's data from a screen before it leaves for a policy behind an API.

What the agent asked the device for and was told (messages), and what the goal says, stays: it
cannot do without them, and the audit counts them as sent.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace

from PIL import Image, ImageDraw

from agentenv.errors import ConfigError
from agentenv.observations import Observation, UIElement
from agentenv.policies.base import Hidden, History
from agentenv.policies.endpoint import Redacted
from agentenv.tasks import get_task
from agentenv.tasks.selection import FindTask
from privacy_audit.contract import Contract
from privacy_audit.invented import kinds_in
from privacy_audit.ocr import Reader, ScreenReader, TextLine
from privacy_audit.phone_contract import contract_for

HIDDEN = "(hidden)"
"""What stands instead of a text."""
_COVER = "#1f2328"
_MARGIN = 3
"""Pixels around what is covered: letters reach beyond their element."""


class Redactor:
    """Paints over fields and texts that show the owner's data, and hides them in the elements.

    The data are those of the task's contract; of tasks that declare none, what looks like personal
    data. A field for a password is always hidden. Screens without UI elements are read.

    Args:
        read: reads screens without UI elements; by default with the extra `ocr`.
        find: gives the task that a history names.
    """

    def __init__(self, read: Reader | None = None, find: FindTask = get_task) -> None:
        self._read = read
        self._find = find

    def __call__(self, history: History) -> Redacted:
        """What may leave of a history's last screen.

        Raises:
            ConfigError: the screen has no UI elements, and the extra `ocr` is missing.
        """
        seen, contract = history.observation, _contract_of(history.instance, self._find)
        if not seen.elements and seen.png:
            hidden = self._by_reading(seen, contract)
            return Redacted(replace(seen, png=_painted(seen.png, hidden)), hidden)
        elements, found = [], []
        for element in seen.elements:
            safe, kinds = _without(element, contract, seen.goal)
            elements.append(safe)
            found += [Hidden(kind, element.bounds) for kind in kinds]
        hidden = tuple(found)
        png = _painted(seen.png, hidden)
        return Redacted(replace(seen, png=png, elements=tuple(elements)), hidden)

    def _by_reading(self, seen: Observation, contract: Contract | None) -> tuple[Hidden, ...]:
        self._read = self._read or ScreenReader()
        lines = self._read(seen.png)
        found = [
            Hidden(kind, line.bounds) for line in lines
            for kind in _kinds(line.text, contract, seen.goal)
        ]  # fmt: skip
        return tuple(dict.fromkeys([*found, *_misread(lines, contract)]))


def _misread(lines: Sequence[TextLine], contract: Contract | None) -> list[Hidden]:
    if contract is None:
        return []
    return [Hidden(one.item, one.bounds) for one in contract.lookout.find(lines)]


def _without(
    element: UIElement, contract: Contract | None, goal: str
) -> tuple[UIElement, list[str]]:
    """(the element without what is sensitive, what that was)."""
    texts = {name: getattr(element, name) for name in ("name", "value", "description")}
    found = {name: _kinds(text, contract, goal) for name, text in texts.items() if text}
    if element.password and element.value:
        found["value"] = ["password"]
    changed = {name: HIDDEN for name, kinds in found.items() if kinds}
    kinds = list(dict.fromkeys(kind for each in found.values() for kind in each))
    return (replace(element, **changed) if changed else element), kinds  # type: ignore[arg-type]


def _kinds(text: str, contract: Contract | None, goal: str) -> list[str]:
    """What a text gives away: items of the contract, or kinds of data by their form."""
    if contract is not None:
        return [one.item for one in contract.canaries.find(text)]
    return [kind for kind, value in kinds_in(text) if value not in goal]


def _contract_of(instance: str, find: FindTask) -> Contract | None:
    task, _, number = instance.rpartition("/")
    task, _, split = task.rpartition("/")
    try:
        return contract_for(task, split, int(number), find)
    except (ConfigError, ValueError):
        return None


def _painted(png: bytes, hidden: Sequence[Hidden]) -> bytes:
    if not hidden or not png:
        return png
    with Image.open(io.BytesIO(png)) as opened:
        image = opened.convert("RGB")
    draw, (width, height) = ImageDraw.Draw(image), image.size
    for one in hidden:
        left, top, right, bottom = one.bounds
        box = (left * width - _MARGIN, top * height - _MARGIN,
               right * width + _MARGIN, bottom * height + _MARGIN)  # fmt: skip
        draw.rectangle(box, fill=_COVER)
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()
