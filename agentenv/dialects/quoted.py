"""Quoted text that a model writes: what may stand in it, and where it ends."""

from __future__ import annotations

import re

from agentenv.dialects.parsing import OutputError, cut

_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", "'": "'", '"': '"'}


def quote(text: str, mark: str) -> str:
    """The text between two quotation marks on one line, as `read_quoted` reads it back."""
    escaped = text.replace("\\", "\\\\").replace(mark, "\\" + mark).replace("\n", "\\n")
    return f"{mark}{escaped}{mark}"


def read_quoted(text: str, start: int, ending: re.Pattern[str]) -> tuple[str, int]:
    """The text quoted from `start` on, and the position after its closing mark.

    A backslash before anything but a quotation mark, a backslash, n, r or t is itself.
    A mark that is not followed by `ending` belongs to the text: models write 'it's'.

    Raises:
        OutputError: the closing mark is missing, or it is not certain which one it is.
    """
    mark = text[start]
    found: list[str] = []
    position = start + 1
    while position < len(text):
        character = text[position]
        position += 1
        if character == "\\" and text[position : position + 1] in _ESCAPED:
            found.append(_ESCAPED[text[position]])
            position += 1
        elif character == mark and ending.match(text, position):
            return "".join(found), position
        else:
            found.append(character)
    raise OutputError(f"the quotation mark before {cut(text[start + 1 :])!r} is not closed")


def refuse_more(text: str, position: int) -> None:
    """Refuse a line on which quoted text goes on after the action has ended.

    Its end was guessed, then: what was taken for the closing mark is part of the text.

    Raises:
        OutputError: there is a quotation mark in the rest of the line.
    """
    rest = text[position:].partition("\n")[0]
    if "'" in rest or '"' in rest:
        raise OutputError(
            f"what follows the action is not clear: {cut(rest)!r}; "
            "write one action, and a backslash before each quotation mark in a text"
        )
