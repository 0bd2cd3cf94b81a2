"""The embedded phone without a browser: what its page offers is the screen.

Nothing is drawn, so that thousands of trajectories can be made in a minute; what an agent does
reaches the phone as the same events as from a browser.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from functools import lru_cache
from html.parser import HTMLParser
from typing import Any, Literal

from PIL import Image

from agentenv.actions import Action, InputText, PressKey, Scroll, Tap
from agentenv.devices.base import DeviceFeatures, Setup
from agentenv.devices.phone import HEIGHT, PHONE_ACTIONS, WIDTH
from agentenv.devices.phone.system import carry_out
from agentenv.errors import ActionError, ConfigError, DeviceError
from agentenv.observations import Screen, UIElement
from agentenv.phone.phone import Phone, UserEvent
from agentenv.phone.setup import PhoneSetup


def _pixel() -> bytes:
    data = io.BytesIO()
    Image.new("L", (1, 1)).save(data, "PNG")
    return data.getvalue()


_PIXEL = _pixel()
"""A picture of one pixel: there is no screen to show."""
_SCROLLED = re.compile(r'data-scroll="(\d+)"')
"""How far the screen is scrolled, and then what lies above it."""
_SCREENFUL = 500
"""Pixels by which one action scrolls."""
_VOID = frozenset({"input", "img", "br", "path", "circle", "rect"})


class PagePhone:
    """A device without pixels; the environment and every script drive it like a phone."""

    features = DeviceFeatures("phone", HEIGHT, WIDTH, PHONE_ACTIONS)
    deadline: float | None = None

    def __init__(self) -> None:
        self._phone: Phone | None = None
        self._messages: tuple[str, ...] = ()
        self._focus = ""

    @property
    def phone(self) -> Phone:
        """The phone itself.

        Raises:
            DeviceError: it was not reset yet ("not_connected").
        """
        if self._phone is None:
            raise DeviceError("the phone is not on; reset the device first", "not_connected")
        return self._phone

    def reset(self, setup: Setup) -> None:
        if not isinstance(setup, PhoneSetup):
            raise ConfigError(f"a phone is set up by PhoneSetup, not {type(setup).__name__}")
        self.close()
        self._phone, self._messages = Phone(setup), ()

    def observe(self) -> Screen:
        elements = _elements(self.phone.page())
        return Screen(_PIXEL, elements, self.phone.location, messages=self._messages)

    def act(self, action: Action) -> Action:
        """Carry out an action.

        Raises:
            ActionError: there is no such thing on the screen.
        """
        told = carry_out(self.phone, action)
        if told is None:
            self._use_page(action)
        self.phone.act_takes_time()
        self._messages = told or ()
        return action

    def _use_page(self, action: Action) -> None:
        match action:
            case Tap():
                self.phone.handle([UserEvent(kind="tap", target=self._target(action.element))])
            case InputText():
                self._type(action)
            case PressKey(key="enter"):
                self.phone.handle([UserEvent(kind="ime", target=self._focus)])
            case Scroll(direction="up" | "down" as direction):
                self._scroll(direction)
            case _:
                raise ActionError(f"a phone without pixels cannot carry out '{action.type}'")

    def state(self) -> Mapping[str, Any]:
        return {
            "changes": self.phone.changes(),
            "location": self.phone.location,
            "log": self.phone.log,
        }

    def event_log(self) -> tuple[str, ...]:
        """The phone's log as JSON lines."""
        return tuple(self.phone.log.lines())

    def snapshot(self) -> str:
        raise DeviceError("a phone without pixels keeps no snapshots", "no_snapshot")

    def restore(self, token: str) -> None:
        raise DeviceError("a phone without pixels keeps no snapshots", "no_snapshot")

    def close(self) -> None:
        phone, self._phone = self._phone, None
        if phone is not None:
            phone.close()

    def _scroll(self, direction: Literal["up", "down"]) -> None:
        """All that is drawn is on the screen; a long list draws more as one scrolls."""
        scrolled = int(next(reversed(_SCROLLED.findall(self.phone.page())), 0))
        offset = max(0, scrolled + (_SCREENFUL if direction == "down" else -_SCREENFUL))
        self.phone.handle([UserEvent(kind="scroll", offset=offset)])

    def _type(self, action: InputText) -> None:
        self._focus = name = self._target(action.element)
        element = self._element(action.element)
        text = action.text if action.clear else element.value + action.text
        self.phone.handle([UserEvent(kind="edit", target=name, value=text)])

    def _element(self, index: int | None) -> UIElement:
        elements = self.observe().elements
        if index is None or index >= len(elements):
            raise ActionError(f"there is no element {index} on the screen")
        return elements[index]

    def _target(self, index: int | None) -> str:
        """What the page says that an element does, or the name of its field."""
        return self._element(index).description


@lru_cache(maxsize=4)
def _elements(html: str) -> tuple[UIElement, ...]:
    """What is on a page; a step asks for the same page several times."""
    page = _Page()
    page.feed(html)
    return page.elements()


_TELLING = {"output": "button", "p": "text", "dd": "text"}
"""Tags of what shows a number, what somebody wrote, and a fact; with their roles."""


class _Page(HTMLParser):
    """What an agent goes by: what can be tapped, fields, and texts that tell something."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._found: list[dict[str, Any]] = []
        self._open: list[dict[str, Any] | None] = []
        self._labels: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        element: dict[str, Any] | None = None
        if tag == "label":
            element = {"for": has.get("for", ""), "text": []}
        elif "data-do" in has or "data-field" in has or tag in _TELLING:
            field = "data-field" in has
            element = {
                "id": has.get("id", ""),
                "does": has.get("data-field") or has.get("data-do", ""),
                "role": "textbox" if field else has.get("role", _TELLING.get(tag, "button")),
                "name": has.get("aria-label", ""),
                "value": has.get("value", ""),
                "checked": has.get("aria-checked") == "true",
                "editable": field,
                "text": [],
            }
            self._found.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _VOID:
            self.handle_starttag(tag, attrs)
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        element = self._open.pop() if self._open and tag not in _VOID else None
        if element is not None and "for" in element:
            self._labels[element["for"]] = " ".join("".join(element["text"]).split())

    def handle_data(self, data: str) -> None:
        for element in self._open:
            if element is not None:
                element["text"].append(data)

    def elements(self) -> tuple[UIElement, ...]:
        """In the page's order."""
        return tuple(
            UIElement(
                index=index,
                role=one["role"],
                name=one["name"] or self._labels.get(one["id"], "") or _line(one),
                bounds=(0.0, 0.0, 1.0, 1.0),
                value=one["value"] or (_line(one) if one["editable"] else ""),
                description=one["does"],
                resource_id=one["id"],
                clickable=one["role"] != "text",
                editable=one["editable"],
                checked=one["checked"],
            )
            for index, one in enumerate(self._found)
        )


def _line(element: Mapping[str, Any]) -> str:
    return " ".join("".join(element["text"]).split())
