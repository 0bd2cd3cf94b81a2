"""A phone's state with names: which app is in front, which screens are open, what is typed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from agentenv.phone.database import Database
from agentenv.phone.events import EventKind, EventLog
from agentenv.phone.history import told
from agentenv.phone.schema import App, Entity, EntityField, FormScreen, Language, Screen
from agentenv.phone.words import in_language, say, written

HOME, RECENTS = "home", "recents"
"""What is in front instead of an app."""
MAX_SCREENS = 20
"""Open screens of an app; older ones are forgotten, as a phone does."""


@dataclass(frozen=True)
class Place:
    """One open screen."""

    id: int
    app: str
    screen: str
    row: int | None
    """The row shown, or that a form was opened from."""
    ui: Mapping[str, Any]
    """Chosen tab and filters, step of a form, how far it is scrolled."""


class State:
    """What the other modules read and write. All of it lies in `database`."""

    def __init__(
        self, database: Database, apps: Mapping[str, App], language: Language | None = None
    ) -> None:
        """
        Args:
            database: of the phone.
            apps: by their names.
            language: in which texts are written; by default the phone's.
        """
        self.database = database
        self.apps = apps
        self._language = language
        self.log = EventLog(database)

    @property
    def language(self) -> Language:
        """Of the screen."""
        language: Language = self._language or self.look("language")
        return language

    @property
    def now(self) -> datetime:
        """The phone's clock."""
        return datetime.fromisoformat(self.database.get("time"))

    @property
    def today(self) -> date:
        """The phone's date."""
        return self.now.date()

    @property
    def front(self) -> str:
        """HOME, RECENTS or the app in front."""
        return str(self.database.get("front"))

    @property
    def overlay(self) -> dict[str, Any] | None:
        """A dialog, picker, menu or sheet above the screen."""
        overlay: dict[str, Any] | None = self.database.get("overlay")
        return overlay

    @overlay.setter
    def overlay(self, value: dict[str, Any] | None) -> None:
        self.database.set("overlay", value)

    def look(self, name: str) -> Any:
        """`theme`, `language` or `font_size`: the settings app's, where it is installed."""
        if "settings" in self.apps:
            return self.database.all_rows("settings_device")[0][name]
        return self.database.get(name)

    def say(self, name: str, **values: Any) -> str:
        """A word of the system in the phone's language."""
        return say(name, self.language, **values)

    def event(self, kind: EventKind, **fields: Any) -> None:
        """Append to the event log, with the app and screen in front.

        Where a contact is picked, that is the app that learns of it.
        """
        place = self.place
        where = {} if place is None else {"app": place.app, "screen": place.screen}
        if place is not None and "picks" in place.ui:
            where = {"app": place.ui["picks"]["app"], "screen": "contact_picker"}
        self.log.append(kind, self.database.get("time"), **(where | fields))

    @property
    def place(self) -> Place | None:
        """The screen in front; None on the home screen and among the recent apps."""
        return self.top(self.front)

    def top(self, app: str) -> Place | None:
        """An app's uppermost screen."""
        found = self.database.rows(
            "SELECT * FROM sys_screens WHERE app = ? ORDER BY id DESC LIMIT 1", app
        )
        if not found:
            return None
        row = found[0]
        return Place(row["id"], row["app"], row["screen"], row["row"], json.loads(row["ui"]))

    def screen(self, place: Place) -> Screen:
        """What the app's file says of a place."""
        return self.apps[place.app].screens[place.screen]

    def entity(self, place: Place) -> Entity:
        """The entity of a place's screen."""
        return self.apps[place.app].entities[self.screen(place).entity]

    def table(self, place: Place) -> str:
        """The table of that entity."""
        return self.apps[place.app].table(self.screen(place).entity)

    def remember(self, place: Place, **changes: Any) -> None:
        """Change what is chosen on a screen; None forgets."""
        merged = {**place.ui, **changes}
        kept = {name: value for name, value in merged.items() if value is not None}
        self.database.update(
            "sys_screens", place.id, {"ui": json.dumps(kept, ensure_ascii=False, sort_keys=True)}
        )

    def draft(self, place: Place | None, field: str) -> str:
        """What is typed or chosen in a field."""
        number = 0 if place is None else place.id
        found = self.database.rows(
            "SELECT value FROM sys_drafts WHERE screen = ? AND field = ?", number, field
        )
        return str(found[0]["value"]) if found else ""

    def set_draft(self, place: Place | None, field: str, value: str) -> None:
        """Keep what is typed or chosen in a field."""
        number = 0 if place is None else place.id
        self.database.run(
            "INSERT OR REPLACE INTO sys_drafts VALUES (?, ?, ?)", number, field, value
        )

    def text(self, app: App, entity: Entity, row: Mapping[str, Any], field: str) -> str:
        """A row's column as a person reads it."""
        spec = entity.fields[field]
        if spec.type == "event":
            return told(json.loads(row[field]), self.apps, self.language)
        if spec.type == "reference":
            other = self.database.row(app.table(spec.entity), row[field])
            target = app.entities[spec.entity]
            return "" if other is None else self.text(app, target, other, target.title)
        return written(row[field], spec, self.language)

    def filled(self, app: App, entity: Entity, row: Mapping[str, Any], pattern: str) -> str:
        """A pattern with the row's texts in place of "{field}"."""
        return re.sub(r"\{(\w+)\}", lambda found: self.text(app, entity, row, found[1]), pattern)

    def label(self, name: str, field: EntityField) -> str:
        """What a field is called."""
        return in_language(field.label or name.replace("_", " ").capitalize(), self.language)


def edited_row(screen: Screen, place: Place) -> int | None:
    """The row that a form changes; None where it makes a new one."""
    return place.row if isinstance(screen, FormScreen) and place.ui.get("edits") else None
