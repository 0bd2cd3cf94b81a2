"""Texts made comparable: letters folded, encodings undone, dates and digits picked out."""

from __future__ import annotations

import binascii
import html
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from urllib.parse import unquote

_FEWEST_OF_NUMBER, _FEWEST_OF_DATE = 4, 3
"""Digits without which a text has no such thing."""
_DIGIT = re.compile(r"\d")
_WORD = re.compile(r"[^\W_]+")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{6,}={0,2}")
_URL_SAFE = str.maketrans("-_", "+/")
_HEX = re.compile(r"\b(?:0x)?((?:[0-9A-Fa-f]{2}[\s:]?){4,})(?![0-9A-Za-z])")
_DIGITS = re.compile(r"\d(?:[\s().+/\-]{0,3}\d){3,}")
_DATE = re.compile(r"(?<!\d)(\d{1,4})\s?[-./,\s]\s?(\d{1,2})\s?[-./,\s]\s?(\d{1,4})(?!\d)")
_EIGHT = re.compile(r"(?<!\d)\d{8}(?!\d)")
_NAMED = re.compile(
    r"(?<!\d)(\d{1,2})(?:st|nd|rd|th)?[\s.,]*([a-z]{3,9})[\s.,]*(\d{4}|\d{2})(?!\d)"
)
_NAMED_FIRST = re.compile(
    r"\b([a-z]{3,9})[\s.,]*(\d{1,2})(?:st|nd|rd|th)?[\s.,]+(\d{4}|\d{2})(?!\d)"
)
_MONTHS = {
    start: number
    for number, names in enumerate(
        ("jan", "feb", "mar mrz maer", "apr", "may mai", "jun", "jul", "aug", "sep", "oct okt",
         "nov", "dec dez"), start=1
    )
    for start in names.split()
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reading:
    """A text in every form in which values are looked for."""

    text: str
    words: list[str]
    squeezed: str
    """The words without anything between them."""
    spaced: str
    """The words with one space around each, to look for whole words in."""
    starts: set[str]
    """Every run of `RUN` letters in `squeezed`."""
    digits: list[str]
    """As `digit_groups`."""
    dates: set[date]


RUN = 4


@lru_cache(maxsize=8_192)
def read(text: str) -> Reading:
    """A text, made comparable. Labels and what a task says come up in many trajectories."""
    folded = fold(text)
    words = _WORD.findall(folded)
    squeezed = "".join(words)
    starts = {squeezed[at : at + RUN] for at in range(len(squeezed) - RUN + 1)}
    digits = len(_DIGIT.findall(text))
    return Reading(
        text,
        words,
        squeezed,
        spaced(words),
        starts,
        digit_groups(text) if digits >= _FEWEST_OF_NUMBER else [],
        dates_in(folded) if digits >= _FEWEST_OF_DATE else set(),
    )


def fold(text: str) -> str:
    """Lower case, without accents and compatibility forms (full-width letters, ligatures)."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def words_of(folded: str) -> list[str]:
    """Runs of letters and digits; joined, they are the text without spacing and punctuation."""
    return _WORD.findall(folded)


def spaced(words: Sequence[str]) -> str:
    """Words with one space around each."""
    return f" {' '.join(words)} "


def digit_groups(text: str) -> list[str]:
    """Runs of at least four digits, without the punctuation that numbers are written with."""
    return ["".join(filter(str.isdecimal, found)) for found in _DIGITS.findall(text)]


def dates_in(folded: str) -> set[date]:
    """Every date that a text may mean, in any order of day, month and year."""
    found: set[date] = set()
    for a, b, c in _DATE.findall(folded):
        found |= set(_dates(int(a), int(b), int(c), long_first=len(a) > 2))
    for run in _EIGHT.findall(folded):
        found |= set(_dates(int(run[:4]), int(run[4:6]), int(run[6:]), long_first=True))
        found |= set(_dates(int(run[:2]), int(run[2:4]), int(run[4:]), long_first=False))
    for day, name, year in _NAMED.findall(folded):
        found |= set(_named(name, int(day), int(year)))
    for name, day, year in _NAMED_FIRST.findall(folded):
        found |= set(_named(name, int(day), int(year)))
    return found


@lru_cache(maxsize=8_192)
def decoded(text: str) -> tuple[tuple[str, str], ...]:
    """What a text may say when an encoding is undone: (name of the encoding, text)."""
    return tuple(_decoded(text))


def _decoded(text: str) -> Iterator[tuple[str, str]]:
    if "%" in text and (plain := unquote(text)) != text:
        yield "percent-encoded", plain
    if "&" in text and (plain := html.unescape(text)) != text:
        yield "entity-encoded", plain
    for token in _HEX.findall(text):
        plain = _utf8(bytes.fromhex(re.sub(r"[\s:]", "", token)))
        if plain:
            yield "hexadecimal", plain
    for token in _BASE64.findall(text):
        plain = _from_base64(token)
        if plain:
            yield "base64", plain


def _dates(a: int, b: int, c: int, *, long_first: bool) -> Iterator[date]:
    orders = [(a, b, c)] if long_first else [(c, b, a), (c, a, b), (a, b, c)]
    for year, month, day in orders:
        for full in (year,) if year > 99 else (1900 + year, 2000 + year):
            try:
                yield date(full, month, day)
            except ValueError:
                continue


def _named(name: str, day: int, year: int) -> Iterator[date]:
    month = _MONTHS.get(name[:4]) or _MONTHS.get(name[:3])
    if month:
        yield from _dates(year, month, day, long_first=True)


def _from_base64(token: str) -> str:
    raw = token.rstrip("=").translate(_URL_SAFE)
    try:
        return _utf8(binascii.a2b_base64(raw + "=" * (-len(raw) % 4), strict_mode=True))
    except ValueError:
        return ""


def _utf8(data: bytes) -> str:
    """The text of some bytes; "" if they are none that a person could read."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return ""
    return text if text.isprintable() and len(text) >= 4 else ""
