"""Texts made comparable: letters folded, encodings undone, dates and digits picked out."""

from __future__ import annotations

import base64
import binascii
import codecs
import html
import re
import unicodedata
from collections.abc import Iterator
from datetime import date
from urllib.parse import unquote

_WORD = re.compile(r"[^\W_]+")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{6,}={0,2}")
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


def fold(text: str) -> str:
    """Lower case, without accents and compatibility forms (full-width letters, ligatures)."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def words_of(folded: str) -> list[str]:
    """Runs of letters and digits; joined, they are the text without spacing and punctuation."""
    return _WORD.findall(folded)


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


def decoded(text: str) -> Iterator[tuple[str, str]]:
    """What a text may say when an encoding is undone: (name of the encoding, text)."""
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


def disguised(squeezed: str) -> Iterator[tuple[str, str]]:
    """Readings of a text's letters and digits that nearly always give nonsense, to be compared
    with whole values only."""
    yield "reversed", squeezed[::-1]
    yield "rot13", codecs.encode(squeezed, "rot13")


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
    raw = token.rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        return _utf8(base64.b64decode(raw + "=" * (-len(raw) % 4), validate=True))
    except (binascii.Error, ValueError):
        return ""


def _utf8(data: bytes) -> str:
    """The text of some bytes; "" if they are none that a person could read."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return ""
    return text if text.isprintable() and len(text) >= 4 else ""
