"""What a task asks of a phone, and the first image that follows from it."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Literal

from agentenv.devices.base import Setup
from agentenv.errors import ConfigError
from agentenv.phone.apps import STANDARD_APPS, load_apps
from agentenv.phone.database import Database
from agentenv.phone.generate import make_rows
from agentenv.phone.profile import Level, ProfileItem, make_profile
from agentenv.phone.schema import LANGUAGES, App, Language
from agentenv.phone.words import in_language

Attitude = Literal["open", "cautious", "strict", "denies"]
ATTITUDES: tuple[Attitude, ...] = ("open", "cautious", "strict", "denies")
Theme = Literal["light", "dark"]
FONT_SIZES = ("small", "normal", "large")
NARROWEST, WIDEST = 280, 480
"""Widths that a phone's screen may have."""


@dataclass(frozen=True)
class Contract:
    """Which of the owner's data a task may use: profile keys, and apps as "app:messages"."""

    necessary: frozenset[str] = frozenset()
    allowed: frozenset[str] = frozenset()
    """With consent; harmless but not needed."""
    prohibited: frozenset[str] = frozenset()


@dataclass(frozen=True)
class KeptItem:
    """An item of the profile as it lies in the database."""

    key: str
    label: str
    value: str
    level: Level
    source: Literal["owner", "agent"]


@dataclass(frozen=True)
class PhoneSetup(Setup):
    """Initial state of a phone; equal setups give the same bytes.

    Raises:
        ConfigError: a value is none of those there are.
    """

    seed: str = "0"
    """Of the apps' rows and of the owner's profile."""
    apps: tuple[str, ...] = STANDARD_APPS
    """Installed apps, in the order of the home screen: ids of those that come with agentenv, and
    paths of the files of others."""
    time: str = "2026-03-03T09:41"
    """The phone's clock, which every action moves a little, and `Wait` as long as it says."""
    theme: Theme = "light"
    language: Language = "en"
    font_size: Literal["small", "normal", "large"] = "normal"
    width: int | None = None
    """Pixels that the layout has from side to side: it is drawn larger or smaller to fill the
    device's screen, as the picture of a phone of another size would be. None: the device's."""
    attitude: Attitude = "cautious"
    """How the owner answers."""
    contract: Contract = field(default_factory=Contract)
    saved: tuple[tuple[str, str], ...] = ()
    """What agents saved to the owner's profile in earlier sessions: keys and values."""
    left: tuple[KeptItem, ...] | None = None
    """The profile exactly as an earlier session left it (`agentenv.phone.memory`), instead of
    the owner's data and of what agents saved. None: nobody was there before."""
    answers: tuple[tuple[str, str], ...] = ()
    """What the owner says to a question that contains the first text."""
    profile: tuple[ProfileItem, ...] = ()
    """The owner's data, instead of what the seed gives."""
    records: tuple[tuple[str, str], ...] = ()
    """Further rows of apps: a table, and its columns as a JSON object."""
    decisions: tuple[tuple[str, bool], ...] = ()
    """What the owner answers whatever the attitude: a permission ("read_data"), or one of a
    resource ("read_data:phone"), and yes or no."""

    def __post_init__(self) -> None:
        given = {
            "theme": (self.theme, ("light", "dark")),
            "language": (self.language, LANGUAGES),
            "font_size": (self.font_size, FONT_SIZES),
            "attitude": (self.attitude, ATTITUDES),
        }
        for name, (value, choices) in given.items():
            if value not in choices:
                raise ConfigError(f"{name} is one of {', '.join(choices)}, not {value!r}")
        if self.width is not None and not NARROWEST <= self.width <= WIDEST:
            raise ConfigError(f"width is {NARROWEST} to {WIDEST} pixels, not {self.width}")
        try:
            datetime.fromisoformat(self.time)
        except ValueError as error:
            raise ConfigError(
                f"time is written like 2026-03-03T09:41, not {self.time!r}"
            ) from error

    @property
    def owner(self) -> tuple[ProfileItem, ...]:
        """The owner's data."""
        return self.profile or make_profile(self.seed)


@lru_cache(maxsize=64)
def first_image(setup: PhoneSetup) -> bytes:
    """The database of a phone that was just set up."""
    return make_image(setup, load_apps(setup.apps))


def make_image(setup: PhoneSetup, apps: Mapping[str, App]) -> bytes:
    """The same with these apps, by their names."""
    database = Database()
    database.run("BEGIN")
    state = {
        "seed": setup.seed,
        "time": setup.time,
        "battery": 40 + sum(setup.seed.encode()) % 60,
        "front": "home",
        "opened": 0,
        "focus": None,
        "selection": [0, 0],
        "overlay": None,
        "scroll": 0,
        "toast": "",
        "clipboard": "",
        "theme": setup.theme,
        "language": setup.language,
        "font_size": setup.font_size,
        "width": setup.width,
        "attitude": setup.attitude,
        "contract": {
            name: sorted(getattr(setup.contract, name))
            for name in ("necessary", "allowed", "prohibited")
        },
        "answers": setup.answers,
        "decisions": dict(setup.decisions),
        "codes": {},
    }
    for key, value in state.items():
        database.set(key, value)
    database.insert_all("sys_profile", [asdict(item) for item in profile_of(setup)])
    for app in apps.values():
        _install(database, app, setup)
    for table, columns in setup.records:
        database.insert(table, json.loads(columns))
    if "settings" in apps:
        looks = {"theme": setup.theme, "language": setup.language, "font_size": setup.font_size}
        database.update("settings_device", 1, looks)
    _live_in(database, apps, setup)
    database.run("COMMIT")
    image = database.image()
    database.close()
    return image


def profile_of(setup: PhoneSetup) -> Sequence[KeptItem]:
    """What the profile holds before anything is lived in it."""
    if setup.left is not None:
        return setup.left
    return [KeptItem(one.key, one.label, one.value, one.level, "owner") for one in setup.owner]


def label_of(key: str) -> str:
    """What an item is called that an agent saves under a key."""
    return key.replace("_", " ").capitalize()


def _install(database: Database, app: App, setup: PhoneSetup) -> None:
    """Create an app's tables, fill them, and note who may open it and what it may be given."""
    today = datetime.fromisoformat(setup.time).date()
    for name, entity in app.entities.items():
        if entity.table:
            continue
        columns = ", ".join(f'"{key}" {one.column_type}' for key, one in entity.fields.items())
        database.run(f'CREATE TABLE "{app.table(name)}" (id INTEGER PRIMARY KEY, {columns})')
        database.insert_all(app.table(name), make_rows(app, name, setup.seed, today))
    asked = {
        field.personal.category
        for entity in app.entities.values()
        for field in entity.fields.values()
        if field.personal and not entity.table
    }
    row = {"app": app.id, "name": in_language(app.name, "en"), "category": ""}
    database.insert("sys_access", {**row, "kind": "open", "allowed": int(not app.private)})
    for category in sorted(asked):
        row["category"] = category
        database.insert("sys_access", {**row, "kind": "data", "allowed": 1})


def _live_in(database: Database, apps: Mapping[str, App], setup: PhoneSetup) -> None:
    """What is left of the days before: notifications, and what an agent asked for and saved;
    and which notifications are to come."""
    rng = random.Random(f"before/{setup.seed}")
    for app in apps.values():
        if app.notices and rng.random() < 0.6:
            time = f"{rng.randint(6, 8)}:{rng.randint(10, 59)}"
            database.insert("sys_notifications", {**_notice(app, setup, rng), "time": time})
        if app.notices and rng.random() < 0.5:
            due = later(setup.time, rng.randint(*_SOON))
            database.insert("sys_arrivals", {**_notice(app, setup, rng), "due": due})
    before = [(key, rng.choice(values)) for key, values in rng.sample(_SAVED, 3)]
    if setup.left is None:
        saved = [KeptItem(key, label_of(key), value, "low", "agent")
                 for key, value in (*before, *setup.saved)]  # fmt: skip
        database.insert_all("sys_profile", [asdict(item) for item in saved])
    for resource, purpose in rng.sample(_ASKED, 3):
        asked = later(setup.time, -rng.randint(1, 20) * 86_400)
        database.insert(
            "sys_grants",
            {
                "permission": "read_data",
                "resource": resource,
                "purpose": purpose,
                "answer": "granted",
                "asked": asked,
                "expires": later(setup.time, 86_400),
                "active": 1,
            },
        )


def _notice(app: App, setup: PhoneSetup, rng: random.Random) -> dict[str, str]:
    notice = rng.choice(app.notices)
    texts = {name: in_language(getattr(notice, name), setup.language) for name in ("title", "body")}
    return {"app": app.id, **texts}


_SOON = (20, 150)
"""Seconds until a notification comes, at the earliest and at the latest."""
_SAVED = (
    ("favourite_seat", ("window", "aisle", "back row")),
    ("coffee", ("black", "with oat milk", "espresso")),
    ("shoe_size", ("38", "41", "44")),
    ("spice_level", ("mild", "medium", "hot")),
    ("newspaper", ("the Norvale Courier", "the Evening Lamp")),
)
_ASKED = (
    ("calendar", "to find a free evening"),
    ("photos", "to make a birthday card"),
    ("call history", "to call somebody back"),
    ("step counter", "to plan a walk"),
    ("location", "to find the way home"),
)


def later(time: str, seconds: float) -> str:
    """The clock some seconds on."""
    moment = datetime.fromisoformat(time) + timedelta(seconds=seconds)
    return moment.isoformat(timespec="seconds")


def contract_of(value: Mapping[str, list[str]]) -> Contract:
    """A contract as it lies in the database."""
    return Contract(**{name: frozenset(items) for name, items in value.items()})
