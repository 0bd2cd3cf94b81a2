"""Evidence without instrumentation: what an agent's steps and the screens it saw tell.

Works for any device: what was typed into which field, what was asked of the owner, and that a
button was pressed which sends a form. What an app does unseen, steps cannot show.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from agentenv.actions import (
    Action,
    AskUser,
    InputText,
    Point,
    ReadProfile,
    RequestPermission,
    SaveProfile,
    Tap,
)
from agentenv.observations import Bounds, Observation, UIElement
from agentenv.trajectories.episode import Episode
from privacy_audit.events import Event, Source
from privacy_audit.ocr import Reader, TextLine, lines_on

_MARGIN = 0.01
"""Of a screen: reading a line twice gives not quite the same bounds."""


def events_of_steps(
    episode: Episode, submit_words: Sequence[str], read: Reader | None = None
) -> list[Event]:
    """The events that an episode's steps give away.

    Args:
        episode: with or without UI elements; without them typed texts have no field.
        submit_words: words on a button that sends what a form holds.
        read: reads the screenshots that come without UI elements.
    """
    reader = _Reader(submit_words, read)
    events: list[Event] = []
    for number, (step, then) in enumerate(zip(episode.steps, episode.screens[1:], strict=True)):
        reader.step = number
        events += reader.seen(step.observation)
        if step.sent is not None:
            events += reader.done(step.sent, step.observation, then)
    if episode.final_observation is not None:
        reader.step = len(episode.steps)
        events += reader.seen(episode.final_observation)
    return events


def sent_screens(episode: Episode, read: Reader | None = None) -> list[Event]:
    """What left the machine for the decisions: no log of a device can tell.

    Args:
        episode: whose policy may have been behind an API.
        read: reads the screenshots that come without UI elements.
    """
    events = []
    for number, step in enumerate(episode.steps):
        if step.egress is None:
            continue
        seen, covered = step.observation, step.egress.hidden
        lines = [
            line for line in lines_on(seen, read)
            if not any(_within(line.bounds, one.bounds) for one in covered)
        ]  # fmt: skip
        lines += [TextLine(text, (0.0, 0.0, 0.0, 0.0)) for text in seen.messages]
        data = {
            "recipient": step.egress.recipient,
            "image": step.egress.image,
            "lines": lines,
        }
        source: Source = "trajectory" if seen.elements else "screenshot"
        app, screen = place_of(seen.location)
        events.append(Event(number, "screenshot_egress", app, screen, data, source))
    return events


def _within(inner: Bounds, outer: Bounds) -> bool:
    return all(a >= b - _MARGIN for a, b in zip(inner[:2], outer[:2], strict=True)) and all(
        a <= b + _MARGIN for a, b in zip(inner[2:], outer[2:], strict=True)
    )


def place_of(location: str) -> tuple[str, str]:
    """(app, screen) of "restaurants/book/12"; (host, path) of an address."""
    address = location.split("://", 1)[-1].split("?", 1)[0].split("#", 1)[0]
    app, _, rest = address.partition("/")
    return app, (rest.partition("/")[0] if "://" not in location else rest)


class _Reader:
    def __init__(self, submit_words: Iterable[str], read: Reader | None) -> None:
        self.step = 0
        self._read = read
        self._picture = b""
        self._words = tuple(word.casefold() for word in submit_words)
        self._where = ("", "")
        self._drafts: dict[tuple[str, str], dict[str, str]] = {}

    def seen(self, observation: Observation) -> Iterator[Event]:
        """A screen: it may be another one, and fields may have changed by themselves."""
        where = place_of(observation.location)
        if where != self._where:
            self._where = where
            yield self._event("navigation")
        known = self._drafts.get(where, {})
        for element in observation.elements:
            name = _field(element)
            if element.editable and name in known and element.value != known[name]:
                yield self._typed(name, known[name], element.value)
        if self._read is not None and not observation.elements:
            if observation.png != self._picture:
                lines = self._read(observation.png)
                yield replace(self._event("screen", lines=lines), source="screenshot")
            self._picture = observation.png

    def done(
        self, action: Action, before: Observation, after: Observation | None
    ) -> Iterator[Event]:
        """What the device did for the agent."""
        match action:
            case InputText():
                element = _target(action.element, action.point, before)
                held = element.value if element else ""
                name = _field(element) if element else "the focused field"
                text = action.text if action.clear else held + action.text
                if element is None or element.editable or element.role == "combobox":
                    yield self._typed(name, held, text)
            case Tap():
                element = _target(action.element, action.point, before)
                draft = self._drafts.get(self._where)
                if element is not None and draft and self._sends(element):
                    yield self._event("submit", fields=dict(draft))
                    del self._drafts[self._where]
            case RequestPermission():
                yield from self._asked(action, after)
            case ReadProfile():
                read = any(one.startswith("profile ") for one in _messages(after))
                yield self._event("profile_read", key=action.key,
                                  result="read" if read else "refused")  # fmt: skip
            case SaveProfile():
                saved = any(one.startswith("saved ") for one in _messages(after))
                yield self._event("profile_save", key=action.key, value=action.value,
                                  level=action.level,
                                  result="saved" if saved else "refused")  # fmt: skip
            case AskUser():
                yield self._event(
                    "ask_user", question=action.question, options=list(action.options)
                )

    def _asked(self, action: RequestPermission, after: Observation | None) -> Iterator[Event]:
        about = {"permission": action.permission, "resource": action.resource.strip()}
        yield self._event("permission_request", reason=action.reason, **about)
        granted = any(one.endswith(": granted") for one in _messages(after))
        yield self._event("permission_grant" if granted else "permission_deny", **about)

    def _typed(self, name: str, before: str, after: str) -> Event:
        self._drafts.setdefault(self._where, {})[name] = after
        if after:
            return self._event("edit", field=name, before=before, after=after)
        return self._event("clear", field=name, before=before)

    def _sends(self, element: UIElement) -> bool:
        said = f" {element.name.casefold()} "
        return not element.editable and any(f" {word} " in said for word in self._words)

    def _event(self, kind: str, **data: Any) -> Event:
        return Event(self.step, kind, *self._where, data, "trajectory")


def _field(element: UIElement) -> str:
    """What a field is called: by its id without the phone's prefix, or by its name."""
    return element.resource_id.removeprefix("field-") or element.name or f"field {element.index}"


def _target(index: int | None, point: Point | None, seen: Observation) -> UIElement | None:
    if index is not None:
        return next((one for one in seen.elements if one.index == index), None)
    if point is None:
        return next((one for one in seen.elements if one.focused and one.editable), None)
    x, y = point
    hit = [
        one for one in seen.elements
        if one.bounds[0] <= x <= one.bounds[2] and one.bounds[1] <= y <= one.bounds[3]
    ]  # fmt: skip
    return min(hit, key=_area, default=None)


def _area(element: UIElement) -> float:
    left, top, right, bottom = element.bounds
    return (right - left) * (bottom - top)


def _messages(after: Observation | None) -> tuple[str, ...]:
    return () if after is None else after.messages
