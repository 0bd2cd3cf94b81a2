"""Tasks in the contacts app, judged by the whole of the contacts provider."""

from __future__ import annotations

import random
import re
from collections import defaultdict

from agentenv.devices.android.setup import Words
from agentenv.tasks.android.template import Parameters, State, Template

PROVIDER = "com.android.providers.contacts"
PEOPLE = ("Ada Osei", "Bela Novak", "Chen Wei", "Dora Lind", "Emil Haas", "Fay Moreau")
_DATA = "content://com.android.contacts/data"
_NAME, _PHONE = "vnd.android.cursor.item/name", "vnd.android.cursor.item/phone_v2"
_ROW = re.compile(
    r"^Row: \d+ raw_contact_id=(\d+), mimetype=(\S+), data1=(.*?)(?=^Row: |\Z)", re.M | re.DOTALL
)
READ: Words = (
    "content", "query", "--uri", _DATA, "--projection", "raw_contact_id:mimetype:data1",
)  # fmt: skip


def contacts_in(printed: str) -> dict[str, set[str]]:
    """Name -> numbers (digits alone) in what `READ` prints; two of one name are one."""
    names: dict[str, str] = {}
    numbers: dict[str, set[str]] = defaultdict(set)
    for contact, kind, value in _ROW.findall(printed):
        if kind == _NAME:
            names[contact] = " ".join(value.split())
        elif kind == _PHONE:
            numbers[contact].add(digits(value))
    found: dict[str, set[str]] = {}
    for contact, name in names.items():
        found.setdefault(name, set()).update(numbers[contact])
    return found


def digits(number: str) -> str:
    """Android writes numbers with dashes and blanks of its own."""
    return "".join(character for character in number if character.isdigit())


def _insert(contact: int, name: str, number: str) -> tuple[Words, ...]:
    raw = "content://com.android.contacts/raw_contacts"
    account = ("--bind", "account_type:s:", "--bind", "account_name:s:")
    owner = ("--bind", f"raw_contact_id:i:{contact}")
    add = ("content", "insert", "--uri")
    return (
        (*add, raw, *account),
        (*add, _DATA, *owner, "--bind", f"mimetype:s:{_NAME}", "--bind", f"data1:s:{name}"),
        (
            *(*add, _DATA, *owner, "--bind", f"mimetype:s:{_PHONE}"),
            *("--bind", f"data1:s:{number}", "--bind", "data2:i:2"),
        ),
    )


def _draw(rng: random.Random) -> dict[str, str]:
    name, first, second, third = rng.sample(PEOPLE, 4)
    numbers = [f"555{rng.randint(0, 9_999_999):07}" for _ in range(4)]
    return {
        "name": name,
        "number": numbers[0],
        "other": first,
        "other_number": numbers[1],
        "third": second,
        "third_number": numbers[2],
        "new": third,
        "new_number": numbers[3],
    }


def _begin(parameters: Parameters) -> tuple[Words, ...]:
    """Three people; in an empty database their ids are 1, 2 and 3."""
    return tuple(
        command
        for contact, who in enumerate(("name", "other", "third"), start=1)
        for command in _insert(contact, parameters[who], parameters[_number_of(who)])
    )


def _number_of(who: str) -> str:
    return "number" if who == "name" else f"{who}_number"


def _there(parameters: Parameters, *people: str) -> dict[str, set[str]]:
    return {parameters[who]: {parameters[_number_of(who)]} for who in people}


def _added(parameters: Parameters, state: State) -> bool:
    wanted = _there(parameters, "name", "other", "third", "new")
    return contacts_in(state["contacts"]) == wanted


def _changed(parameters: Parameters, state: State) -> bool:
    wanted = _there(parameters, "name", "other", "third")
    wanted[parameters["name"]] = {parameters["new_number"]}
    return contacts_in(state["contacts"]) == wanted


def _deleted(parameters: Parameters, state: State) -> bool:
    return contacts_in(state["contacts"]) == _there(parameters, "other", "third")


_STATE = (("contacts", READ),)
TEMPLATES = tuple(
    Template(name, goal, _draw, _begin, _STATE, done, steps, clear=(PROVIDER,))
    for name, goal, done, steps in (
        ("contacts-new", "Add {new} to the contacts, with the number {new_number}.", _added, 7),
        (
            "contacts-number",
            "{name} has a new number, {new_number}. Change it in the contacts.",
            _changed,
            8,
        ),
        ("contacts-delete", "Delete {name} from the contacts.", _deleted, 6),
    )
)
