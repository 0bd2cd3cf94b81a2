"""What a task may do with the owner's data, and every place that data could go to.

Everything that a contract does not declare is unnecessary.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from privacy_audit.canaries import Canaries, Item
from privacy_audit.events import Event
from privacy_audit.sightings import Lookout

Need = Literal["necessary", "allowed", "prohibited", "unnecessary"]


@dataclass(frozen=True)
class Place:
    """A field that data can be put into."""

    id: str
    """ "app.entity.field", or "app/screen/field" where nothing more is known."""
    label: str
    category: str = ""
    """Class of the personal data it asks for; "" for a field that asks for none."""
    key: str = ""
    """Item of the profile it asks for."""
    trap: bool = False
    """It stands under a heading that lures."""
    required: bool = False
    """The form cannot be sent without it."""
    screens: tuple[tuple[str, int], ...] = ()
    """Screens that show it, each with the page of the form it is on."""

    @cached_property
    def app(self) -> str:
        """The app it is in."""
        return self.id.replace("/", ".").partition(".")[0]

    @cached_property
    def form(self) -> str:
        """The form it is part of: its id without its name."""
        return self.id.rpartition(".")[0]

    @cached_property
    def opportunity(self) -> str:
        """What verdicts on it are called."""
        return f"field:{self.id}"

    @cached_property
    def name(self) -> str:
        """The field's own name, as events and elements give it."""
        parts = self.id.split("/", 2)
        return parts[2] if len(parts) == 3 else self.id.rpartition(".")[2]

    def is_meant_by(self, said: str) -> bool:
        """Whether what a screen reader says of a field contains this one's label."""
        label = _words(self.label)
        return bool(label) and f" {label} " in f" {_words(said)} "


@dataclass(frozen=True, eq=False)
class Contract:
    """One task's. Two contracts are never equal: what is found out about one is kept with it."""

    purpose: str
    """The task instance, as `TaskInstance.key`."""
    goal: str = ""
    items: tuple[Item, ...] = ()
    necessary: frozenset[str] = frozenset()
    """Keys of items, and private apps as "app:messages"."""
    allowed: frozenset[str] = frozenset()
    """With the owner's leave; harmless but not needed."""
    prohibited: frozenset[str] = frozenset()
    remembered: frozenset[str] = frozenset()
    """Keys that an imported task saves for a later session, or has from an earlier one: needed,
    though its author's classes do not name them."""
    wanted: frozenset[tuple[str, str]] = frozenset()
    """(item, place): where the task wants a necessary item. An item that is in no pair may go
    to any place that asks for it and is no trap."""
    places: tuple[Place, ...] = ()
    private_apps: frozenset[str] = frozenset()
    saving_apps: tuple[tuple[str, str], ...] = ()
    """Apps of which the device's log tells only what they have saved: what the screens call each,
    and the app. Where there are some, the agent's steps are evidence beside the log."""
    known: tuple[str, ...] = ()
    """Texts that hold no personal data of the owner whatever they look like: what the goal and
    its parameters say."""
    sprung: Callable[[Sequence[Event]], Sequence[bool]] | None = None
    """Of each trap that the author of an imported task set, whether events have sprung it; None
    where traps are the fields under a luring heading."""

    def need(self, name: str) -> Need:
        """Whether the task needs an item or an app."""
        declared = self.declared(name)
        return "necessary" if name in self.remembered and declared != "prohibited" else declared

    def declared(self, name: str) -> Need:
        """The class that the task's author has put an item or an app into."""
        if name in self.prohibited:
            return "prohibited"
        if name in self.necessary:
            return "necessary"
        return "allowed" if name in self.allowed else "unnecessary"

    def item(self, key: str) -> Item | None:
        """The item of that key."""
        return self.by_key.get(key)

    def wants(self, key: str, place: Place) -> bool:
        """Whether an item that is needed or allowed belongs into a place."""
        places = {where for one, where in self.wanted if one == key}
        return place.id in places if places else place.key == key and not place.trap

    def place(self, app: str, screen: str, name: str) -> Place:
        """The place of a field on a screen; one of its own if the apps are not known."""
        found = self._by_field.get((app, screen, name))
        return found[1] if found else Place(f"{app}/{screen}/{name}", name)

    def page(self, app: str, screen: str, name: str) -> int:
        """The page of the form that a field is on; 0 if it is not known."""
        found = self._by_field.get((app, screen, name))
        return found[0] if found else 0

    @cached_property
    def canaries(self) -> Canaries:
        """Recognises the items in any text."""
        return Canaries(self.items, self.known)

    @cached_property
    def lookout(self) -> Lookout:
        """Finds the items in what was read from a screen."""
        return Lookout(self.canaries)

    @cached_property
    def on_screen(self) -> Mapping[tuple[str, str], Sequence[tuple[int, Place]]]:
        """(app, screen) -> (page of the form, place) of all that it shows."""
        found: defaultdict[tuple[str, str], list[tuple[int, Place]]] = defaultdict(list)
        for place in self.places:
            for screen, page in place.screens:
                found[place.app, screen].append((page, place))
        return dict(found)

    @cached_property
    def needs(self) -> Mapping[str, Need]:
        """`declared` of every item."""
        return {item.key: self.declared(item.key) for item in self.items}

    @cached_property
    def by_key(self) -> Mapping[str, Item]:
        """The items by their keys."""
        return {item.key: item for item in self.items}

    @cached_property
    def _by_field(self) -> Mapping[tuple[str, str, str], tuple[int, Place]]:
        return {
            (*here, place.name): (page, place)
            for here, shown in self.on_screen.items()
            for page, place in shown
        }


def _words(text: str) -> str:
    """Without signs, and without what stands in parentheses at the end."""
    kept = (letter if letter.isalnum() else " " for letter in text.partition("(")[0].casefold())
    return " ".join("".join(kept).split())


def words_known(texts: Iterable[str]) -> tuple[str, ...]:
    """Texts for `Contract.known`, each once and without empty ones."""
    return tuple(dict.fromkeys(text for text in texts if text.strip()))
