"""An app as data: what a file in ``data/apps/`` may say.

Tables, screens, instrumentation, verifiers and the oracle all follow from these models.
Texts for a person are given plainly, or once for each language (``{en: ..., de: ...}``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
"""Of an app, entity, field, screen or action; safe in SQL and in addresses."""
Language = Literal["en", "de"]
LANGUAGES: tuple[Language, ...] = ("en", "de")
Words = str | dict[Language, str]
"""A text for a person."""
Value = str | int | float | bool | None

FieldType = Literal[
    "text", "long_text", "integer", "decimal", "boolean", "choice", "date", "time", "moment",
    "reference", "event",
]  # fmt: skip
SQL_TYPES: dict[str, str] = {"integer": "INTEGER", "decimal": "REAL", "boolean": "INTEGER"}
"""Column type of a field type; TEXT for all others. A moment is a date with a time, a
reference holds a row's number, an event a record of the event log, which is shown in words."""
MAX_TEXT = 10_000
"""Characters that a text field takes."""


class Model(BaseModel):
    """Unknown fields are refused, so that a misspelt one is seen."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Personal(Model):
    """That a field asks for personal data."""

    category: Literal[
        "name", "email", "phone", "address", "birth_date", "health", "payment", "identity", "other"
    ]
    key: Name = ""
    """Item of the owner's profile it asks for; empty if none."""


class Make(Model):
    """How a field of generated rows gets its values; exactly one way."""

    words: str = ""
    """One of that list of words."""
    pattern: str = ""
    """A text in which "{list}" stands for a word of that list."""
    range: tuple[float, float, float] | None = None
    """Lowest, highest and step."""
    days: tuple[int, int] | None = None
    """A date that many days from the phone's own."""
    share: float | None = None
    """The probability of true."""
    options: bool = False
    """One of a choice's options."""
    clock: bool = False
    """A time of day."""
    like: Literal["", "person", "phone"] = ""
    """An invented name, or a telephone number of nobody."""


class EntityField(Model):
    """A column, and how it is shown and asked for."""

    type: FieldType = "text"
    label: Words = ""
    required: bool = False
    """A form cannot be sent without it."""
    options: tuple[str, ...] = ()
    """Of a choice."""
    option_labels: tuple[Words, ...] = ()
    entity: Name = ""
    """Of a reference."""
    low: int = 0
    high: int = 100
    """Of an integer."""
    default: Value = None
    hint: Words = ""
    """Example shown in an empty field."""
    widget: Literal["", "slider", "menu"] = ""
    """Instead of the usual one: a slider for an integer, a drop-down for a choice."""
    personal: Personal | None = None
    contact: Name | None = None
    """A column of the contacts: one may be picked there, and this of it is filled in."""
    trap: Words = ""
    """A heading that lures into giving data which the task does not need (marketing)."""
    ime: Literal["next", "done", "search", "send"] = "next"
    """What the keyboard's action key does."""
    make: Make | None = None

    @property
    def column_type(self) -> str:
        """SQL type."""
        return "INTEGER" if self.type == "reference" else SQL_TYPES.get(self.type, "TEXT")

    @property
    def is_typed(self) -> bool:
        """Whether a person types it."""
        return self.type in ("text", "long_text", "decimal")


class Entity(Model):
    """A table."""

    label: Words = ""
    title: Name
    """The field that names a row."""
    fields: dict[Name, EntityField]
    art: Literal["", "dish", "person", "place", "note", "house", "box", "poster"] = ""
    """What its generated pictures show."""
    rows: int = 0
    """How many to generate."""
    seed_rows: tuple[dict[str, Value], ...] = ()
    """Rows written out, before the generated ones."""
    table: str = ""
    """A table of the system instead of one of the app's own."""


class Row(Model):
    """How a list shows a row; "{field}" stands for a field's value."""

    title: str
    subtitle: str = ""
    detail: str = ""
    badge: str = ""
    look: Literal["card", "line", "tile"] = "line"


class Button(Model):
    """Something to do with the row of a detail screen. Exactly one of the last five."""

    label: Words
    icon: str = ""
    when: dict[Name, Value] = Field(default_factory=dict)
    """Shown only for rows with these values."""
    confirm: Words = ""
    """A question to be answered first."""
    says: Words = ""
    """Toast afterwards."""
    opens: Name | None = None
    """A form (for a new row of it, or this one) or another screen."""
    set: dict[Name, Value] | None = None
    delete: bool = False
    copies: str = ""
    """Pattern of what it puts on the clipboard."""
    shares: str = ""
    """Pattern of what it opens the share sheet with."""

    @model_validator(mode="after")
    def _one_effect(self) -> Button:
        effects = [self.opens, self.set, self.delete or None, self.copies, self.shares]
        if sum(bool(effect) for effect in effects) != 1:
            raise ValueError("a button has one of opens, set, delete, copies and shares")
        return self


class Step(Model):
    """One page of a form."""

    title: Words
    fields: tuple[Name, ...]


class _Screen(Model):
    title: Words = ""
    entity: Name


class ListScreen(_Screen):
    """Rows, to be searched and filtered."""

    kind: Literal["list"]
    row: Row
    search: tuple[Name, ...] = ()
    filters: tuple[Name, ...] = ()
    """Choices, and booleans, shown as chips."""
    tabs: Name | None = None
    """A choice whose options are tabs."""
    order: str = ""
    """A field; with a leading "-" from the highest."""
    opens: Name | None = None
    create: Name | None = None
    """A form for a new row, behind a round button."""
    create_label: Words = ""
    """What the button says; a plus sign if nothing."""
    empty: Words = ""
    toggles: Name | None = None
    """A boolean shown as a switch beside each row."""


class DetailScreen(_Screen):
    """One row."""

    kind: Literal["detail"]
    headline: str = ""
    shows: tuple[Name, ...]
    body: Name | None = None
    """A long text shown as running text."""
    buttons: dict[Name, Button] = Field(default_factory=dict)


class Collected(Model):
    """Rows of another entity that change as a form is submitted: what lay in the cart."""

    entity: Name
    where: dict[Name, Value]
    set: dict[Name, Value]


class FormScreen(_Screen):
    """A new row, or (opened with a row of its own entity) a changed one."""

    kind: Literal["form"]
    steps: tuple[Step, ...]
    parent: Name | None = None
    """The reference that is filled with the row the form was opened from."""
    review: bool = False
    """A last page shows everything before it is sent."""
    submit: Words
    says: Words
    then: Name
    """Screen to go to."""
    sends: bool = False
    """What is submitted leaves the phone, to the app's `recipient`."""
    collects: Collected | None = None
    code: Name | None = None
    """A field that must hold the code which comes as a message once its step is reached. It is
    compared, and not kept."""


class ThreadScreen(_Screen):
    """The messages that belong to a row, and a field to write another."""

    kind: Literal["thread"]
    parent: Name
    """The reference from a message to its row."""
    text: Name
    mine: Name
    """A boolean: written by the owner."""
    service: Name | None = None
    """A boolean of the messages, and of what they belong to: a service has written by itself.
    Codes come to the thread that has one."""
    says: Words = ""


class SettingsScreen(_Screen):
    """The fields of a one-row entity, each changed where it is shown."""

    kind: Literal["settings"]
    steps: tuple[Step, ...]


Screen = Annotated[
    ListScreen | DetailScreen | FormScreen | ThreadScreen | SettingsScreen,
    Field(discriminator="kind"),
]


class Notice(Model):
    """A notification that may wait on a new phone."""

    title: Words
    body: Words


class App(Model):
    """One app."""

    id: Name
    name: Words
    icon: str
    color: Annotated[str, StringConstraints(pattern=r"^#[0-9a-f]{6}$")]
    recipient: str = ""
    """Who gets what forms send; empty for an app that sends nothing."""
    private: bool = False
    """An agent needs the owner's leave to open it, until the privacy manager says otherwise."""
    accepts_text: Name | None = None
    """Screen that takes a text shared by another app: a form, into its first long text, or a
    list of those to whom it can be sent."""
    start: Name
    tabs: tuple[Name, ...] = ()
    """Screens that a bar at the bottom leads to."""
    tab_icons: tuple[str, ...] = ()
    notices: tuple[Notice, ...] = ()
    words: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    entities: dict[Name, Entity]
    screens: dict[Name, Screen]

    @model_validator(mode="after")
    def _everything_named_exists(self) -> App:
        for problem in _problems(self):
            raise ValueError(problem)
        return self

    def table(self, entity: str) -> str:
        """Name of an entity's table."""
        return self.entities[entity].table or f"{self.id}_{entity}"

    @property
    def service_marks(self) -> dict[str, str]:
        """Tables that services write to by themselves, each with the boolean that says of a row
        whether one did."""
        marks: dict[str, str] = {}
        for screen in self.screens.values():
            if isinstance(screen, ThreadScreen) and screen.service:
                owner = self.entities[screen.entity].fields[screen.parent].entity
                marks |= {self.table(one): screen.service for one in (screen.entity, owner)}
        return marks


def _problems(app: App) -> Iterator[str]:
    """What names something that is not there."""
    for name in (app.start, *app.tabs, app.accepts_text or app.start):
        if name not in app.screens:
            yield f"there is no screen {name!r}"
    if app.accepts_text in app.screens and not _takes_text(app, app.screens[app.accepts_text]):
        yield f"screen {app.accepts_text}: nowhere to put a shared text"
    for name, entity in app.entities.items():
        if entity.title not in entity.fields:
            yield f"entity {name}: there is no field {entity.title!r}"
        for field_name, field in entity.fields.items():
            yield from _field_problems(app, f"{name}.{field_name}", field)
    for name, screen in app.screens.items():
        if screen.entity not in app.entities:
            yield f"screen {name}: there is no entity {screen.entity!r}"
            continue
        fields = app.entities[screen.entity].fields
        for used in _fields_used(screen):
            if used not in (*fields, "id"):
                yield f"screen {name}: {screen.entity} has no field {used!r}"
        if isinstance(screen, FormScreen) and screen.code in screen.steps[0].fields:
            yield f"screen {name}: the code is asked for on a later step"
        if isinstance(screen, FormScreen) and screen.collects:
            yield from _collected_problems(app, name, screen.collects)
        for target in _screens_used(screen):
            if target not in app.screens:
                yield f"screen {name}: there is no screen {target!r}"


def _collected_problems(app: App, name: str, collected: Collected) -> Iterator[str]:
    if collected.entity not in app.entities:
        yield f"screen {name}: there is no entity {collected.entity!r}"
        return
    fields = app.entities[collected.entity].fields
    for used in (*collected.where, *collected.set):
        if used not in fields:
            yield f"screen {name}: {collected.entity} has no field {used!r}"


def _takes_text(app: App, screen: Screen) -> bool:
    """Whether a form has a long text, or a list leads to conversations."""
    if isinstance(screen, ListScreen):
        return isinstance(app.screens.get(screen.opens or ""), ThreadScreen)
    fields = app.entities[screen.entity].fields
    steps = screen.steps if isinstance(screen, FormScreen) else ()
    return any(fields[name].type == "long_text" for step in steps for name in step.fields)


def _field_problems(app: App, name: str, field: EntityField) -> Iterator[str]:
    if field.type == "choice" and not field.options:
        yield f"{name}: a choice needs options"
    if field.option_labels and len(field.option_labels) != len(field.options):
        yield f"{name}: give as many option_labels as options"
    if field.type == "reference" and field.entity not in app.entities:
        yield f"{name}: there is no entity {field.entity!r}"
    if field.make:
        lists = [field.make.words] if field.make.words else names_in(field.make.pattern)
        for used in lists:
            if used not in app.words:
                yield f"{name}: there is no list of words {used!r}"


def names_in(pattern: str) -> list[str]:
    """What stands in braces in a pattern."""
    return re.findall(r"\{(\w+)\}", pattern)


def _fields_used(screen: Any) -> Iterator[str]:
    match screen:
        case ListScreen():
            yield from (*screen.search, *screen.filters)
            yield from (name for name in (screen.tabs, screen.toggles) if name)
            yield from names_in(screen.row.title + screen.row.subtitle)
            yield from names_in(screen.row.detail + screen.row.badge)
            yield from [screen.order.lstrip("-")] if screen.order else []
        case DetailScreen():
            yield from screen.shows
            yield from [screen.body] if screen.body else []
            for button in screen.buttons.values():
                yield from (*button.when, *(button.set or {}))
                yield from names_in(button.copies + button.shares)
        case FormScreen() | SettingsScreen():
            for step in screen.steps:
                yield from step.fields
            if isinstance(screen, FormScreen):
                yield from (one for one in (screen.parent, screen.code) if one)
        case ThreadScreen():
            yield from (screen.parent, screen.text, screen.mine)
            yield from [screen.service] if screen.service else []


def _screens_used(screen: Any) -> Iterator[str]:
    match screen:
        case ListScreen():
            yield from (name for name in (screen.opens, screen.create) if name)
        case DetailScreen():
            yield from (one.opens for one in screen.buttons.values() if one.opens)
        case FormScreen():
            yield screen.then
