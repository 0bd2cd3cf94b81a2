"""Android's key codes for the keys of `agentenv.shortcuts`."""

from __future__ import annotations

import string

from agentenv.shortcuts import split_shortcut

KEY_CODES: dict[str, int] = {
    "home": 3,
    "back": 4,
    "recents": 187,
    "enter": 66,
    "tab": 61,
    "escape": 111,
    "backspace": 67,
    "delete": 112,
    "space": 62,
    "arrow_up": 19,
    "arrow_down": 20,
    "arrow_left": 21,
    "arrow_right": 22,
    "page_up": 92,
    "page_down": 93,
    "end": 123,
    **{f"f{number}": 130 + number for number in range(1, 13)},
    **{letter: 29 + number for number, letter in enumerate(string.ascii_lowercase)},
    **{str(digit): 7 + digit for digit in range(10)},
    ",": 55,
    ".": 56,
    "`": 68,
    "-": 69,
    "=": 70,
    "[": 71,
    "]": 72,
    "\\": 73,
    ";": 74,
    "'": 75,
    "/": 76,
}
"""Key -> Android's code of it. "home" is the phone's button."""
MODIFIER_CODES: dict[str, int] = {"ctrl": 113, "alt": 57, "shift": 59, "meta": 117}

_NAMES: dict[str, int] = {
    "APP_SWITCH": 187,
    "DEL": 67,
    "FORWARD_DEL": 112,
    "MOVE_END": 123,
    "NUMPAD_ENTER": 66,
    "DPAD_UP": 19,
    "DPAD_DOWN": 20,
    "DPAD_LEFT": 21,
    "DPAD_RIGHT": 22,
    "DPAD_CENTER": 66,
    "CTRL_LEFT": 113,
    "CTRL_RIGHT": 113,
    "ALT_LEFT": 57,
    "SHIFT_LEFT": 59,
    "META_LEFT": 117,
    **{name.upper(): code for name, code in KEY_CODES.items() if name.isalnum()},
    "PAGE_UP": 92,
    "PAGE_DOWN": 93,
}
_KEYS: dict[int, str] = {code: key for key, code in KEY_CODES.items()}
_MODIFIERS: dict[int, str] = {code: name for name, code in MODIFIER_CODES.items()}


def codes_of(shortcut: str) -> list[int]:
    """Codes of the keys of a shortcut, those that are held first."""
    modifiers, key = split_shortcut(shortcut)
    return [*(MODIFIER_CODES[name] for name in modifiers), KEY_CODES[key]]


def shortcut_of(codes: list[int]) -> str:
    """The shortcut that these keys are, pressed together; "" if it is none of ours."""
    *held, last = codes
    if last not in _KEYS or not set(held) <= set(_MODIFIERS):
        return ""
    return "+".join([*(_MODIFIERS[code] for code in held), _KEYS[last]])


def code_of(name: str) -> int | None:
    """The code that is meant by a number or a name such as ``KEYCODE_BACK``; None if none is
    known."""
    if name.isdecimal() and len(name) < 6:
        return int(name)
    return _NAMES.get(name.upper().removeprefix("KEYCODE_"))
