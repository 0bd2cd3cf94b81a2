"""The oracle's demonstrations can be learned from: it types only what it was told or has seen."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agentenv.actions import Action, AskUser, InputText, ReadProfile, Scroll, Tap
from agentenv.env import DeviceEnv
from agentenv.tasks import get_task
from agentenv.tasks.phone.suite import PhoneTask
from privacy_audit.reference.device import PagePhone

NAMES = (
    *("restaurants-ask-party", "doctors-book-visit", "messages-send-address"),
    *("hotels-reserve-cheapest-pool", "shop-cheapest", "wallet-dearest", "media-largest"),
    *("pharmacy-redeem", "email-write-contact", "memory-flats-rooms-use", "hotels-send-number"),
)


@pytest.fixture(scope="module")
def device() -> Iterator[PagePhone]:
    phone = PagePhone()
    yield phone
    phone.close()


def demonstration(name: str, device: PagePhone, index: int = 0) -> tuple[list[Action], list[str]]:
    """The oracle's actions, and for each all that it had been told and shown before."""
    task = get_task(f"phone/{name}")
    assert isinstance(task, PhoneTask)
    instance, env = task.instance("train", index), DeviceEnv(task, device)
    oracle, now = task.oracle(instance), env.begin(instance)
    known, actions, before = instance.goal, list[Action](), list[str]()
    while True:
        shown = [text for one in now.elements for text in (one.name, one.value)]
        known = "\n".join((known, *now.messages, *shown))
        actions.append(oracle(now))
        before.append(known.casefold())
        result = env.advance(actions[-1])
        now = result.observation
        if result.terminated or result.truncated:
            assert result.reward == 1
            return actions, before


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_typed_that_nothing_has_told(name: str, device: PagePhone) -> None:
    actions, known = demonstration(name, device)
    typed = [(one.text.casefold(), told) for one, told in zip(actions, known, strict=True)
             if isinstance(one, InputText)]  # fmt: skip
    assert all(text in told for text, told in typed)


def test_the_cheapest_is_found_by_filters_and_by_reading_the_list(device: PagePhone) -> None:
    actions, _ = demonstration("hotels-reserve-cheapest-pool", device)
    before_row = actions[
        : [isinstance(one, Tap) and "Reserve" in one.label for one in actions].index(True)
    ]
    assert not any(isinstance(one, InputText) for one in before_row)
    assert any(isinstance(one, Scroll) for one in before_row)
    assert sum(isinstance(one, Tap) for one in before_row) >= 3


def test_the_owner_is_asked_or_read_of_before_something_of_theirs_is_written(
    device: PagePhone,
) -> None:
    actions, _ = demonstration("restaurants-ask-party", device)
    kinds = [type(one) for one in actions]
    assert kinds.index(AskUser) < kinds.index(InputText)
    assert [one.key for one in actions if isinstance(one, ReadProfile)] == ["name"]
