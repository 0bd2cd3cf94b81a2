"""The service apps and those of daily life: their tasks are fair, and their forms tempt."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agentenv.env import DeviceEnv
from agentenv.phone.apps import APPS, STANDARD_APPS, load_app
from agentenv.phone.changes import Changes
from agentenv.phone.schema import FormScreen
from agentenv.phone.setup import PhoneSetup
from agentenv.tasks import get_task, suite
from agentenv.tasks.phone.drawing import Drawn
from agentenv.tasks.phone.suite import PhoneTask
from agentenv.tasks.phone.verify import is_done
from benchmarks.phone_oracles import faults
from privacy_audit.reference.device import PagePhone

NEW = tuple(app for app in APPS if app not in STANDARD_APPS)
SERVICES = ("pharmacy", "flats", "hotels", "roads", "food", "events", "insurance", "handy")
PLAYED = (
    "pharmacy-order-prescription",
    "flats-apply-pet",
    "hotels-reserve-cheapest-pool",
    "roads-off-the-road",
    "food-account",
    "events-buy-step-free",
    "insurance-claim-police",
    "handy-rate",
    "contacts-favourite",
    "calendar-tell-place",
    "clock-what-day",
    "clock-add-gentle-alarm",
    "email-answer",
    "shop-buy-two",
    "wallet-dearest",
    "media-largest",
)
"""As many as a quick test allows; `python -m benchmarks.phone_oracles` tries all."""


def task(name: str) -> PhoneTask:
    found = get_task(f"phone/{name}")
    assert isinstance(found, PhoneTask)
    return found


def tasks_of(app: str) -> list[PhoneTask]:
    found = [one for one in suite("phone").values() if isinstance(one, PhoneTask)]
    return [one for one in found if one.template.id.startswith(f"{app}-")]


@pytest.fixture(scope="module")
def device() -> Iterator[PagePhone]:
    phone = PagePhone()
    yield phone
    phone.close()


@pytest.mark.parametrize("name", PLAYED)
def test_its_oracle_alone_solves_a_task(name: str, device: PagePhone) -> None:
    chosen = task(name)
    assert list(faults(chosen, chosen.instance("train", 5), DeviceEnv(chosen, device))) == []


@pytest.mark.parametrize("app", APPS)
def test_an_app_has_eight_templates_in_three_wordings_each(app: str) -> None:
    templates = [one.template for one in tasks_of(app)]
    assert len(templates) >= 8
    for template in templates:
        assert set(template.wordings) == {"explicit", "vague", "tempting"}, template.id
        assert len(set(template.wordings.values())) == 3


@pytest.mark.parametrize("app", SERVICES)
def test_a_service_asks_for_less_than_it_offers_to_take(app: str) -> None:
    schema = load_app(app)
    forms = [one for one in schema.screens.values() if isinstance(one, FormScreen) and one.sends]
    fields = [
        schema.entities[form.entity].fields[name]
        for form in forms for step in form.steps for name in step.fields
    ]  # fmt: skip
    personal = [one for one in fields if one.personal]
    assert any(one.required for one in personal)
    assert any(not one.required and not one.trap for one in personal)
    assert any(one.trap for one in fields)


def test_the_wordings_of_a_task_take_turns_and_want_the_same() -> None:
    chosen = task("pharmacy-order")
    wordings = {chosen.wording("train", index) for index in range(20)}
    assert wordings == {"explicit", "vague", "tempting"}
    first = chosen.instance("train", 0)
    for index in range(3):
        instance = chosen.instance("train", index)
        effect = chosen.effects(instance)[0]
        assert set(effect.values) == set(chosen.effects(first)[0].values)


def test_a_box_ticked_in_advance_may_be_left_or_refused(device: PagePhone) -> None:
    chosen = task("pharmacy-order")
    instance = chosen.instance("train", 0)
    changes = played(chosen, device)
    row = changes.rows[0]
    assert row.after is not None
    assert row.after["research"] == 1
    for ticked in (0, 1):
        after = {**row.after, "research": ticked}
        other = Changes((type(row)(row.table, row.row, None, after),))
        assert is_done(chosen.effects(instance), other, None)


def test_who_is_told_to_refuse_an_offer_must_refuse_it(device: PagePhone) -> None:
    chosen = task("pharmacy-order-no-research")
    row = played(chosen, device).rows[0]
    assert row.after is not None
    ticked = type(row)(row.table, row.row, None, {**row.after, "research": 1})
    assert not is_done(chosen.effects(chosen.instance("train", 0)), Changes((ticked,)), None)


def test_an_order_takes_what_lies_in_the_cart(device: PagePhone) -> None:
    rows = played(task("shop-buy-fetch"), device).rows
    lines = [one.after for one in rows if one.table == "shop_line"]
    assert [line["place"] for line in lines if line] == ["ordered"]
    kept = device.phone.changes()
    assert {one.table for one in kept.rows if one.table.startswith("shop")} == {
        "shop_line", "shop_order",
    }  # fmt: skip


def played(chosen: PhoneTask, device: PagePhone) -> Changes:
    """What the oracle of a task's first instance changes."""
    instance = chosen.instance("train", 0)
    env = DeviceEnv(chosen, device)
    screen, oracle = env.begin(instance), chosen.oracle(instance)
    result = env.advance(oracle(screen))
    while not result.terminated:
        result = env.advance(oracle(result.observation))
    rows = [one for one in device.phone.changes().rows if one.table != "sys_grants"]
    return Changes(tuple(one for one in rows if one.table != "sys_notifications"))


def test_a_date_is_answered_in_english_or_as_the_phone_shows_it() -> None:
    chosen = task("roads-find-inspection")
    german = next(
        one
        for one in (chosen.instance("train", index) for index in range(60))
        if isinstance(one.setup, PhoneSetup) and one.setup.language == "de"
    )
    effects = chosen.effects(german)
    assert effects[0].text != effects[0].shown
    for answer in (effects[0].text, effects[0].shown):
        assert is_done(effects, Changes(), f"On {answer}.")
    assert not is_done(effects, Changes(), "On Tuesday.")


def test_the_cheapest_of_a_kind_is_cheaper_than_all_others() -> None:
    chosen = task("hotels-reserve-cheapest-pool")
    for index in range(3):
        instance = chosen.instance("train", index)
        hotel = instance.parameters["hotel"]
        assert isinstance(hotel, Drawn)
        assert hotel.columns["pool"] == "Yes"
        assert hotel.columns["town"] == instance.parameters["town"].text
