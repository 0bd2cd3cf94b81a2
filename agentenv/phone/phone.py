"""The phone: takes what a person or an agent does, and gives the page that follows from it."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from html import unescape
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from agentenv.errors import DeviceError
from agentenv.phone import consent, forms, keyboard, navigation, notices, taps
from agentenv.phone.apps import load_apps
from agentenv.phone.changes import Changes, diff
from agentenv.phone.database import DATA_TABLES, Database, fingerprint
from agentenv.phone.events import EventKind, EventLog
from agentenv.phone.render import draw
from agentenv.phone.schema import MAX_TEXT
from agentenv.phone.setup import PhoneSetup, first_image
from agentenv.phone.state import State

ACTION_SECONDS = 3
"""Of the phone's clock, that one action takes."""
_OFFERED = re.compile(r'data-do="([^"]*)"')
_FIELDS = re.compile(r'data-field="([^"]*)"')


def _clean(text: Any) -> Any:
    """Half of a surrogate pair, which no database takes, becomes a question mark; NUL a space."""
    if not isinstance(text, str):
        return text
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", " ")[:MAX_TEXT]


class UserEvent(BaseModel):
    """Something done to the page, as its script reports it."""

    model_config = ConfigDict(extra="forbid")
    kind: Literal["tap", "edit", "focus", "caret", "ime", "paste", "copy", "scroll"]
    target: Annotated[str, Field(max_length=300)] = ""
    """What a tapped element stands for, or the name of a field."""
    value: Annotated[str, BeforeValidator(_clean)] = ""
    """What the field holds now; the text that was copied or pasted."""
    offset: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """How far the screen is scrolled, in pixels; where a field's selection ends, in UTF-16
    units."""
    start: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """Where the selection begins; the caret, if it is empty."""


class Phone:
    """One phone. Every method may be called by any thread.

    Args:
        setup: the state it begins with.
    """

    def __init__(self, setup: PhoneSetup) -> None:
        self.setup = setup
        self._lock = threading.RLock()
        self._database = Database(first_image(setup))
        self._apps = load_apps(setup.apps)
        self._state = State(self._database, self._apps)
        tables = {
            app.table(name)
            for app in self._apps.values()
            for name, entity in app.entities.items()
            if not entity.table
        }
        self._tables = (*sorted(tables), *DATA_TABLES, "sys_grants")
        self._first: Database | None = None
        self._page: str | None = None
        self._offers: tuple[frozenset[str], frozenset[str]] | None = None

    @property
    def location(self) -> str:
        """App and screen in front: "restaurants/detail"; "home". Of the row an agent is told only
        what is drawn."""
        with self._lock:
            place = self._state.place
            if place is None:
                return self._state.front
            return f"{place.app}/{place.screen}"

    @property
    def log(self) -> EventLog:
        """Everything that was done."""
        return self._state.log

    def page(self) -> str:
        """The screen as HTML: a function of the state alone."""
        with self._lock:
            if self._page is None:
                self._page = draw(self._state)
            return self._page

    def handle(self, events: Sequence[UserEvent]) -> None:
        """Take what was done, in order.

        What the page does not offer (any more) is left out: nothing else can be reached.
        """
        with self._lock:
            for event in events:
                self._handle(event)

    def press(self, key: Literal["back", "home", "recents"]) -> None:
        """One of the three keys."""
        with self._changing():
            taps.perform(self._state, key)

    def open_app(self, app: str) -> bool:
        """Open an app by its id or its name in any language; False if there is none."""
        wanted = app.strip().casefold()
        for name, known in self._apps.items():
            names = [known.name] if isinstance(known.name, str) else list(known.name.values())
            if wanted in (name, *(one.casefold() for one in names)):
                with self._changing():
                    navigation.open_app(self._state, name)
                return True
        return False

    def request_permission(self, permission: consent.Permission, resource: str, reason: str) -> str:
        """Ask the owner; what the agent is told."""
        with self._changing():
            named = resource.strip().casefold()
            if permission == "access_app":
                resource = next(
                    (name for name in self._apps if named in self._names(name)), resource
                )
            return consent.request(self._state, permission, _clean(resource), _clean(reason))

    def read_profile(self, key: str) -> str:
        """Read an item of the owner's profile; what the agent is told."""
        with self._changing():
            return consent.read_profile(self._state, _clean(key))

    def save_profile(self, key: str, value: str, level: str, reason: str) -> str:
        """Save an item to the owner's profile; what the agent is told."""
        with self._changing():
            state = self._state
            return consent.save_profile(state, _clean(key), _clean(value), level, _clean(reason))

    def ask_user(self, question: str, options: tuple[str, ...] = ()) -> str:
        """Ask the owner; the answer."""
        with self._changing():
            return consent.ask_user(self._state, _clean(question), tuple(map(_clean, options)))

    def note(self, kind: EventKind, **fields: Any) -> None:
        """Log what was seen to happen in an app that runs elsewhere."""
        with self._changing():
            self._state.event(kind, **fields)

    def wait(self, seconds: float) -> None:
        """Let the phone's clock run, while nothing is done."""
        with self._changing():
            notices.run_clock(self._state, round(seconds))

    def act_takes_time(self) -> bool:
        """Let the clock run for as long as one action takes; whether the screen shows it."""
        with self._lock:
            shows = notices.run_clock(self._state, ACTION_SECONDS)
            if shows:
                self._page = self._offers = None
            return shows

    def image(self) -> bytes:
        """The whole state, for `restore` and for other phones of the same setup."""
        with self._lock:
            return self._database.image()

    def restore(self, image: bytes) -> None:
        """Return to a state.

        Raises:
            DeviceError: what was restored is not what was saved ("restore_failed").
        """
        with self._lock:
            self._database.restore(image)
            self._page = self._offers = None
            if fingerprint(self._database.image()) != fingerprint(image):
                raise DeviceError("the restored state differs from the saved one", "restore_failed")

    def fork(self) -> Phone:
        """Another phone in exactly this state, which goes on independently."""
        other = Phone(self.setup)
        other.restore(self.image())
        return other

    def changes(self) -> Changes:
        """What differs from the first state, in the apps' tables and those of the owner."""
        with self._lock:
            if self._first is None:
                self._first = Database(first_image(self.setup))
            first, now = self._first, self._database
            changed = [one for one in self._tables if first.content(one) != now.content(one)]
            return diff(first.data(changed), now.data(changed))

    def close(self) -> None:
        """Free the memory."""
        with self._lock:
            self._database.close()
            if self._first is not None:
                self._first.close()

    def _names(self, app: str) -> tuple[str, ...]:
        name = self._apps[app].name
        names = [name] if isinstance(name, str) else list(name.values())
        return (app, *(one.casefold() for one in names))

    def _changing(self) -> _Change:
        return _Change(self)

    def _handle(self, event: UserEvent) -> None:
        state = self._state
        if event.kind == "scroll":
            self._scroll(event.offset)
            return
        taps_offered, fields = self._offered()
        match event.kind:
            case "tap":
                with self._changing():
                    if event.target in taps_offered:
                        taps.perform(state, event.target)
                    elif not event.target:  # beside everything: the keyboard goes away
                        state.database.set("focus", None)
            case "copy":
                with self._changing():
                    state.database.set("clipboard", event.value)
                    state.event("clipboard", operation="copy", text=event.value)
            case _ if event.target in fields:
                self._on_field(event)

    def _on_field(self, event: UserEvent) -> None:
        state, name = self._state, event.target
        offers = self._offers
        with self._changing():
            keyboard.focus(state, name)
            if event.kind == "edit":
                forms.put(state, state.place, name, _legal(state, event))
                state.database.set("selection", [event.start, event.offset])
            elif event.kind == "caret":
                state.database.set("selection", [event.start, event.offset])
            elif event.kind == "paste":
                state.event("clipboard", operation="paste", text=event.value, field=name)
            elif event.kind == "ime":
                keyboard.press_ime(state)
        if event.kind != "ime":
            self._offers = offers  # typing changes no fields

    def _scroll(self, offset: int) -> None:
        state, overlay = self._state, self._state.overlay
        if overlay is not None:
            state.overlay = overlay | {"scroll": offset}
        elif state.place is not None:
            state.remember(state.place, scroll=offset or None)
        else:
            self._database.set("scroll", offset)
        self._page = self._offers = None  # a list grows as one scrolls

    def _offered(self) -> tuple[frozenset[str], frozenset[str]]:
        """What can be tapped, and the fields, of the screen in front."""
        if self._offers is None:
            page = self.page()
            self._offers = (
                frozenset(map(unescape, _OFFERED.findall(page))),
                frozenset(_FIELDS.findall(page)),
            )
        return self._offers


class _Change:
    """One change of a phone: all of it or nothing, and the page is drawn anew."""

    def __init__(self, phone: Phone) -> None:
        self._phone = phone

    def __enter__(self) -> None:
        self._phone._lock.acquire()
        self._phone._database.run("BEGIN")
        self._phone._database.set("toast", "")

    def __exit__(self, kind: Any, *_: object) -> None:
        try:
            self._phone._database.run("COMMIT" if kind is None else "ROLLBACK")
            self._phone._page = self._phone._offers = None
        finally:
            self._phone._lock.release()


def _legal(state: State, event: UserEvent) -> str:
    """A field's new value; that of a slider stays on its track."""
    field = forms.spec_of(state, state.place, event.target)
    if field.type != "integer":
        return event.value
    try:
        return str(min(field.high, max(field.low, int(float(event.value)))))
    except ValueError:
        return forms.value_of(state, state.place, event.target)
