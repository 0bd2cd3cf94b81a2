"""The owner's values on a screen, as it was read: with the mistakes that reading letters makes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any

from agentenv.observations import Bounds
from privacy_audit.canaries import MIN_WHOLE, Canaries
from privacy_audit.normal import fold, words_of
from privacy_audit.ocr import TextLine

_LETTERS_PER_MISTAKE = 10
"""So long is a value for each letter that may be missing, wrong or too many."""
_LINES = 3
"""Lines that a value may be broken into."""
_LIKE_DIGITS = str.maketrans("oOlI|!sSbBzZ", "001111558822")
_ALIKE = str.maketrans("oli|sbz", "0111582")
_PAIRS = (("rn", "m"), ("vv", "w"), ("cl", "d"))


@dataclass(frozen=True)
class Sighting:
    """An item that stands on a screen."""

    item: str
    how: str
    """As `canaries.Match`, or "misread" where letters differ."""
    bounds: Bounds
    """Of the lines that show it."""
    text: str
    """These lines."""


class Lookout:
    """Finds an owner's whole values in what was read from a screen.

    Screens say much that nobody typed, so a part of a value proves nothing here.

    Args:
        canaries: of the owner.
    """

    def __init__(self, canaries: Canaries) -> None:
        self._canaries = canaries

    def find(self, lines: Sequence[TextLine], *, tolerant: bool = True) -> list[Sighting]:
        """Every place of every item.

        Args:
            lines: of one screen, from top to bottom.
            tolerant: they were read from pixels: letters may be misread, and values broken into
                several lines. What UI elements say is neither.
        """
        found: list[Sighting] = []
        taken: set[tuple[str, int]] = set()
        for length in range(1, _LINES + 1 if tolerant else 2):
            for at, run in _runs(lines, length):
                text = " ".join(one.text for one in run)
                for item, how in self._in(text, tolerant):
                    places = {(item, at + offset) for offset in range(length)}
                    if not places & taken:
                        found.append(Sighting(item, how, _around(run), text))
                        taken |= places
        return found

    @cached_property
    def _shapes(self) -> dict[str, _Shape]:
        """Of the items that the task itself says nothing like."""
        shapes = {one.key: _Shape(one.value) for one in self._canaries.items if one.value.strip()}
        known = self._canaries.known
        return {key: one for key, one in shapes.items() if not any(map(one.is_in, known))}

    def _in(self, text: str, tolerant: bool) -> list[tuple[str, str]]:
        readings = (text, text.translate(_LIKE_DIGITS)) if tolerant else (text,)
        found: dict[str, str] = {}
        for number, reading in enumerate(readings):
            for match in self._canaries.find(reading):
                if match.how != "part":
                    found.setdefault(match.item, "misread" if number else match.how)
        for key, shape in self._shapes.items() if tolerant else ():
            if key not in found and shape.is_in(text):
                found[key] = "misread"
        return [
            (key, how) for key, how in found.items()
            if not self._canaries.outer(key) & found.keys()
        ]  # fmt: skip


class _Shape:
    """A value as it looks: letters that are taken for one another are one."""

    def __init__(self, value: str) -> None:
        self._shape = _shape_of(value)
        self._one_word = value.strip().isalpha()
        self._pattern = _pattern(self._shape, len(self._shape) // _LETTERS_PER_MISTAKE)

    def is_in(self, text: str) -> bool:
        if self._one_word or len(self._shape) < MIN_WHOLE:
            return self._shape in map(_shape_of, words_of(fold(text)))
        return self._pattern.search(_shape_of(text)) is not None


@lru_cache(maxsize=4_096)
def _pattern(shape: str, mistakes: int) -> Any:
    import regex  # of the extra `ocr`; the standard library's knows no mistakes

    return regex.compile(f"(?:{regex.escape(shape)}){{e<={mistakes}}}")


@lru_cache(maxsize=8_192)
def _shape_of(text: str) -> str:
    squeezed = "".join(words_of(fold(text)))
    for pair, letter in _PAIRS:
        squeezed = squeezed.replace(pair, letter)
    return squeezed.translate(_ALIKE)


def _runs(lines: Sequence[TextLine], length: int) -> Iterator[tuple[int, Sequence[TextLine]]]:
    """(number of the first, lines) for lines one below the other that may be one text."""
    for at in range(len(lines) - length + 1):
        run = lines[at : at + length]
        if all(_goes_on(one, other) for one, other in pairwise(run)):
            yield at, run


def _goes_on(line: TextLine, next_one: TextLine) -> bool:
    """Whether a line is the next of a text that is broken, or another piece of the same line."""
    left, top, _, bottom = line.bounds
    next_left, next_top, _, _ = next_one.bounds
    height = max(bottom - top, 1e-6)
    return next_top - bottom < height and (abs(next_left - left) < 2 * height or next_top < bottom)


def _around(lines: Iterable[TextLine]) -> Bounds:
    lefts, tops, rights, bottoms = zip(*(one.bounds for one in lines), strict=True)
    return (min(lefts), min(tops), max(rights), max(bottoms))
