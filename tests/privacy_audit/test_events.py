"""Reading a log: what is wrong is found, located, and never raises."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentenv.errors import StoreError
from agentenv.phone.events import FIRST
from privacy_audit.events import Seal, read_log, seal_of
from tests.privacy_audit.logs import make_lines


@pytest.fixture
def lines() -> list[str]:
    return make_lines(
        {"kind": "navigation", "app": "notes", "screen": "home"},
        {
            "kind": "edit",
            "app": "notes",
            "screen": "new",
            "field": "title",
            "after": 'a, "hash": "',
        },
        {"kind": "edit", "app": "notes", "screen": "new", "field": "title", "after": "Grüße ✓"},
        {"kind": "submit", "app": "notes", "screen": "new", "fields": {"title": "Grüße"}},
    )


def rehashed(line: str, **changes: Any) -> str:
    record = json.loads(line) | changes
    record.pop("hash")
    text = json.dumps(record, ensure_ascii=False, sort_keys=True)
    return f'{text[:-1]}, "hash": "{hashlib.sha256(text.encode()).hexdigest()}"}}'


def test_a_whole_log_is_read_and_sealed(lines: list[str]) -> None:
    log = read_log(lines, seal_of(lines))
    assert log.whole
    assert [event.sequence for event in log.events] == [0, 1, 2, 3]
    assert log.events[1].text("after") == 'a, "hash": "'
    assert log.events[3].data["fields"] == {"title": "Grüße"}
    assert (log.events[3].app, log.events[3].screen) == ("notes", "new")


def test_a_log_written_in_another_layout_still_verifies(lines: list[str]) -> None:
    again = [json.dumps(json.loads(line), indent=None, separators=(",", ":")) for line in lines]
    assert read_log(again).whole


def test_a_changed_record_is_located(lines: list[str]) -> None:
    lines[2] = lines[2].replace("Grüße", "Gruesse")
    log = read_log(lines)
    assert log.broken == "line 3: record 2 was changed after it was written"
    assert len(log.events) == 2
    with pytest.raises(StoreError, match="line 3"):
        log.require_whole()


def test_a_record_that_was_changed_and_hashed_again_is_betrayed_by_the_next(
    lines: list[str],
) -> None:
    lines[1] = rehashed(lines[1], after="harmless")
    assert "line 3: record 2 does not follow" in read_log(lines).broken


def test_a_log_hashed_again_to_its_end_is_betrayed_by_its_seal(lines: list[str]) -> None:
    seal, before = seal_of(lines), FIRST
    for number in range(len(lines)):
        change = {"after": "x"} if number == 1 else {}
        lines[number] = rehashed(lines[number], previous=before, **change)
        before = json.loads(lines[number])["hash"]
    assert read_log(lines).whole  # nothing in the log itself can tell
    assert "sealed" in read_log(lines, seal).broken


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_a_lost_record_is_located(lines: list[str], lost: int) -> None:
    del lines[lost]
    assert read_log(lines).broken.startswith(f"line {lost + 1}: holds record {lost + 1}")


def test_records_in_another_order_are_located(lines: list[str]) -> None:
    lines[1], lines[2] = lines[2], lines[1]
    assert read_log(lines).broken.startswith("line 2: holds record 2 where 1 belongs")


def test_a_line_that_a_crash_tore_leaves_the_events_before_it(lines: list[str]) -> None:
    log = read_log([*lines[:3], lines[3][:40]])
    assert (len(log.events), log.broken) == (3, "")
    assert log.cut == "line 4 stops in the middle; the end is missing"


def test_records_missing_at_the_end_are_seen_with_the_seal(lines: list[str]) -> None:
    log = read_log(lines[:2], seal_of(lines))
    assert log.cut == "2 records after record 1 are missing"
    assert len(log.events) == 2


def test_an_empty_log_is_whole_unless_it_was_sealed_with_records(lines: list[str]) -> None:
    assert read_log([]).whole
    assert seal_of([]) == Seal(0, FIRST)
    assert read_log([], seal_of(lines)).cut


@pytest.mark.parametrize("line", ["[]", "3", '{"sequence": 0}', "{}}", "[" * 100_000 + "}"])
def test_a_line_that_is_no_record_is_named(line: str, lines: list[str]) -> None:
    assert read_log([line, *lines]).broken.startswith("line 1: ")


@settings(deadline=None)
@given(st.lists(st.text(max_size=30), max_size=5))
def test_anything_can_be_read(texts: list[str]) -> None:
    log = read_log(texts)
    assert log.events == () or log.whole


@pytest.mark.parametrize("kind", ["tap", "", None, 3, ["edit"], {"edit": 1}])
def test_a_kind_that_does_not_exist_is_located(lines: list[str], kind: object) -> None:
    lines[0] = rehashed(lines[0], kind=kind)
    assert read_log(lines).broken.startswith("line 1: record 0 is of an unknown kind")


_SCALAR = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
_VALUE = st.recursive(_SCALAR, lambda inner: st.lists(inner, max_size=3), max_leaves=4)
_FIELD = st.sampled_from(
    ["sequence", "kind", "app", "screen", "previous", "time", "after", "fields"]
)


@settings(deadline=None)
@given(st.dictionaries(_FIELD, _VALUE, max_size=8), st.integers(0, 3))
def test_a_record_that_was_made_up_and_hashed_is_read_or_its_line_named(
    record: dict[str, Any], place: int
) -> None:
    lines = make_lines(*[{"kind": "focus", "field": str(number)} for number in range(3)])
    text = json.dumps(record, ensure_ascii=False, sort_keys=True)
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    made_up = json.dumps(record | {"hash": digest}, ensure_ascii=False, sort_keys=True)
    log = read_log([*lines[:place], made_up, *lines[place:]])
    assert log.broken.startswith(f"line {place + 1}: ")
    assert len(log.events) == place


@settings(deadline=None)
@given(st.data())
def test_one_changed_character_is_always_noticed(data: st.DataObject) -> None:
    lines = make_lines(
        {"kind": "focus", "field": "a"}, {"kind": "clear", "field": "a", "before": "x"}
    )
    line = data.draw(st.integers(0, 1))
    place = data.draw(st.integers(0, len(lines[line]) - 1))
    letter = data.draw(st.characters(codec="utf-8", exclude_characters="\r\n"))
    changed = lines[line][:place] + letter + lines[line][place + 1 :]
    tampered = [*lines[:line], changed, *lines[line + 1 :]]
    # A space instead of another blank would be the same record; there is none in these lines.
    assert changed == lines[line] or not read_log(tampered).whole
