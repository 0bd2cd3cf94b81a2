"""Keys as DevTools input events."""

from __future__ import annotations

from dataclasses import dataclass

from agentenv.devices.browser.engine import InputEvent


@dataclass(frozen=True)
class _Key:
    key: str
    code: str
    number: int
    """Windows virtual key code; what `event.keyCode` says."""
    text: str = ""
    modifiers: int = 0


_KEYS: dict[str, _Key] = {
    "enter": _Key("Enter", "Enter", 13, "\r"),
    "tab": _Key("Tab", "Tab", 9),
    "escape": _Key("Escape", "Escape", 27),
    "backspace": _Key("Backspace", "Backspace", 8),
    "delete": _Key("Delete", "Delete", 46),
    "space": _Key(" ", "Space", 32, " "),
    "arrow_up": _Key("ArrowUp", "ArrowUp", 38),
    "arrow_down": _Key("ArrowDown", "ArrowDown", 40),
    "arrow_left": _Key("ArrowLeft", "ArrowLeft", 37),
    "arrow_right": _Key("ArrowRight", "ArrowRight", 39),
    "page_up": _Key("PageUp", "PageUp", 33),
    "page_down": _Key("PageDown", "PageDown", 34),
}
BROWSER_KEYS: tuple[str, ...] = ("back", *_KEYS)
"""The keys of `PressKey` that mean something in a browser."""

_SHIFT = 8
_PUNCTUATION: dict[str, tuple[str, int, bool]] = {
    " ": ("Space", 32, False),
    "-": ("Minus", 189, False),
    "_": ("Minus", 189, True),
    "=": ("Equal", 187, False),
    "+": ("Equal", 187, True),
    ",": ("Comma", 188, False),
    "<": ("Comma", 188, True),
    ".": ("Period", 190, False),
    ">": ("Period", 190, True),
    "/": ("Slash", 191, False),
    "?": ("Slash", 191, True),
    ";": ("Semicolon", 186, False),
    ":": ("Semicolon", 186, True),
    "'": ("Quote", 222, False),
    '"': ("Quote", 222, True),
    "[": ("BracketLeft", 219, False),
    "{": ("BracketLeft", 219, True),
    "]": ("BracketRight", 221, False),
    "}": ("BracketRight", 221, True),
    "\\": ("Backslash", 220, False),
    "|": ("Backslash", 220, True),
    "`": ("Backquote", 192, False),
    "~": ("Backquote", 192, True),
}
_SHIFTED_DIGITS = ")!@#$%^&*("


def press(name: str) -> list[InputEvent]:
    """Press and release a key of `BROWSER_KEYS` (but "back", which is not one)."""
    return _stroke(_KEYS[name])


def type_character(character: str) -> list[InputEvent]:
    """Type one character as a person would, so that key handlers see it.

    Characters that no key of a US keyboard types (é, 漢, 😀) are inserted between a
    key-down and a key-up without a key code, as an input method does.
    """
    if character in "\r\n":
        return press("enter")
    if character == "\t":
        return [_insert(character)]
    key = _character_key(character)
    if key is None:
        unknown = {"key": character, "windowsVirtualKeyCode": 229}
        return [
            ("Input.dispatchKeyEvent", {"type": "rawKeyDown", **unknown}),
            _insert(character),
            ("Input.dispatchKeyEvent", {"type": "keyUp", **unknown}),
        ]
    return _stroke(key)


def insert(text: str) -> list[InputEvent]:
    """Insert a text at once, as pasting does."""
    return [_insert(text)] if text else []


def _insert(text: str) -> InputEvent:
    return ("Input.insertText", {"text": text})


def _character_key(character: str) -> _Key | None:
    if not character.isascii():
        return None
    if character.isalpha():
        upper = character.upper()
        shift = _SHIFT if character.isupper() else 0
        return _Key(character, f"Key{upper}", ord(upper), character, shift)
    if character.isdigit():
        return _Key(character, f"Digit{character}", ord(character), character)
    if character in _SHIFTED_DIGITS:
        digit = _SHIFTED_DIGITS.index(character)
        return _Key(character, f"Digit{digit}", ord("0") + digit, character, _SHIFT)
    if character in _PUNCTUATION:
        code, number, shifted = _PUNCTUATION[character]
        return _Key(character, code, number, character, _SHIFT if shifted else 0)
    return None


def _stroke(key: _Key) -> list[InputEvent]:
    common = {
        "key": key.key,
        "code": key.code,
        "windowsVirtualKeyCode": key.number,
        "modifiers": key.modifiers,
    }
    kind = "keyDown" if key.text else "rawKeyDown"
    down = {"type": kind, **common}
    if key.text:
        down |= {"text": key.text, "unmodifiedText": key.text}
    return [
        ("Input.dispatchKeyEvent", down),
        ("Input.dispatchKeyEvent", {"type": "keyUp", **common}),
    ]
