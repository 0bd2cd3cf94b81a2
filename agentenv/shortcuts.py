"""Names of keys, and of shortcuts made of them: ``enter``, ``a``, ``ctrl+a``, ``shift+tab``."""

from __future__ import annotations

import re
import string
from itertools import combinations
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

MODIFIERS: tuple[str, ...] = ("ctrl", "alt", "shift", "meta")
"""Keys that are held while another is pressed, in the order in which they are written."""
NAMED_KEYS: tuple[str, ...] = (
    "back",
    "home",
    "enter",
    "recents",
    "tab",
    "escape",
    "backspace",
    "delete",
    "space",
    "arrow_up",
    "arrow_down",
    "arrow_left",
    "arrow_right",
    "page_up",
    "page_down",
    "end",
)
"""On a keyboard "home" is the key beside "end", on a phone the button."""
KEYS: tuple[str, ...] = (
    *NAMED_KEYS,
    *(f"f{number}" for number in range(1, 13)),
    *(string.ascii_lowercase + string.digits + "-=[]\\;',./`"),
)
"""Every key but the modifiers; a sign is named by what it types without shift."""
_ALONE = ("back", "recents")
"""Buttons that no keyboard has, and so no modifier changes."""
_KEYBOARD = tuple(key for key in KEYS if key not in _ALONE)

SHORTCUTS: tuple[str, ...] = (
    *KEYS,
    *(
        "+".join([*held, key])
        for size in range(1, len(MODIFIERS) + 1)
        for held in combinations(MODIFIERS, size)
        for key in _KEYBOARD
    ),
)
"""Every key and every shortcut, as `canonical_shortcut` writes them."""


def split_shortcut(shortcut: str) -> tuple[tuple[str, ...], str]:
    """The modifiers and the key of a member of `SHORTCUTS`."""
    *modifiers, key = shortcut.split("+")
    return tuple(modifiers), key


def canonical_shortcut(text: str) -> str:
    """The member of `SHORTCUTS` that is meant: ``Shift+Ctrl+Z`` is ``ctrl+shift+z``.

    Raises:
        ValueError: there is no such key, or no such combination.
    """
    *held, key = (part.strip() for part in text.lower().split("+"))
    known = key in KEYS and set(held) <= set(MODIFIERS)
    if not known or len(set(held)) < len(held) or (held and key in _ALONE):
        raise ValueError(
            f"no key {text[:40]!r}; write {', '.join(NAMED_KEYS)}, f1 to f12, a letter, a digit "
            "or a sign, after ctrl+, alt+, shift+ or meta+ if those are held"
        )
    return "+".join([*(name for name in MODIFIERS if name in held), key])


def _either(names: tuple[str, ...]) -> str:
    return "|".join(map(re.escape, names))


_HELD = "".join(rf"({name}\+)?" for name in MODIFIERS)

Shortcut = Annotated[
    str,
    AfterValidator(canonical_shortcut),
    WithJsonSchema(
        {
            "type": "string",
            "format": "shortcut",
            "pattern": f"^({_either(_ALONE)}|{_HELD}({_either(_KEYBOARD)}))$",
            "examples": [*NAMED_KEYS, "f1", "a", "ctrl+a", "shift+tab"],
        }
    ),
]
"""A key, or a shortcut: a member of `SHORTCUTS`."""
