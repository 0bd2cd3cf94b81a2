"""Actions carried out on an Android device, whatever drives it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from agentenv.actions import (
    Action,
    BaseAction,
    Direction,
    DoubleTap,
    Drag,
    InputText,
    LongPress,
    Navigate,
    OpenApp,
    Point,
    PressKey,
    Scroll,
    Swipe,
    Tap,
    Wait,
)
from agentenv.devices.android.driver import Driver, Pixel
from agentenv.devices.android.keys import codes_of
from agentenv.errors import ActionError
from agentenv.observations import Bounds, UIElement

ANDROID_ACTIONS: tuple[str, ...] = (
    "tap",
    "long_press",
    "double_tap",
    "swipe",
    "drag",
    "scroll",
    "input_text",
    "press_key",
    "open_app",
    "navigate",
    "wait",
)
"""What an Android device carries out."""
LONG_PRESS_MS = 800
SWIPE_MS = 300
DRAG_MS = 1200
SCROLL_MS = 500
"""Slow enough that the list stops where the finger does."""
_REACH = 0.35
"""How far from the middle of what is scrolled the finger begins and ends."""
_TOWARDS: dict[Direction, Pixel] = {"down": (0, 1), "up": (0, -1), "right": (1, 0), "left": (-1, 0)}
_WHOLE: Bounds = (0.0, 0.1, 1.0, 0.9)
"""Scrolled where nothing says that it can be; the edges are for the system's gestures."""

_Target = TypeVar("_Target", Tap, LongPress, DoubleTap, Drag, InputText)


class Hands:
    """Carries out actions.

    Args:
        driver: of the device.
        look: gives the elements on the screen and its (width, height) in pixels.
        apps: what apps may be called -> their packages.
    """

    def __init__(
        self,
        driver: Driver,
        look: Callable[[], tuple[Sequence[UIElement], tuple[int, int]]],
        apps: Mapping[str, str],
    ) -> None:
        self._driver = driver
        self._look = look
        self._apps = {name.casefold(): package for name, package in apps.items()}
        self._handlers: dict[type[BaseAction], Callable[[Any], Action]] = {
            Tap: self._tap,
            LongPress: self._long_press,
            DoubleTap: self._double_tap,
            Swipe: self._swipe,
            Drag: self._drag,
            Scroll: self._scroll,
            InputText: self._input_text,
            PressKey: self._press_key,
            OpenApp: self._open_app,
            Navigate: self._navigate,
            Wait: self._wait,
        }

    def perform(self, action: Action) -> Action:
        """Carry out an action, without letting the device settle.

        Returns:
            the action with its elements resolved to the points acted on.

        Raises:
            ActionError: it cannot be carried out on this screen.
            DeviceError: the device failed.
        """
        handler = self._handlers.get(type(action))
        if handler is None:
            raise ActionError(f"an Android device cannot carry out '{action.type}'")
        return handler(action)

    def _tap(self, action: Tap) -> Action:
        sent, at = self._resolve(action)
        self._driver.touch([at], 0)
        return sent

    def _long_press(self, action: LongPress) -> Action:
        sent, at = self._resolve(action)
        self._driver.touch([at], LONG_PRESS_MS)
        return sent

    def _double_tap(self, action: DoubleTap) -> Action:
        sent, at = self._resolve(action)
        self._driver.double_tap(at)
        return sent

    def _swipe(self, action: Swipe) -> Action:
        self._driver.touch([self._pixel(action.start), self._pixel(action.end)], SWIPE_MS)
        return action

    def _drag(self, action: Drag) -> Action:
        sent, start = self._resolve(action)
        end = action.to_point if action.to_element is None else self._center(action.to_element)
        assert end is not None
        self._driver.touch([start, self._pixel(end)], DRAG_MS)
        return sent.model_copy(update={"to_element": None, "to_point": end})

    def _scroll(self, action: Scroll) -> Action:
        left, top, right, bottom = self._scrolled(action)
        x, y = (left + right) / 2, (top + bottom) / 2
        across, down = _TOWARDS[action.direction]
        reach = (_REACH * (right - left) * across, _REACH * (bottom - top) * down)
        start, end = (x + reach[0], y + reach[1]), (x - reach[0], y - reach[1])
        self._driver.touch([self._pixel(start), self._pixel(end)], SCROLL_MS)
        return action if action.element is None else _aimed(action, (x, y))

    def _scrolled(self, action: Scroll) -> Bounds:
        """The bounds of what is to be scrolled."""
        elements, _ = self._look()
        if action.element is not None:
            return self._element(action.element).bounds
        scrollable = [element.bounds for element in elements if element.scrollable]
        if action.point is not None:
            x, y = action.point
            there = [one for one in scrollable if one[0] <= x <= one[2] and one[1] <= y <= one[3]]
            return min(there, key=_area, default=_WHOLE)
        return max(scrollable, key=_area, default=_WHOLE)

    def _input_text(self, action: InputText) -> Action:
        sent: Action = action
        field = self._focused()
        if action.element is not None or action.point is not None:
            sent, at = self._resolve(action)
            if action.element is None:
                field = None
            else:
                field = self._element(action.element)
                if not field.editable:
                    raise ActionError(f"element {action.element} is not a text field")
            if field is None or not field.focused:
                self._driver.touch([at], 0)
        elif field is None:
            raise ActionError("no text field has the focus; say which one")
        if action.clear:
            self._driver.erase(len(field.value) if field else 100)
        self._driver.type_text(action.text)
        return sent

    def _focused(self) -> UIElement | None:
        elements, _ = self._look()
        return next((one for one in elements if one.focused and one.editable), None)

    def _press_key(self, action: PressKey) -> Action:
        self._driver.press(codes_of(action.key))
        return action

    def _open_app(self, action: OpenApp) -> Action:
        wanted = action.app.strip().casefold()
        package = self._apps.get(wanted) or self._installed(wanted)
        if not package:
            known = ", ".join(dict.fromkeys(self._apps.values()))
            there = f"; there are: {known}" if known else "; give its package"
            raise ActionError(f"there is no app {action.app[:60]!r}{there}")
        self._driver.start_app(package)
        return action

    def _installed(self, wanted: str) -> str:
        """The package of that name, or the only one whose last part it is; "" if none is."""
        packages = self._driver.packages()
        if wanted in (package.casefold() for package in packages):
            return next(package for package in packages if package.casefold() == wanted)
        named = [one for one in packages if one.casefold().rpartition(".")[2] == wanted]
        return named[0] if len(named) == 1 else ""

    def _navigate(self, action: Navigate) -> Action:
        if "://" not in action.url or any(character.isspace() for character in action.url):
            raise ActionError("give a complete address, such as https://example.org/")
        self._driver.open_url(action.url)
        return action

    def _wait(self, action: Wait) -> Action:
        deadline = self._driver.deadline
        left = action.seconds if deadline is None else deadline - time.monotonic()
        time.sleep(max(0.0, min(action.seconds, left)))
        return action

    def _resolve(self, action: _Target) -> tuple[_Target, Pixel]:
        if action.element is None:
            assert action.point is not None
            return action, self._pixel(action.point)
        center = self._center(action.element)
        return _aimed(action, center), self._pixel(center)

    def _center(self, index: int) -> Point:
        element = self._element(index)
        if not element.enabled:
            raise ActionError(f"element {index} is disabled")
        return element.center

    def _element(self, index: int) -> UIElement:
        elements, _ = self._look()
        if index >= len(elements):
            raise ActionError(f"no element {index}; there are {len(elements)}")
        return elements[index]

    def _pixel(self, point: Point) -> Pixel:
        _, (width, height) = self._look()
        return min(int(point[0] * width), width - 1), min(int(point[1] * height), height - 1)


_Aimed = TypeVar("_Aimed", Tap, LongPress, DoubleTap, Drag, Scroll, InputText)


def _aimed(action: _Aimed, point: Point) -> _Aimed:
    return action.model_copy(update={"element": None, "point": point})


def _area(bounds: Bounds) -> float:
    left, top, right, bottom = bounds
    return (right - left) * (bottom - top)
