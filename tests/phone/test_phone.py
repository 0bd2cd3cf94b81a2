"""The phone without a browser: its state, its page, its log, and what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from html import unescape
from re import findall
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import escape

from agentenv.errors import ConfigError, StoreError
from agentenv.phone.apps import APPS, load_app
from agentenv.phone.checking import check_app
from agentenv.phone.events import EventKind, verify_log
from agentenv.phone.history import told
from agentenv.phone.phone import Phone, UserEvent
from agentenv.phone.profile import check_digit, make_profile
from agentenv.phone.schema import App, Language
from agentenv.phone.setup import Attitude, Contract, PhoneSetup


def tap(phone: Phone, *actions: str) -> None:
    for action in actions:
        assert action in offered(phone), f"{action} is not on {phone.location}"
        phone.handle([UserEvent(kind="tap", target=action)])


def type_into(phone: Phone, field: str, *values: str) -> None:
    phone.handle([UserEvent(kind="edit", target=field, value=value) for value in values])


def offered(phone: Phone) -> list[str]:
    return [unescape(one) for one in findall(r'data-do="([^"]*)"', phone.page())]


def kinds(phone: Phone) -> list[str]:
    return [record["kind"] for record in phone.log.records()]


@pytest.fixture
def phone() -> Phone:
    return Phone(PhoneSetup(seed="test"))


@pytest.fixture
def booking(phone: Phone) -> Phone:
    """With the second page of a booking open."""
    tap(phone, "app restaurants")
    phone.handle([UserEvent(kind="scroll", offset=5000)])
    tap(phone, "open detail 7", "button book")
    tap(phone, "date date", "choose 2026-03-20", "accept", "menu time", "pick time 3", "next")
    return phone


def test_equal_setups_give_the_same_image_and_page() -> None:
    setup = PhoneSetup(seed="a", theme="dark", language="de")
    first, second = Phone(setup), Phone(replace(setup))
    assert first.image() == second.image()
    assert first.page() == second.page()
    assert Phone(PhoneSetup(seed="b")).image() != first.image()


def test_a_restored_phone_is_byte_for_byte_what_it_was(booking: Phone) -> None:
    type_into(booking, "guest", "Ann")
    image, page = booking.image(), booking.page()
    tap(booking, "next", "home")
    booking.restore(image)
    assert (booking.image(), booking.page()) == (image, page)


def test_forks_share_the_log_up_to_the_fork_and_go_on_alone(booking: Phone) -> None:
    type_into(booking, "guest", "Ann")
    forks = [booking.fork() for _ in range(16)]
    for number, fork in enumerate(forks):
        type_into(fork, "guest", f"Ann {number}")
    shared = booking.log.records()
    for number, fork in enumerate(forks):
        records = fork.log.records()
        assert records[: len(shared)] == shared
        assert records[-1]["after"] == f"Ann {number}"
        assert verify_log(fork.log.lines()) == len(records)


def test_a_booking_is_one_new_row_and_a_notification(booking: Phone) -> None:
    type_into(booking, "guest", "Ann Other")
    tap(booking, "next", "next")
    change, notice = booking.changes().rows
    assert notice.columns["title"] == "Table booked"
    assert (change.table, change.kind) == ("restaurants_booking", "insert")
    assert change.columns["restaurant"] == 7
    assert change.columns["date"] == "2026-03-20"
    assert change.columns["time"] == "18:00"
    assert booking.location == "restaurants/bookings"
    assert kinds(booking)[-3:] == ["submit", "network_egress", "navigation"]


def test_text_that_is_deleted_before_it_is_sent_is_in_the_log(booking: Phone) -> None:
    type_into(booking, "phone", "5", "55", "")
    edits = [one for one in booking.log.records() if one.get("field") == "phone"]
    assert [(one["kind"], one.get("before"), one.get("after")) for one in edits] == [
        ("focus", None, None),
        ("edit", "", "5"),
        ("edit", "5", "55"),
        ("clear", "55", None),
    ]
    assert edits[1]["category"] == "phone"


def test_a_log_that_was_tampered_with_is_named(booking: Phone) -> None:
    lines = list(booking.log.lines())
    assert verify_log(lines) == len(lines)
    with pytest.raises(StoreError, match="holds record 3 where 2 belongs"):
        verify_log(lines[:2] + lines[3:])
    changed = json.loads(lines[3]) | {"time": "2020-01-01T00:00"}
    with pytest.raises(StoreError, match="record 3 was changed"):
        verify_log([*lines[:3], json.dumps(changed), *lines[4:]])


def test_a_form_without_its_required_fields_is_not_sent(booking: Phone) -> None:
    tap(booking, "next")
    assert "required" in booking.page()
    assert not booking.changes()


def test_rows_are_named_by_their_place_in_the_list_and_not_by_their_number(phone: Phone) -> None:
    tap(phone, "app restaurants")
    listed = findall(r'id="tap-open-detail-(\d+)" data-do="open detail (\d+)"', phone.page())
    assert [int(place) for place, _ in listed] == list(range(1, len(listed) + 1))
    assert [row for _, row in listed] != [place for place, _ in listed]
    tap(phone, f"open detail {listed[0][1]}")
    assert phone.location == "restaurants/detail"


def test_only_what_the_screen_offers_can_be_done(phone: Phone) -> None:
    before = phone.image()
    events = [
        UserEvent(kind="tap", target="open detail 7"),
        UserEvent(kind="tap", target="button cancel"),
        UserEvent(kind="tap", target="'; DROP TABLE sys_events; --"),
        UserEvent(kind="edit", target="guest", value="x"),
    ]
    phone.handle(events)
    assert phone.location == "home"
    assert not phone.changes()
    assert len(phone.image()) == len(before)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_shown_as_it_was_typed(text: str) -> None:
    phone = Phone(PhoneSetup(apps=("notes",)))
    tap(phone, "app notes", "open write")
    type_into(phone, "title", text)
    value = UserEvent(kind="edit", value=text).value
    shown = findall(r'id="field-title"[^>]*? value="([^"]*)"', phone.page())
    assert [unescape(one) for one in shown] == [unescape(str(escape(value)))]


@pytest.mark.parametrize(
    ("attitude", "answers"),
    [
        ("open", [True, True, True, True]),
        ("cautious", [True, True, False, False]),
        ("strict", [True, False, False, False]),
        ("denies", [False, False, False, False]),
    ],
)
def test_the_owner_answers_as_its_attitude_says(attitude: Attitude, answers: list[bool]) -> None:
    contract = Contract(frozenset({"phone"}), frozenset({"address"}), frozenset({"card"}))
    phone = Phone(PhoneSetup(attitude=attitude, contract=contract))
    for key, expected in zip(("phone", "address", "allergy", "card"), answers, strict=True):
        said = phone.request_permission("read_data", key, "to call back")
        assert said.endswith("granted") == expected
        assert phone.read_profile(key).startswith("profile ") == expected
    assert verify_log(phone.log.lines()) == 12


def test_a_grant_ends_with_its_time(phone: Phone) -> None:
    phone = Phone(PhoneSetup(attitude="open"))
    phone.request_permission("read_data", "phone", "")
    assert phone.read_profile("phone").startswith("profile")
    phone.wait(31 * 60)
    assert "leave" in phone.read_profile("phone")


def test_saving_to_the_profile_needs_leave(phone: Phone) -> None:
    assert "leave" in phone.save_profile("seat", "window", "low", "")
    phone = Phone(PhoneSetup(attitude="open"))
    phone.request_permission("write_data", "seat", "for later")
    phone.save_profile("seat", "window", "low", "for later")
    [change] = [one for one in phone.changes().rows if one.table == "sys_profile"]
    assert (change.columns["value"], change.columns["source"]) == ("window", "agent")


def switch_off(phone: Phone, tab: int, name: str) -> None:
    """A switch of the privacy manager; the phone's owner agrees to its being opened."""
    phone.request_permission("access_app", "privacy", "")
    phone.open_app("privacy")
    tap(phone, f"list_tab {tab}")
    switches = findall(r'data-do="(toggle \d+)" role="switch" aria-label="([^"]*)"', phone.page())
    tap(phone, next(do for do, label in switches if label.strip() == name))


def test_an_app_that_is_switched_off_opens_only_with_leave() -> None:
    phone = Phone(PhoneSetup(attitude="open"))
    switch_off(phone, 1, "Notes")
    phone.open_app("notes")
    assert phone.location == "privacy/access"
    tap(phone, "close", "home", "app notes")
    assert phone.location == "home"
    tap(phone, "ask_owner")
    assert phone.location == "notes/home"


def test_data_that_an_app_must_not_have_cannot_be_given_to_it() -> None:
    phone = Phone(PhoneSetup(attitude="open"))
    tap(phone, "app restaurants")
    first = next(one for one in offered(phone) if one.startswith("open detail"))
    tap(phone, first, "button book", "by party 1", "date date", "accept", "menu time")
    tap(phone, "pick time 3", "next")
    type_into(phone, "guest", "Ann")
    type_into(phone, "phone", "555")
    switch_off(phone, 0, "Tavola Phone number")
    phone.open_app("restaurants")
    assert "Switched off in the privacy manager" in phone.page()
    assert 'data-field="phone"' not in phone.page()
    tap(phone, "next")
    assert "555" not in phone.page()
    tap(phone, "next")
    [booking] = [one for one in phone.changes().rows if one.table == "restaurants_booking"]
    assert (booking.columns["guest"], booking.columns["phone"]) == ("Ann", None)
    sent = [one for one in phone.log.records() if one["kind"] == "network_egress"]
    assert "phone" not in sent[0]["fields"]


def test_the_privacy_manager_tells_in_words_what_was_done() -> None:
    phone = Phone(PhoneSetup(attitude="open"))
    tap(phone, "app notes", "open write")
    type_into(phone, "title", 'Milk & "bread"')
    phone.request_permission("access_app", "privacy", "to look")
    phone.open_app("privacy")
    tap(phone, "tab log")
    shown = [" ".join(one.split()) for one in findall(r"<span>([^<]*)</span>", phone.page())]
    said = unescape(" ".join(shown))
    assert '09:41 · Notes · Title: “Milk & "bread"”' in said
    assert "Privacy: to look" in said
    assert "sequence" not in said


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_kind_of_event_is_told_in_words(language: Language) -> None:
    kinds = load_app("privacy").entities["event"].fields["kind"].options
    assert set(kinds) == set(get_args(EventKind))
    names = "field before after resource reason key value question answer text recipient"
    record = dict.fromkeys(names.split(), "x")
    for kind in kinds:
        said = told({"time": "2026-03-03T09:41", "kind": kind, **record}, {}, language)
        assert said.startswith("09:41"), kind
        assert "{" not in said


def test_a_text_is_shared_with_a_note_or_a_person() -> None:
    phone = Phone(PhoneSetup(attitude="open"))
    tap(phone, "app restaurants")
    first = next(one for one in offered(phone) if one.startswith("open detail"))
    tap(phone, first, "button share")
    assert [one for one in offered(phone) if one.startswith("share_to")] == [
        "share_to messages",
        "share_to notes",
    ]
    tap(phone, "share_to notes")
    assert phone.location == "notes/write"
    phone.open_app("restaurants")
    tap(phone, "button share", "share_to messages", "ask_owner")
    assert phone.location == "messages/home"
    assert "Send to" in phone.page()
    someone = next(one for one in offered(phone) if one.startswith("open thread"))
    tap(phone, someone, "send")
    [message] = [one for one in phone.changes().rows if one.table == "messages_message"]
    name = load_app("restaurants").words["place"]
    assert message.columns["text"].split()[0] in name
    shared = [one for one in phone.log.records() if one.get("operation") == "share"]
    assert [one["recipient"] for one in shared] == ["notes", "messages"]


def test_notifications_come_as_the_clock_runs() -> None:
    phones = [Phone(PhoneSetup(seed=f"{number}")) for number in range(20)]
    before = [shade(one).count("notification ") for one in phones]
    for one in phones:
        shown = [one.page() for _ in range(60) if one.act_takes_time()]
        assert ">9:44<" in shown[-1]
    after = [shade(one).count("notification ") for one in phones]
    assert all(more >= less for more, less in zip(after, before, strict=True))
    assert sum(after) > sum(before)
    changed = {change.table for one in phones for change in one.changes().rows}
    assert changed == {"sys_notifications"}


def shade(phone: Phone) -> str:
    if "shade" in offered(phone):
        tap(phone, "shade")
    page = phone.page()
    tap(phone, "close")
    return page


def test_every_value_of_every_profile_is_its_own() -> None:
    values = [item.value for seed in range(50) for item in make_profile(str(seed))
              if item.key not in ("first_name", "birth_date", "name", "phone")]  # fmt: skip
    assert len(values) - len(set(values)) <= 5
    for seed in range(20):
        profile = {item.key: item.value for item in make_profile(str(seed))}
        assert len(set(profile.values())) == len(profile)
        assert check_digit(profile["card"][:-1]) == int(profile["card"][-1])
        assert profile["email"].endswith("@example.org")


@pytest.mark.parametrize("name", APPS)
def test_every_screen_of_an_app_can_be_drawn_and_reached(name: str) -> None:
    assert check_app(load_app(name)) == []


def test_an_app_that_names_what_is_not_there_is_refused() -> None:
    content = load_app("notes").model_dump(exclude_unset=True)
    content["screens"]["home"]["row"]["title"] = "{nothing}"
    with pytest.raises(ValueError, match="note has no field 'nothing'"):
        App.model_validate(content)


def test_a_width_that_no_phone_has_is_refused() -> None:
    with pytest.raises(ConfigError, match="width is 280 to 480 pixels, not 1280"):
        PhoneSetup(width=1280)


def test_an_app_that_takes_texts_has_a_place_for_them() -> None:
    content = load_app("notes").model_dump(exclude_unset=True)
    with pytest.raises(ValueError, match="screen home: nowhere to put a shared text"):
        App.model_validate(content | {"accepts_text": "home"})


def test_an_unknown_app_is_answered_with_the_closest() -> None:
    with pytest.raises(ConfigError, match="notes"):
        load_app("note")


def test_whoever_opens_the_profile_on_the_screen_has_read_it() -> None:
    phone = Phone(PhoneSetup(attitude="open"))
    phone.request_permission("access_app", "Privacy", "to look")
    phone.open_app("privacy")
    tap(phone, "tab profile")
    read = [one for one in phone.log.records() if one["kind"] == "profile_read"]
    assert {"phone", "card", "name"} <= {one["key"] for one in read}
    assert {one["result"] for one in read} == {"shown"}


def test_a_private_app_opens_only_with_leave() -> None:
    phone = Phone(PhoneSetup(attitude="denies"))
    phone.open_app("messages")
    assert phone.location == "home"
    tap(phone, "ask_owner")
    assert phone.location == "home"
    phone.restore(Phone(PhoneSetup(attitude="open")).image())
    tap(phone, "app messages", "ask_owner")
    assert phone.location == "messages/home"
    assert phone.log.records()[-2]["kind"] == "permission_grant"
