"""Oracles of the pages that are forms: choose, type, submit."""

from __future__ import annotations

import re
from datetime import datetime

from agentenv.actions import Action, InputText
from agentenv.observations import Observation
from agentenv.tasks.miniwob.oracles.screen import (
    between,
    fields,
    fill,
    named,
    quoted,
    same_row,
    tap,
    tap_named,
    with_id,
    with_role,
)
from agentenv.tasks.targets import target_of


def choose_option(now: Observation) -> Action:
    """Select the radio button of that name and click Submit."""
    name = between(now.goal, "Select", "and click Submit")
    option = named(now, name, ["radio"])
    return tap_named(now, "Submit", "button") if option and option.checked else tap(option)


def checkboxes(now: Observation) -> Action:
    """Select several names (or nothing) and click Submit."""
    names = set(between(now.goal, "Select", "and click Submit").split(", "))
    for box in with_role(now, "checkbox"):
        if box.checked != (box.name.strip() in names):
            return tap(box)
    return tap_named(now, "Submit", "button")


def choose_from_list(now: Observation) -> Action:
    """Select a name from the drop-down list and click Submit."""
    name = between(now.goal, "Select", "from the list")
    boxes = with_role(now, "combobox", "listbox")
    if boxes and boxes[0].value != name:
        return InputText(text=name, **target_of(boxes[0]))
    return tap_named(now, "Submit", "button")


def choose_from_scroll_list(now: Observation) -> Action:
    """Select one or two names from the scroll list, which takes several, and click Submit."""
    names = between(now.goal, "Select", "from the scroll list").split(", ")
    box = with_role(now, "listbox")[0]
    chosen = [name for name in box.value.split(", ") if name]
    for name in names:
        if name not in chosen:
            add = set(chosen) <= set(names) and bool(chosen)
            return InputText(text=name, clear=not add, **target_of(box))
    return tap_named(now, "Submit", "button")


def copy_text(now: Observation) -> Action:
    """Copy the text of the text area into the text field below or above it."""
    area = with_id(now, "to-copy")
    if area is None:
        return tap(None)
    entries = [(field, area.value) for field in fields(now) if field != area]
    return fill(entries, named(now, "Submit", ["button"]))


def pick_date(now: Observation) -> Action:
    """Select 04/15/2016 as the date: leaf through the calendar to its month, then its day."""
    month, day, year = re.findall(r"\d+", now.goal)
    field = with_role(now, "textbox")[0]
    if field.value == f"{month}/{day}/{year}":
        return tap_named(now, "Submit", "button")
    shown = [e.name for e in now.elements if re.fullmatch(r"[A-Z][a-z]+ \d{4}", e.name)]
    if not shown:
        return tap(field)
    page = datetime.strptime(shown[0], "%B %Y")
    wanted = datetime(int(year), int(month), 1)
    if page != wanted:
        return tap_named(now, "Next" if page < wanted else "Prev", "link")
    return tap_named(now, str(int(day)), "link")


def enter_quoted(now: Observation) -> Action:
    """Enter "Lino" into the text field and press Submit."""
    return enter(now, quoted(now.goal)[0])


def enter(now: Observation, text: str) -> Action:
    """Type into the only field and press Submit."""
    return fill([(field, text) for field in fields(now)[:1]], named(now, "Submit", ["button"]))


def enter_in_case(now: Observation) -> Action:
    """Type "lino" in all upper case letters."""
    text = quoted(now.goal)[0]
    return enter(now, text.upper() if "upper case" in now.goal else text.lower())


def password_twice(now: Observation) -> Action:
    """Enter the password into both text fields and press submit."""
    password = quoted(now.goal)[0]
    entries = [(field, password) for field in fields(now)]
    return fill(entries, named(now, "Submit", ["button"]))


def login(now: Observation) -> Action:
    """Enter the username and the password and press login; refuse a popup on the way."""
    cancel = named(now, "Cancel", ["button"])
    if cancel:
        return tap(cancel)
    entries = list(zip(fields(now), quoted(now.goal), strict=False))
    return fill(entries, next(iter(with_role(now, "button")), None))


def enter_date(now: Observation) -> Action:
    """Enter 11/18/2012 as the date; a date field takes it as 2012-11-18."""
    month, day, year = re.findall(r"\d+", now.goal)
    return enter(now, f"{year}-{month}-{day}")


def enter_time(now: Observation) -> Action:
    """Enter 5:38 PM as the time; a time field takes it as 17:38."""
    text = between(now.goal, "Enter", "as the time")
    return enter(now, datetime.strptime(text, "%I:%M %p").strftime("%H:%M"))


def autocomplete(now: Observation) -> Action:
    """Enter an item that starts with "Est" (and ends with "ia"), taken from the suggestions."""
    start, *rest = quoted(now.goal)
    end = rest[0] if rest else ""
    field = fields(now)[0]
    suggested = [e for e in now.elements if e.clickable and e.name.startswith(start)]
    if field.value == start and suggested:
        return tap(next((e for e in suggested if e.name.endswith(end)), None))
    if field.value.startswith(start) and field.value.endswith(end):
        return tap_named(now, "Submit", "button")
    return InputText(text=start, **target_of(field))


def radio_and_number(now: Observation) -> Action:
    """Check the 1st radio button and enter the number "31" into the 2nd textbox."""
    radio, box = (int(number) - 1 for number in re.findall(r"(\d)(?:st|nd|rd)", now.goal))
    button = with_role(now, "radio")[radio]
    if not button.checked:
        return tap(button)
    return fill([(fields(now)[box], quoted(now.goal)[0])], named(now, "Submit", ["button"]))


def odd_or_even(now: Observation) -> Action:
    """Mark each number as odd or even. The focus tells which row was marked last."""
    rows = [element for element in now.elements if re.fullmatch(r"-?\d+", element.name)]
    buttons = with_role(now, "button")
    marked = [n for n, row in enumerate(rows) for b in buttons if b.focused and same_row(b, row)]
    following = marked[0] + 1 if marked else 0
    if following == len(rows):
        return tap_named(now, "Submit", "button")
    row = rows[following]
    word = "Odd" if int(row.name) % 2 else "Even"
    return tap(next((b for b in buttons if b.name == word and same_row(b, row)), None))


def guess_number(now: Observation) -> Action:
    """Guess the number between 0-9: from 5, up or down by one as the page says."""
    text = " ".join(element.name for element in now.elements)
    hint = re.search(r"(lower|higher) than (\d)", text)
    if hint is None:
        return enter(now, "5")
    return enter(now, str(int(hint[2]) + (1 if hint[1] == "higher" else -1)))
