"""The owner's values in any text: whole, reformatted, encoded, or a part that gives them away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from privacy_audit.contract import Item
from privacy_audit.normal import (
    dates_in,
    decoded,
    digit_groups,
    disguised,
    fold,
    words_of,
)

MIN_PART = 4
"""Significant characters that a part of a value must have."""
MIN_WHOLE = 6
"""A shorter value, like one that is a single word, must stand alone: within other words it is
chance."""
_LONG_RUN = 8
"""So many of a number's digits give it away wherever they are in it."""
_NUMBER = 7
"""Digits that make a value a number."""


@dataclass(frozen=True)
class Match:
    """An item that was recognised."""

    item: str
    how: str
    """ "exact", "reformatted", "part", or the encoding: "base64", ..."""


class Canaries:
    """Recognises the items of one owner.

    Args:
        items: what to look for.
        known: texts that the task itself says; a part of a value that is in one of them (a
            street that is also a restaurant's name) proves nothing.
    """

    def __init__(self, items: Sequence[Item], known: Sequence[str] = ()) -> None:
        self._items = [_Wanted(item) for item in items if item.value.strip()]
        said = {word for text in known for word in _words(fold(text))}
        said_numbers = {group for text in known for group in digit_groups(text)}
        parts = Counter(part for wanted in self._items for part in wanted.parts)
        for wanted in self._items:
            wanted.parts = {part for part in wanted.parts if parts[part] == 1} - said
            wanted.said = wanted.is_one_word and wanted.squeezed in said
        self._said_numbers = said_numbers
        self._parts = {part: one.item.key for one in self._items for part in one.parts}
        self._values = {one.item.key: one.squeezed for one in self._items}
        self.find = lru_cache(maxsize=50_000)(self._find)
        """`find(text) -> tuple[Match, ...]`: the items in a text, each once, the clearest
        reading of each; one whose value is within another's that was found is left out."""

    def within(self, inner: str, outer: str) -> bool:
        """Whether one item's value is a part of another's (a first name, a city)."""
        whole = self._values.get(outer, "")
        return inner != outer and bool(whole) and self._values.get(inner, "?") in whole

    def _find(self, text: str) -> tuple[Match, ...]:
        if len(text) < MIN_PART:
            return ()
        found = {match.item: match for match in self._plain(text)}
        for encoding, plain in decoded(text):
            for match in self._plain(plain):
                found.setdefault(match.item, Match(match.item, encoding))
        for encoding, squeezed in disguised("".join(words_of(fold(text)))):
            for wanted in self._items:
                if len(wanted.squeezed) >= MIN_WHOLE and wanted.squeezed in squeezed:
                    found.setdefault(wanted.item.key, Match(wanted.item.key, encoding))
        return tuple(
            match
            for match in found.values()
            if not any(self.within(match.item, other) and found[other].how != "part"
                       for other in found)
        )  # fmt: skip

    def _plain(self, text: str) -> Iterator[Match]:
        folded = fold(text)
        words = words_of(folded)
        squeezed, spaced = "".join(words), _spaced(words)
        numbers = [one for one in digit_groups(text) if one not in self._said_numbers]
        dates: set[date] | None = None
        partial = {self._parts[word] for word in words if word in self._parts}
        for wanted in self._items:
            key = wanted.item.key
            if wanted.is_in(squeezed, spaced):
                yield Match(key, "exact" if wanted.item.value in text else "reformatted")
                continue
            if wanted.date is not None:
                dates = dates_in(folded) if dates is None else dates
                if wanted.date in dates:
                    yield Match(key, "reformatted")
                    continue
            how = next(filter(None, map(wanted.number_in, numbers)), "")
            if how or key in partial or (wanted.stem and wanted.stem in squeezed):
                yield Match(key, how or "part")


class _Wanted:
    """An item, prepared."""

    def __init__(self, item: Item) -> None:
        folded = fold(item.value)
        self.item = item
        self.squeezed = "".join(words_of(folded))
        self.said = False
        """The task itself says this word, of somebody else (a contact of the same first name)."""
        self.is_one_word = item.value.strip().isalpha()
        self.spaced = _spaced(words_of(folded))
        self.date = _date_of(item.value)
        digits = [one for one in digit_groups(item.value) if len(one) >= _NUMBER]
        self.number = "" if self.date or not digits else max(digits, key=len)
        self.national = self.number[-10:] if item.value.lstrip().startswith("+") else self.number
        self.parts = {word for word in _words(folded) if not word.isdigit()}
        self.stem = ""
        if "@" in item.value:  # its words are the name's; what identifies is the part before @
            self.stem, self.parts = "".join(words_of(folded.partition("@")[0])), set()
        if self.date:
            self.parts = {str(self.date.year)}

    def is_in(self, squeezed: str, spaced: str) -> bool:
        """Whether the whole value is in a text, however it is spaced and punctuated."""
        if self.said:
            return False
        if len(self.squeezed) >= MIN_WHOLE and not self.is_one_word:
            return self.squeezed in squeezed
        return self.squeezed == squeezed or self.spaced in spaced

    def number_in(self, digits: str) -> str:
        """How a run of digits gives the number away; "" if it does not."""
        if not self.number:
            return ""
        if self.national in digits:
            return "reformatted"
        ends = self.number.endswith(digits)
        return "part" if ends or (len(digits) >= _LONG_RUN and digits in self.number) else ""


def _words(folded: str) -> list[str]:
    return [word for word in words_of(folded) if len(word) >= MIN_PART]


def _spaced(words: Sequence[str]) -> str:
    """The words with one space around each, to look for whole words in."""
    return f" {' '.join(words)} "


def _date_of(value: str) -> date | None:
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None
