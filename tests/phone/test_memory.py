"""The profile as a session left it is read from the event log, and begins the next session."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agentenv.errors import StoreError
from agentenv.phone.memory import profile_after
from agentenv.phone.phone import Phone
from agentenv.phone.setup import PhoneSetup

from .test_phone import offered, tap, type_into

SETUP = PhoneSetup(attitude="open")
KEYS = ("key", "label", "value", "level", "source")


def profile(phone: Phone) -> list[tuple[object, ...]]:
    """What really lies in the phone's database."""
    return [row[1:] for row in phone._database.content("sys_profile")]


def left_by(phone: Phone) -> list[tuple[object, ...]]:
    kept = profile_after(phone.setup, phone.log.lines())
    return [tuple(getattr(one, key) for key in KEYS) for one in kept]


@pytest.fixture
def lived_in() -> Phone:
    """Items were saved, saved over, refused, edited and deleted."""
    phone = Phone(SETUP)
    phone.save_profile("tea", "green", "low", "nobody agreed to that")
    for key, value in (("seat", "aisle"), ("seat", "window"), ("name", "Somebody Else")):
        phone.request_permission("write_data", key, "for later")
        phone.save_profile(key, value, "high", "")
    tap(phone, "app privacy", "ask_owner", "tab profile")
    items = [one for one in offered(phone) if one.startswith("open item")]
    tap(phone, items[0], "button delete", "yes", items[1], "button edit")
    type_into(phone, "value", "another")
    tap(phone, "pick level 1", "next")
    phone.request_permission("write_data", "city", "")
    phone.save_profile("city", "Elsewhere", "low", "")
    return phone


def test_it_follows_from_the_log_alone(lived_in: Phone) -> None:
    assert profile(lived_in) != profile(Phone(SETUP))
    assert left_by(lived_in) == profile(lived_in)
    assert left_by(Phone(SETUP)) == profile(Phone(SETUP))


def test_the_next_session_begins_with_it_and_has_changed_nothing_yet(lived_in: Phone) -> None:
    left = profile_after(SETUP, lived_in.log.lines())
    again = Phone(replace(SETUP, left=left))
    assert profile(again) == profile(lived_in)
    assert not again.changes()
    assert again.setup.owner == SETUP.owner


def test_a_log_that_was_tampered_with_begins_nothing(lived_in: Phone) -> None:
    lines = list(lived_in.log.lines())
    with pytest.raises(StoreError, match="line 2"):
        profile_after(SETUP, [lines[0], *lines[2:]])
