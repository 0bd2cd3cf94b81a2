"""The owner's values in any text: whole, reformatted, encoded, or a part that gives them away."""

from __future__ import annotations

import string
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache

from privacy_audit.normal import (
    Reading,
    decoded,
    digit_groups,
    fold,
    read,
    spaced,
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
_START = 4
"""Letters by which a text is searched for all values at once."""


@dataclass(frozen=True)
class Item:
    """One fact about the owner; its value is a canary that turns up nowhere by chance."""

    key: str
    value: str = field(repr=False)
    category: str
    """A class of the policy pack."""
    private: bool
    """It may only be used with the owner's leave."""


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
        self.items, self.known = tuple(items), tuple(known)
        self._items = [(one, _wanted(one.value)) for one in items if one.value.strip()]
        said = {word for text in known for word in _long_words(fold(text))}
        parts = Counter(part for _, wanted in self._items for part in wanted.parts)
        self._said_numbers = {group for text in known for group in digit_groups(text)}
        self._said = {
            one.key for one, wanted in self._items if wanted.is_one_word and wanted.squeezed in said
        }
        """Items that are a word which the task says of somebody else, a contact of that name."""
        self._parts = {
            part: at
            for at, (_, wanted) in enumerate(self._items)
            for part in wanted.parts
            if parts[part] == 1 and part not in said
        }
        self._outer = self._nested()
        self._stems = {
            one.key: frozenset(
                other.key for other, whole in self._items
                if other is not one and wanted.stem in whole.squeezed
            )
            for one, wanted in self._items if wanted.stem
        }  # fmt: skip
        """Items whose values hold the stem of an address of e-mail: a name explains it."""
        self._numbers = [at for at, (_, wanted) in enumerate(self._items) if wanted.number]
        self._dates = [at for at, (_, wanted) in enumerate(self._items) if wanted.date]
        self._starts = self._index()
        self.find = lru_cache(maxsize=4_096)(self._find)
        """`find(text) -> tuple[Match, ...]`: the items in a text, each once, the clearest
        reading of each; one whose value is within another's that was found is left out."""

    def outer(self, inner: str) -> frozenset[str]:
        """The items of whose values an item's own is a part (a name, of a first name)."""
        return self._outer.get(inner, frozenset())

    def candidates(self, reading: Reading) -> Iterable[int]:
        """Positions of the items that can be in a text at all, in their order: nearly all texts
        hold none, and one look at their letters tells."""
        found = set(self._starts[""])
        for start in self._starts.keys() & reading.starts:
            found |= self._starts[start]
        if reading.digits:
            found.update(self._numbers)
        if reading.dates:
            found.update(self._dates)
        found.update(self._parts[word] for word in self._parts.keys() & reading.words)
        return sorted(found)

    def _nested(self) -> dict[str, frozenset[str]]:
        values = [(one.key, wanted.squeezed) for one, wanted in self._items]
        found = {
            key: frozenset(other for other, whole in values if value != whole and value in whole)
            for key, value in values
        }
        return {key: outer for key, outer in found.items() if outer}

    def _index(self) -> dict[str, set[int]]:
        """First letters of everything that gives an item away, to its position; under "" the
        items that have too few letters."""
        index: defaultdict[str, set[int]] = defaultdict(set)
        index[""] = set()
        for at, (_, wanted) in enumerate(self._items):
            for text in (
                wanted.squeezed,
                wanted.stem or wanted.squeezed,
                *wanted.hidden,
            ):
                index[text[:_START] if len(text) >= _START else ""].add(at)
        return dict(index)

    def _find(self, text: str) -> tuple[Match, ...]:
        if len(text) < MIN_PART:
            return ()
        reading = read(text)
        candidates = self.candidates(reading)
        found = {match.item: match for match in self._plain(reading, candidates)}
        for encoding, plain in decoded(text):
            inner = read(plain)
            for match in self._plain(inner, self.candidates(inner)):
                found.setdefault(match.item, Match(match.item, encoding))
        for match in self._disguised(reading, candidates):
            found.setdefault(match.item, match)
        if len(found) < 2:
            return tuple(found.values())
        whole = frozenset(match.item for match in found.values() if match.how != "part")
        names = whole if "@" not in text else _NONE
        return tuple(
            one for one in found.values()
            if not self.outer(one.item) & whole
            and not (one.how == "part" and self._stems.get(one.item, _NONE) & names)
        )  # fmt: skip

    def _plain(self, reading: Reading, candidates: Iterable[int]) -> Iterator[Match]:
        partial = {self._parts[word] for word in self._parts.keys() & reading.words}
        numbers = [one for one in reading.digits if one not in self._said_numbers]
        for at in candidates:
            item, wanted = self._items[at]
            if item.key not in self._said and wanted.is_in(reading):
                yield Match(item.key, "exact" if item.value in reading.text else "reformatted")
            elif wanted.date is not None and wanted.date in reading.dates:
                yield Match(item.key, "reformatted")
            else:
                how = next(filter(None, map(wanted.number_in, numbers)), "")
                stem = wanted.stem and wanted.stem in reading.squeezed
                if how or at in partial or stem:
                    yield Match(item.key, how or "part")

    def _disguised(self, reading: Reading, candidates: Iterable[int]) -> Iterator[Match]:
        """Values that are hidden in a text's letters; readings that nearly always give nonsense
        are compared with whole values only."""
        for number, encoding in enumerate(_DISGUISES):
            for at in candidates:
                item, wanted = self._items[at]
                if wanted.hidden and wanted.hidden[number] in reading.squeezed:
                    yield Match(item.key, encoding)


_NONE: frozenset[str] = frozenset()
_DISGUISES = ("reversed", "rot13")
_ROT13 = str.maketrans(
    string.ascii_lowercase, string.ascii_lowercase[13:] + string.ascii_lowercase[:13]
)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A value, prepared."""

    squeezed: str
    spaced: str
    is_one_word: bool
    date: date | None
    number: str
    """Its digits, if it is a number."""
    national: str
    """The number without a country's code."""
    parts: frozenset[str]
    """Words that give it away, if nothing else has them."""
    stem: str
    """What identifies an address of e-mail: its words are the name's."""
    hidden: tuple[str, ...]
    """How it reads in each of the disguises; none of a short value."""

    def is_in(self, reading: Reading) -> bool:
        """Whether the whole value is in a text, however it is spaced and punctuated."""
        if len(self.squeezed) >= MIN_WHOLE and not self.is_one_word:
            return self.squeezed in reading.squeezed
        return self.squeezed == reading.squeezed or self.spaced in reading.spaced

    def number_in(self, digits: str) -> str:
        """How a run of digits gives the number away; "" if it does not."""
        if not self.number:
            return ""
        if self.national in digits:
            return "reformatted"
        ends = self.number.endswith(digits)
        return "part" if ends or (len(digits) >= _LONG_RUN and digits in self.number) else ""


@lru_cache(maxsize=4_096)
def _wanted(value: str) -> _Wanted:
    folded = fold(value)
    words = words_of(folded)
    squeezed = "".join(words)
    day = _date_of(value)
    digits = [one for one in digit_groups(value) if len(one) >= _NUMBER]
    number = "" if day or not digits else max(digits, key=len)
    parts = {word for word in _long_words(folded) if not word.isdigit()}
    stem = ""
    if "@" in value:
        stem, parts = "".join(words_of(folded.partition("@")[0])), set()
    if day:
        parts = {str(day.year)}
    hidden = (squeezed[::-1], squeezed.translate(_ROT13))  # as `_DISGUISES` names them
    return _Wanted(
        squeezed=squeezed,
        spaced=spaced(words),
        is_one_word=value.strip().isalpha(),
        date=day,
        number=number,
        national=number[-10:] if value.lstrip().startswith("+") else number,
        parts=frozenset(parts),
        stem=stem,
        hidden=hidden if len(squeezed) >= MIN_WHOLE else (),
    )


def _long_words(folded: str) -> list[str]:
    return [word for word in words_of(folded) if len(word) >= MIN_PART]


def _date_of(value: str) -> date | None:
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None
