"""The `ui_tars` dialect: the calls that ByteDance's UI-TARS models write.

``Thought: I open the menu.``
``Action: click(start_box='(500,300)')``
"""

from __future__ import annotations

import re

from agentenv.actions import (
    Action,
    Answer,
    DoubleTap,
    Finish,
    Hover,
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
from agentenv.dialects.base import Scaled
from agentenv.dialects.parsing import (
    OutputError,
    after_heading,
    after_thinking,
    coordinates,
    cut,
    parse_with,
    printable,
)
from agentenv.dialects.quoted import quote, read_quoted, refuse_more
from agentenv.errors import ConfigError
from agentenv.shortcuts import split_shortcut

HEADING = "Action:"
EXAMPLE = f"{HEADING} click(start_box='(500,300)')"

TAKES: dict[str, frozenset[str]] = {
    "click": frozenset({"start_box"}),
    "left_single": frozenset({"start_box"}),
    "select": frozenset({"start_box"}),
    "left_double": frozenset({"start_box"}),
    "long_press": frozenset({"start_box", "time"}),
    "hover": frozenset({"start_box"}),
    "drag": frozenset({"start_box", "end_box"}),
    "scroll": frozenset({"start_box", "end_box", "direction"}),
    "type": frozenset({"content", "start_box", "replace"}),
    "hotkey": frozenset({"key"}),
    "press": frozenset({"key"}),
    "press_home": frozenset(),
    "press_back": frozenset(),
    "open_app": frozenset({"app_name"}),
    "navigate": frozenset({"content"}),
    "navigate_back": frozenset(),
    "wait": frozenset(),
    "finished": frozenset({"content"}),
    "call_user": frozenset({"content"}),
}
"""The calls of all versions, for phones, computers and browsers, and their arguments."""
SAME_ARGUMENT: dict[str, str] = {
    "point": "start_box",
    "start_point": "start_box",
    "end_point": "end_box",
    "hotkey": "key",
    "name": "app_name",
    "url": "content",
}
"""An argument's name in some versions of the prompt -> its name here."""
KEYS: dict[str, str] = {
    "escape": "esc",
    "arrow_up": "up",
    "arrow_down": "down",
    "arrow_left": "left",
    "arrow_right": "right",
    "page_up": "pageup",
    "page_down": "pagedown",
    "meta": "win",
}
"""Our name of a key -> the name it has in `hotkey`, where that is another."""
KEY_ALIASES: dict[str, str] = {
    **{theirs: ours for ours, theirs in KEYS.items()},
    "arrowup": "arrow_up",
    "arrowdown": "arrow_down",
    "arrowleft": "arrow_left",
    "arrowright": "arrow_right",
    "return": "enter",
    "control": "ctrl",
    "option": "alt",
    "cmd": "meta",
    "command": "meta",
}

_BEGINNINGS = ("Thought:", HEADING)
_NAME = r"[\s*`]*(?:(?<=```)\w+\s+)?([A-Za-z_]\w*)\s*\("
_CALL = re.compile(_NAME)
_ARGUMENT = re.compile(r"[\s,]*(\w+)\s*=\s*")
_CLOSED = re.compile(r"[\s,]*\)")
# Where quoted text ends: another argument follows, or the end of the call or of all.
_ENDING = re.compile(r"\s*(?:,\s*(?:\w+\s*=|\))|\)|\Z)")
_UNQUOTED = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|<[^<>]*>[^<>]*<[^<>]*>|[^\s,()'\"]+")


class UITars(Scaled):
    """UI-TARS' actions.

    Targets are points only (`agentenv.tasks.targets.at_center` turns an element into
    one) and labels are not written. Typing replaces what the focused field holds; a line
    break at the end of the text presses enter. `finished` with a content is an answer.

    Args:
        width: the coordinate that means the right edge. The default suits UI-TARS 1.0 and
            the models behind ByteDance's API (``<point>``), whose coordinates run from 0 to
            1000 on both axes; for UI-TARS-1.5-7B, which is a Qwen2.5-VL, give the size in
            pixels of the image the model sees, that is, after its processor's resizing.
        height: the coordinate that means the bottom edge.
    """

    name = "ui_tars"

    def __init__(self, width: int = 1000, height: int = 1000) -> None:
        super().__init__(width, height)

    def parse(self, text: str | bytes) -> Action:
        """The first call after "Action:" as an action, else `Invalid`.

        The heading may be missing; thoughts before it are skipped. Positions may be points
        or boxes, in any of the forms that UI-TARS' versions write.
        """
        return parse_with(self._read, text)

    def print(self, action: Action) -> str:
        """The action as UI-TARS writes it, without a thought.

        The special tokens around a box are not written, as they are not in decoded text.

        Raises:
            ConfigError: UI-TARS has no words for it: element targets, targeted or
                appending text input, the key for recent apps, an empty answer, waiting
                for other than the usual time, actions beyond those of `instructions`.
        """
        text = f"{HEADING} {self._call(action)}"
        return printable(text)

    def instructions(self, action_types: tuple[str, ...]) -> str:
        """The calls as a prompt lists them; actions that none exists for are left out."""
        lines = [f"{call} # {use}" for name in action_types for call, use in _CALLS.get(name, ())]
        return (
            "Answer with the next action in this form:\nThought: ...\nAction: ...\n\n"
            "The action is one of these calls. (x,y) is a point, from (0,0) top left to "
            f"({self.width},{self.height}) bottom right. In a text write \\' for a quotation "
            "mark and \\n for a line break; at the end of typed text \\n presses enter.\n"
            + "\n".join(lines)
        )

    def _read(self, text: str) -> Action:
        rest = after_heading(after_thinking(text, _BEGINNINGS), HEADING, _NAME)
        name, arguments = _read_call(rest)
        match name:
            case "click" | "left_single" | "select":
                return Tap(point=self._point(name, arguments))
            case "left_double":
                return DoubleTap(point=self._point(name, arguments))
            case "long_press":
                return LongPress(point=self._point(name, arguments))
            case "hover":
                return Hover(point=self._point(name, arguments))
            case "scroll" if "end_box" not in arguments:
                point = self._point(name, arguments) if "start_box" in arguments else None
                direction = _need(name, arguments, "direction").strip().lower()
                return Scroll.model_validate({"direction": direction, "point": point})
            case "drag" | "scroll":
                start = self._point(name, arguments)
                return Swipe(start=start, end=self._point(name, arguments, "end_box"))
            case "type":
                return InputText(
                    text=_need(name, arguments, "content"),
                    point=self._point(name, arguments) if "start_box" in arguments else None,
                    clear=arguments.get("replace", "True") != "False",
                )
            case "hotkey" | "press":
                return PressKey(key=_shortcut(_need(name, arguments, "key")))
            case "press_home":
                return PressKey(key="home")
            case "press_back" | "navigate_back":
                return PressKey(key="back")
            case "open_app":
                return OpenApp(app=_need(name, arguments, "app_name"))
            case "navigate":
                return Navigate(url=_need(name, arguments, "content"))
            case "wait":
                return Wait()
            case "finished" if arguments.get("content"):
                return Answer(text=arguments["content"])
            case "finished" | "call_user":  # the latter where a task cannot be done
                return Finish(success=name == "finished")
        raise OutputError(f"no call {cut(name)!r}; one of {', '.join(TAKES)}")

    def _point(self, name: str, arguments: dict[str, str], argument: str = "start_box") -> Point:
        written = _need(name, arguments, argument)
        numbers = coordinates(written)
        if len(numbers) not in (2, 4):
            raise OutputError(f"{argument}: {cut(written)!r} is neither a point nor a box")
        # Of a box its middle; the first and the last two numbers of a point are the same.
        x, y = (numbers[0] + numbers[-2]) / 2, (numbers[1] + numbers[-1]) / 2
        if not (0 <= x <= self.width and 0 <= y <= self.height):
            raise OutputError(
                f"{argument}: outside the screen, (0,0) to ({self.width},{self.height})"
            )
        return (x / self.width, y / self.height)

    def _call(self, action: Action) -> str:
        match action:
            case Tap(point=point) if point is not None:
                return f"click(start_box={self._box(point)})"
            case DoubleTap(point=point) if point is not None:
                return f"left_double(start_box={self._box(point)})"
            case LongPress(point=point) if point is not None:
                return f"long_press(start_box={self._box(point)})"
            case Hover(point=point) if point is not None:
                return f"hover(start_box={self._box(point)})"
            case Swipe(start=start, end=end):
                return f"drag(start_box={self._box(start)}, end_box={self._box(end)})"
            case Scroll(element=None, point=point, direction=direction):
                where = "" if point is None else f"start_box={self._box(point)}, "
                return f"scroll({where}direction='{direction}')"
            case InputText():
                if action.element is not None or action.point is not None or not action.clear:
                    raise ConfigError(
                        f"{self.name} types into the focused field and replaces its text: "
                        "tap the field first, then type without a target"
                    )
                return f"type(content={_quoted(action.text)})"
            case PressKey(key="home" | "back"):
                return f"press_{action.key}()"
            case PressKey(key=key) if key != "recents":
                return f"hotkey(key={_quoted(_hotkey(key))})"
            case OpenApp(app=app):
                return f"open_app(app_name={_quoted(app)})"
            case Navigate(url=url):
                return f"navigate(content={_quoted(url)})"
            case Wait() if action == Wait():
                return "wait()"
            case Answer(text=text) if text:
                return f"finished(content={_quoted(text)})"
            case Finish(success=success):
                return "finished()" if success else "call_user()"
        if getattr(action, "element", None) is not None:
            raise ConfigError(
                f"{self.name} has no words for elements; give a point (see at_center)"
            )
        raise ConfigError(f"{self.name} has no words for this {action.type!r}")

    def _box(self, point: Point) -> str:
        return f"'({round(point[0] * self.width)},{round(point[1] * self.height)})'"


def _read_call(text: str) -> tuple[str, dict[str, str]]:
    """The name and the arguments of the call that the text begins with."""
    start = _CALL.match(text)
    if start is None:
        raise OutputError(f"no action in the output; write one like {EXAMPLE}")
    name, position = start[1], start.end()
    arguments: dict[str, str] = {}
    while (closed := _CLOSED.match(text, position)) is None:
        argument = _ARGUMENT.match(text, position)
        if argument is None:
            raise OutputError(f"{cut(name)}: write its arguments as name='value', then )")
        key = SAME_ARGUMENT.get(argument[1], argument[1])
        if key in arguments:
            raise OutputError(f"{cut(key)}: given twice")
        arguments[key], position = _read_value(text, argument.end())
    refuse_more(text, closed.end())
    unknown = [key for key in arguments if key not in TAKES.get(name, arguments)]
    if unknown:
        raise OutputError(f"{name}: has no argument {cut(unknown[0])!r}")
    return name, arguments


def _read_value(text: str, start: int) -> tuple[str, int]:
    if text[start : start + 1] in ("'", '"'):
        return read_quoted(text, start, _ENDING)
    value = _UNQUOTED.match(text, start)
    if value is None:
        raise OutputError(f"write a value such as 'text' in place of {cut(text[start:])!r}")
    return value[0], value.end()


def _need(name: str, arguments: dict[str, str], argument: str) -> str:
    if argument not in arguments:
        raise OutputError(f"{argument}: missing; {name} needs it")
    return arguments[argument]


def _shortcut(keys: str) -> str:
    names = re.split(r"[\s+]+", keys.strip().lower())
    return "+".join(KEY_ALIASES.get(name, name) for name in names)


def _hotkey(shortcut: str) -> str:
    modifiers, key = split_shortcut(shortcut)
    return " ".join(KEYS.get(name, name) for name in (*modifiers, key))


def _quoted(text: str) -> str:
    return quote(text, "'")


_AT = "start_box='(x,y)'"
_CALLS: dict[str, tuple[tuple[str, str], ...]] = {
    "tap": ((f"click({_AT})", "tap it"),),
    "long_press": ((f"long_press({_AT})", "press and hold it"),),
    "double_tap": ((f"left_double({_AT})", "tap it twice"),),
    "hover": ((f"hover({_AT})", "move the pointer there and leave it there"),),
    "swipe": ((f"drag({_AT}, end_box='(x,y)')", "drag from one point to another"),),
    "scroll": (
        (f"scroll({_AT}, direction='up')", "show what lies further up, down, left or right"),
    ),
    "input_text": (("type(content='...')", "type into the focused field, replacing its text"),),
    "press_key": (
        ("press_home()", "press home"),
        ("press_back()", "press back"),
        ("hotkey(key='ctrl c')", "press a key, or several together"),
    ),
    "open_app": (("open_app(app_name='...')", "open an app by its name"),),
    "navigate": (("navigate(content='https://...')", "open a URL"),),
    "wait": (("wait()", "let the device run for a while"),),
    "answer": (("finished(content='...')", "answer the question of the goal; ends the episode"),),
    "finish": (
        ("finished()", "the task is done; ends the episode"),
        ("call_user()", "the task cannot be done; ends the episode"),
    ),
}
"""Our action type -> the calls for it, and what each does."""
