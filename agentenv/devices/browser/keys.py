"""Keys and text as DevTools input events."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from itertools import groupby

from agentenv.devices.browser.engine import InputEvent
from agentenv.shortcuts import split_shortcut

MAX_TYPED_CHARACTERS = 200
"""Longer texts are pasted, but for their last character."""


@dataclass(frozen=True)
class _Key:
    key: str
    code: str
    number: int
    """Windows virtual key code; what `event.keyCode` says."""
    text: str = ""
    modifiers: int = 0


_ALT, _CTRL, _META, _SHIFT = 1, 2, 4, 8
_MODIFIERS: dict[str, tuple[_Key, int]] = {
    "ctrl": (_Key("Control", "ControlLeft", 17), _CTRL),
    "alt": (_Key("Alt", "AltLeft", 18), _ALT),
    "shift": (_Key("Shift", "ShiftLeft", 16), _SHIFT),
    "meta": (_Key("Meta", "MetaLeft", 91), _META),
}
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
    "home": _Key("Home", "Home", 36),
    "end": _Key("End", "End", 35),
    **{f"f{number}": _Key(f"F{number}", f"F{number}", 111 + number) for number in range(1, 13)},
}
_COMMANDS = {
    "ctrl+a": "selectAll",
    "ctrl+c": "copy",
    "ctrl+x": "cut",
    "ctrl+v": "paste",
    "ctrl+z": "undo",
    "ctrl+y": "redo",
    "ctrl+shift+z": "redo",
}
"""What these do in a text field, said outright: a Mac's Chromium does not know them."""

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
_BY_AN_INPUT_METHOD = 229
"""Key code of a key press that an input method deals with."""


def press(shortcut: str) -> list[InputEvent]:
    """Press and release a key or a shortcut of `agentenv.shortcuts`; the modifiers are keys
    that go down before and up after. Not "back" and "recents", which are no keys."""
    names, name = split_shortcut(shortcut)
    before: list[InputEvent] = []
    after: list[InputEvent] = []
    held = 0
    for modifier in names:
        key, bit = _MODIFIERS[modifier]
        after.insert(0, _up(replace(key, modifiers=held)))
        held |= bit
        before.append(_down(replace(key, modifiers=held)))
    return [*before, *_stroke(_held_key(name, held), _COMMANDS.get(shortcut, "")), *after]


def type_text(text: str) -> list[InputEvent]:
    """Type a text into the focused field as a person would, so that the page's handlers see
    it; of a long one only the last character is typed and the rest inserted at once."""
    typed = text[-1:] if len(text) > MAX_TYPED_CHARACTERS else text
    pasted = text[: len(text) - len(typed)]
    events = [_insert(pasted)] if pasted else []
    for composed, characters in groupby(typed, _is_composed):
        if composed:
            events += _compose("".join(characters))
        else:
            for character in characters:
                events += _type_character(character)
    return events


def _type_character(character: str) -> list[InputEvent]:
    """Characters that no key of a US keyboard types (é, א, 😀) are inserted between a
    key-down and a key-up without a key of its own."""
    if character in "\r\n":
        return press("enter")
    if character == "\t":
        return [_insert(character)]
    key = _character_key(character)
    if key is None:
        unknown = _Key(character, "", _BY_AN_INPUT_METHOD)
        return [_down(unknown), _insert(character), _up(unknown)]
    return _stroke(key)


def _is_composed(character: str) -> bool:
    """Whether people type it with an input method: Chinese, Japanese, Korean letters."""
    return unicodedata.east_asian_width(character) in "WF" and character.isalpha()


def _compose(text: str) -> list[InputEvent]:
    """Compose a text as an input method does: compositionstart, -update and -end."""
    process = _Key("Process", "", _BY_AN_INPUT_METHOD)
    # Counted as JavaScript does, in UTF-16 units.
    end = len(text.encode("utf-16-le")) // 2
    composition = {"text": text, "selectionStart": end, "selectionEnd": end}
    return [
        _down(process),
        ("Input.imeSetComposition", composition),
        _insert(text),
        _up(process),
    ]


def _insert(text: str) -> InputEvent:
    return ("Input.insertText", {"text": text})


def _held_key(name: str, modifiers: int) -> _Key:
    """A key as it is while the modifiers are held: shift makes capitals and other signs of
    letters and signs, and the others keep it from typing anything."""
    key = _KEYS.get(name) or _character_key(name)
    assert key is not None, name
    if modifiers & _SHIFT and name not in _KEYS:
        shifted = (_character_key(chr(number)) for number in range(ord("!"), ord("~") + 1))
        key = next(one for one in shifted if one and one.code == key.code and one.modifiers)
    text = "" if modifiers & ~_SHIFT else key.text
    return replace(key, modifiers=modifiers, text=text)


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


def _stroke(key: _Key, command: str = "") -> list[InputEvent]:
    return [_down(key, command), _up(key)]


def _down(key: _Key, command: str = "") -> InputEvent:
    event = {"type": "keyDown" if key.text else "rawKeyDown", **_common(key)}
    if key.text:
        event |= {"text": key.text, "unmodifiedText": key.text}
    if command:
        event["commands"] = [command]
    return ("Input.dispatchKeyEvent", event)


def _up(key: _Key) -> InputEvent:
    return ("Input.dispatchKeyEvent", {"type": "keyUp", **_common(key)})


def _common(key: _Key) -> dict[str, object]:
    return {
        "key": key.key,
        "code": key.code,
        "windowsVirtualKeyCode": key.number,
        "modifiers": key.modifiers,
    }
