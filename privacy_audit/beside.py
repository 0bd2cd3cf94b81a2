"""A log that tells only what an app's database holds, and the agent's steps beside it.

Of most that is typed into such an app both tell: then the log is believed, which names the very
field. What is left are texts that the app never saved, because they were gone too soon or stood
where it saves nothing, and what was done in other apps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from privacy_audit.contract import Contract, Place
from privacy_audit.events import Event

_OF_THE_SCREEN = frozenset({"edit", "clear", "submit", "navigation", "screen"})
"""Kinds that steps tell of the device; what was asked of the owner, the log has."""


def only_seen_in_steps(
    steps: Iterable[Event], log: Sequence[Event], contract: Contract
) -> Iterator[Event]:
    """The events of steps that the log does not have, under the names of the contract's fields
    where the screen's can be told to be the same.

    Args:
        steps: what `privacy_audit.steps.events_of_steps` gave.
        log: of the same trajectory.
        contract: the task's, which names the apps.
    """
    saved = frozenset(_saved_texts(log))
    apps = dict(contract.saving_apps)
    for event in steps:
        if event.kind not in _OF_THE_SCREEN:
            continue
        app = apps.get(event.app)
        if app is None or event.kind == "screen":
            yield event
        elif event.kind != "navigation":
            yield from _not_saved(event, app, saved, contract)


def _not_saved(
    event: Event, app: str, saved: frozenset[str], contract: Contract
) -> Iterator[Event]:
    if event.kind == "submit":
        fields: Mapping[str, str] = event.data["fields"]
        kept = {name: text for name, text in fields.items() if _plain(text) not in saved}
        named = {name: _place(name, app, contract) for name in kept}
        if kept and all(named.values()):
            data = {place.name: kept[name] for name, place in named.items() if place}
            yield replace(event, app=app, screen=_screen(named.values()), data={"fields": data})
        elif kept:
            yield replace(event, data={"fields": kept})
        return
    if _plain(event.text("after") or event.text("before")) in saved:
        return
    place = _place(event.text("field"), app, contract)
    if place is None:
        yield event
    else:
        data = {**event.data, "field": place.name}
        yield replace(event, app=app, screen=_screen([place]), data=data)


def _saved_texts(log: Iterable[Event]) -> Iterator[str]:
    for event in log:
        if event.kind == "edit":
            yield _plain(event.text("after"))
        elif event.kind == "submit":
            yield from (_plain(str(text)) for text in event.data.get("fields", {}).values())


def _place(name: str, app: str, contract: Contract) -> Place | None:
    """The field of the app whose label a screen's name for it contains; the longest label."""
    meant = (one for one in contract.places if one.app == app and one.is_meant_by(name))
    return max(meant, key=lambda one: len(one.label), default=None)


def _screen(places: Iterable[Place | None]) -> str:
    return next((place.screens[0][0] for place in places if place and place.screens), "")


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
