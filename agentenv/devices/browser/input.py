"""Actions carried out as input events, the same on both engines."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

from agentenv.actions import (
    Action,
    BaseAction,
    ChooseFile,
    DoubleTap,
    Drag,
    Hover,
    InputText,
    LongPress,
    Navigate,
    Point,
    PressKey,
    Scroll,
    Swipe,
    Tap,
    Wait,
)
from agentenv.devices.browser import keys
from agentenv.devices.browser.clock import pass_time
from agentenv.devices.browser.engine import Engine, InputEvent
from agentenv.devices.browser.files import FileChooser
from agentenv.devices.browser.frames import Frames
from agentenv.devices.browser.viewports import Viewport
from agentenv.errors import ActionError, DeviceError

logger = logging.getLogger(__name__)

LONG_PRESS_MS = 600.0
DRAG_MOVES = 8
SCROLL_FRAMES = 2
"""The page learns of a scroll with the next frames."""
FRAME_MS = 25.0
"""Page time between two frames of a drag."""
CHOOSER_MS = 50.0
CHOOSER_LOOKS = 8
"""How often, and after how much page time, a page is looked at that should ask for a file."""
_SCHEMES = ("http", "https", "file", "about")

_EMPTY_CLIPBOARD = """(() => {
  const empty = (event) => {
    event.clipboardData.setData('text/plain', '');
    event.preventDefault();
    event.stopImmediatePropagation();
  };
  window.addEventListener('copy', empty, { capture: true, once: true });
  document.execCommand('copy');
})()"""
_COPYING = ("ctrl+c", "ctrl+x")

_Target = TypeVar("_Target", Tap, LongPress, DoubleTap, Hover, Drag, Scroll, InputText, ChooseFile)


class Hands:
    """Carries out actions on one engine's page."""

    def __init__(self, engine: Engine, viewport: Viewport, *, still: bool = False) -> None:
        self._engine = engine
        self._still = still
        self.frames = Frames(engine)
        self._mobile = viewport.mobile
        self._width, self._height = float(viewport.width), float(viewport.height)
        self.chooser = FileChooser(engine)
        self._copied = False
        self._handlers: dict[type[BaseAction], Callable[[Any], Action]] = {
            Tap: self._tap,
            DoubleTap: self._double_tap,
            LongPress: self._long_press,
            Hover: self._hover,
            Swipe: self._swipe,
            Drag: self._drag,
            Scroll: self._scroll,
            InputText: self._input_text,
            ChooseFile: self._choose_file,
            PressKey: self._press_key,
            Navigate: self._navigate,
            Wait: self._wait,
        }

    def perform(self, action: Action) -> Action:
        """Carry out an action, without settling.

        Returns:
            the action with its element resolved to the point acted on.

        Raises:
            ActionError: it cannot be carried out on this page.
            DeviceError: the browser failed.
        """
        handler = self._handlers.get(type(action))
        if handler is None:
            raise ActionError(f"a browser cannot carry out '{action.type}'")
        if self._mobile:  # a page that is wider than a phone's screen is zoomed out
            self._width, self._height = self._engine.evaluate("[innerWidth, innerHeight]")
        if not isinstance(action, ChooseFile):
            self.chooser.dismiss()
        return handler(action)

    def rest(self) -> None:
        """Leave nothing behind: move the pointer off the page, so that nothing stays
        highlighted under it, and empty the clipboard."""
        self._engine.send_input([_mouse("mouseMoved", (-10.0, -10.0))])
        if self._copied:
            self._engine.call("Runtime.evaluate", expression=_EMPTY_CLIPBOARD, userGesture=True)
            self._copied = False

    def _tap(self, action: Tap) -> Action:
        sent, at = self._resolve(action)
        self._engine.send_input([*self._arrive(at), *_click(at)])
        return sent

    def _arrive(self, at: tuple[float, float]) -> list[InputEvent]:
        """Bring the pointer there, for pages on which something happens before it presses."""
        return [] if self._still else [_mouse("mouseMoved", at)]

    def _double_tap(self, action: DoubleTap) -> Action:
        sent, at = self._resolve(action)
        self._engine.send_input([*self._arrive(at), *_click(at), *_click(at, clicks=2)])
        return sent

    def _long_press(self, action: LongPress) -> Action:
        sent, at = self._resolve(action)
        self._engine.send_input([_mouse("mouseMoved", at), _mouse("mousePressed", at, clicks=1)])
        pass_time(self._engine, LONG_PRESS_MS)
        self._engine.send_input([_mouse("mouseReleased", at, clicks=1)])
        return sent

    def _hover(self, action: Hover) -> Action:
        sent, at = self._resolve(action)
        self._engine.send_input([_mouse("mouseMoved", at)])
        return sent

    def _swipe(self, action: Swipe) -> Action:
        start, end = self._pixels(action.start), self._pixels(action.end)
        across, down = start[0] - end[0], start[1] - end[1]
        vertical = abs(down) >= abs(across)
        if self._mobile and self._ask("pansAt", start, vertical)["pans"]:
            self._turn_wheel(start, (0, down) if vertical else (across, 0))
        else:
            self._move_held(start, end)
        return action

    def _drag(self, action: Drag) -> Action:
        sent, start = self._resolve(action)
        if action.to_element is not None:
            end = self._point_of(action.to_element)
        else:
            assert action.to_point is not None
            end = self._pixels(action.to_point)
        self._move_held(start, end)
        return sent.model_copy(update={"to_element": None, "to_point": self._fractions(end)})

    def _move_held(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Press, move and release; a draggable element is dragged and dropped by that."""
        self._engine.send_input(
            [_mouse("mouseMoved", start), _mouse("mousePressed", start, clicks=1)]
        )
        moves = 1 if self._still else DRAG_MOVES
        for number in range(1, moves + 1):
            share = number / moves
            at = tuple(a + (b - a) * share for a, b in zip(start, end, strict=True))
            self._engine.send_input([_mouse("mouseMoved", (at[0], at[1]), held=True)])
            # Moves without a frame between them would be merged into one.
            self._draw_frames(1)
        self._engine.send_input([_mouse("mouseReleased", end, clicks=1)])

    def _scroll(self, action: Scroll) -> Action:
        point = None if action.point is None else self._pixels(action.point)
        wheel = self._ask("wheelAt", action.element, point, action.direction)
        at = (wheel["x"], wheel["y"])
        if self._still:
            self._ask("pan", wheel["dx"], wheel["dy"])
        else:
            self._turn_wheel(at, (wheel["dx"], wheel["dy"]))
        return action if action.element is None else self._at(action, at)

    def _turn_wheel(self, at: tuple[float, float], by: tuple[float, float]) -> None:
        event = {"type": "mouseWheel", "x": at[0], "y": at[1], "deltaX": by[0], "deltaY": by[1]}
        self._engine.send_input([("Input.dispatchMouseEvent", event)])
        self._draw_frames(SCROLL_FRAMES)

    def _draw_frames(self, count: int) -> None:
        """Let the page take part in a gesture; one that is `still` is asked at its end."""
        for _ in range(0 if self._still else count):
            self._engine.advance(FRAME_MS)
            self._engine.draw()

    def _input_text(self, action: InputText) -> Action:
        point = None if action.point is None else self._pixels(action.point)
        field = self._ask("fieldAt", action.element, point)
        sent: Action = action
        if field["kind"] == "select":
            if action.element is not None:
                sent = self._at(action, self._point_of(action.element))
            self._ask("choose", action.text, action.clear)
            return sent
        if action.element is not None or action.point is not None:
            sent, _ = self._resolve(action)
            self._tap(Tap(point=sent.point))
        if field["kind"] == "value":
            self._ask("setValue", action.text)
            return sent
        filled = self._ask("prepareTyping", action.clear)["filled"]
        events: list[InputEvent] = keys.press("backspace") if action.clear and filled else []
        self._engine.send_input([*events, *keys.type_text(action.text)])
        return sent

    def _choose_file(self, action: ChooseFile) -> Action:
        path = self.chooser.path(action.name)
        sent: Action = action
        if action.element is not None or action.point is not None:
            self.chooser.dismiss()
            sent, _ = self._resolve(action)
            self._tap(Tap(point=sent.point))
            for _ in range(CHOOSER_LOOKS):
                if self.chooser.is_open():
                    break
                pass_time(self._engine, CHOOSER_MS)
        if not self.chooser.is_open():
            asks = "the page" if sent is action else "this element"
            raise ActionError(f"{asks} asks for no file; give the field or button that does")
        self.chooser.choose(path)
        return sent

    def _press_key(self, action: PressKey) -> Action:
        if action.key == "recents":
            raise ActionError("a browser has no 'recents' key")
        if action.key == "back":
            self._go_back()
        else:
            self._engine.send_input(keys.press(action.key))
            self._copied = self._copied or action.key in _COPYING
        return action

    def _go_back(self) -> None:
        history = self._engine.call("Page.getNavigationHistory")
        index = history["currentIndex"]
        if index <= 0:
            raise ActionError("there is no earlier page to go back to")
        entry = history["entries"][index - 1]["id"]
        self._engine.call("Page.navigateToHistoryEntry", entryId=entry)

    def _navigate(self, action: Navigate) -> Action:
        url = action.url.strip()
        scheme = urlsplit(url).scheme.lower() if _parses(url) else ""
        if scheme not in _SCHEMES:
            raise ActionError(f"give a complete address that starts with one of {_SCHEMES}")
        try:
            self._engine.navigate(url)
        except DeviceError as error:
            if error.cause == "download":
                return action
            if error.cause != "page_not_loaded":
                raise
            raise ActionError(str(error)) from error
        return action

    def _wait(self, action: Wait) -> Action:
        pass_time(self._engine, action.seconds * 1000)
        return action

    def _resolve(self, action: _Target) -> tuple[_Target, tuple[float, float]]:
        if action.element is not None:
            at = self._point_of(action.element)
            return self._at(action, at), at
        assert action.point is not None
        return action, self._pixels(action.point)

    def _point_of(self, element: int) -> tuple[float, float]:
        found = self._ask("pointOf", element)
        return found["x"], found["y"]

    def _at(self, action: _Target, pixels: tuple[float, float]) -> _Target:
        return action.model_copy(update={"element": None, "point": self._fractions(pixels)})

    def _fractions(self, pixels: tuple[float, float]) -> Point:
        x = min(1.0, max(0.0, pixels[0] / self._width))
        y = min(1.0, max(0.0, pixels[1] / self._height))
        return x, y

    def _pixels(self, point: Point) -> tuple[float, float]:
        """A point of the screen; its right and bottom edges are the last pixels."""
        x = min(point[0] * self._width, self._width - 0.5)
        y = min(point[1] * self._height, self._height - 0.5)
        return x, y

    def _ask(self, function: str, *arguments: Any) -> dict[str, Any]:
        answer = self.frames.ask(function, *arguments)
        if "error" in answer:
            raise ActionError(answer["error"])
        return answer


def _parses(url: str) -> bool:
    try:
        urlsplit(url)
    except ValueError:
        return False
    return True


def _click(at: tuple[float, float], clicks: int = 1) -> list[InputEvent]:
    return [_mouse(kind, at, clicks=clicks) for kind in ("mousePressed", "mouseReleased")]


def _mouse(
    kind: str, at: tuple[float, float], *, clicks: int = 0, held: bool = False
) -> InputEvent:
    button = "left" if clicks or held else "none"
    buttons = 1 if held or kind == "mousePressed" else 0
    return (
        "Input.dispatchMouseEvent",
        {
            "type": kind,
            "x": at[0],
            "y": at[1],
            "button": button,
            "buttons": buttons,
            "clickCount": clicks,
        },
    )
