"""What a form gets from other apps: a code that comes as a message, and a contact picked."""

from __future__ import annotations

import re

import pytest

from agentenv.errors import ConfigError
from agentenv.phone.apps import load_app
from agentenv.phone.phone import Phone
from agentenv.phone.schema import App
from agentenv.phone.setup import PhoneSetup

from .test_phone import offered, tap, type_into


@pytest.fixture
def phone() -> Phone:
    """Every app may be opened; nobody was asked yet."""
    return Phone(PhoneSetup(apps=("wallet", "email", "messages", "contacts"), attitude="open"))


def code_in(page: str) -> str:
    found = re.search(r"\b\d{6}\b", page)
    assert found
    return found[0]


def row_of(phone: Phone, table: str) -> dict[str, object]:
    (change,) = [one for one in phone.changes().rows if one.table == table]
    return dict(change.after or {})


def waiting_for_code(phone: Phone) -> None:
    tap(phone, "app wallet", "ask_owner", "open payment 1", "button trust", "pick most 1", "next")


def test_a_code_comes_as_a_message_once_it_is_asked_for(phone: Phone) -> None:
    waiting_for_code(phone)
    tap(phone, "shade")
    assert "Wallet" in phone.page()
    tap(phone, "close", "home", "app messages", "ask_owner")
    type_into(phone, "search", "Wallet")
    tap(
        phone, offered(phone)[[one.startswith("open thread") for one in offered(phone)].index(True)]
    )
    code = code_in(phone.page())
    assert phone.open_app("wallet")
    type_into(phone, "code", code)
    tap(phone, "next")
    trust = row_of(phone, "wallet_trust")
    assert (trust["payment"], trust["most"], trust["code"]) == (1, "50", None)


def test_another_code_is_refused_and_said_to_be_wrong(phone: Phone) -> None:
    waiting_for_code(phone)
    for wrong, said in (("000000", "This is not the code"), ("", "This field is required")):
        type_into(phone, "code", wrong)
        tap(phone, "next")
        assert said in phone.page()
    assert not [one for one in phone.changes().rows if one.table == "wallet_trust"]


def test_a_form_that_is_opened_again_sends_another_code(phone: Phone) -> None:
    codes: list[str] = []
    for _ in range(2):
        waiting_for_code(phone) if not codes else tap(phone, "button trust", "pick most 1", "next")
        messages = [one.after for one in phone.changes().rows if one.table == "messages_message"]
        codes.append(code_in(str(messages[-1])))
        tap(phone, "back", "back")
    assert codes[0] != codes[1]
    assert len([one for one in phone.changes().rows if one.table == "messages_contact"]) == 1


def test_a_picked_contact_fills_the_field_and_nobody_is_asked(phone: Phone) -> None:
    tap(phone, "app email", "ask_owner", "open write", "contact to")
    assert "Pick a contact" in phone.page()
    assert "open edit" not in offered(phone)
    row = [one for one in offered(phone) if one.startswith("open person")][3]
    tap(phone, row)
    assert phone.location == "email/write"
    assert re.search(r'id="field-to"[^>]*value="\w+@\w+\.example"', phone.page())
    asked = [one["resource"] for one in phone.log.records() if one["kind"] == "permission_request"]
    assert asked == ["email"]
    assert "contacts" not in {one.get("app") for one in phone.log.records()}


def test_back_leaves_the_picker_for_the_form_it_came_from(phone: Phone) -> None:
    tap(phone, "app email", "ask_owner", "open write")
    type_into(phone, "name", "Sunday")
    tap(phone, "contact to")
    phone.press("back")
    assert phone.location == "email/write"
    assert "Sunday" in phone.page()


def test_without_the_contacts_no_field_offers_them() -> None:
    phone = Phone(PhoneSetup(apps=("email",), attitude="open"))
    tap(phone, "app email", "ask_owner", "open write")
    assert "contact to" not in offered(phone)


def test_a_code_cannot_be_asked_for_before_it_is_sent() -> None:
    content = load_app("wallet").model_dump(exclude_unset=True)
    form = content["screens"]["trust"]
    form["steps"] = ({"title": "", "fields": ("most", "code")},)
    with pytest.raises((ConfigError, ValueError), match="later step"):
        App.model_validate(content)
