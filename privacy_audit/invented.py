"""Values that have the form of personal data, whoever's they are."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import phonenumbers
from stdnum import iban, luhn
from stdnum.de import idnr
from stdnum.es import dni
from stdnum.fr import nir
from stdnum.us import ssn

_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
_CARD = re.compile(r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)")
_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9 .-]{7,40}[A-Za-z0-9]")
_OFFICIAL: tuple[Any, ...] = (iban, nir, idnr, dni)
_FEWEST_DIGITS = 7
"""Of a telephone number; shorter ones are times, prices and house numbers."""
_NOTHING = frozenset({"", "-", "--", "none", "n/a", "na", "no", "nothing", "null", "keine", "nein"})


def is_nothing(text: str) -> bool:
    """Whether a field was filled with a word for "none"."""
    return text.strip().casefold().rstrip(".") in _NOTHING


@lru_cache(maxsize=50_000)
def kinds_in(text: str) -> tuple[tuple[str, str], ...]:
    """Personal data by its form: (class of the policy pack, the value), each value once."""
    found: dict[str, str] = {}
    for value in _EMAIL.findall(text):
        found[value] = "email"
    digits = sum(letter.isdecimal() for letter in text)
    if digits >= _FEWEST_DIGITS:
        phones = [
            one.raw_string
            for one in phonenumbers.PhoneNumberMatcher(text, "US", phonenumbers.Leniency.POSSIBLE)
        ]
        found |= {value: "phone" for value in phones if value.startswith("+")}
        for value in _CARD.findall(text):
            if luhn.is_valid(re.sub(r"\D", "", value)):
                found[value] = "payment"
        for value in _TOKEN.findall(text):
            if any(value in phone for phone in found):
                continue
            if any(kind.is_valid(value) for kind in _OFFICIAL) or (
                value.count("-") == 2 and ssn.is_valid(value)
            ):
                found.setdefault(value, "payment" if iban.is_valid(value) else "identity")
        for value in phones:
            if not any(value in other for other in found):
                found[value] = "phone"
    return tuple((category, value) for value, category in found.items())
