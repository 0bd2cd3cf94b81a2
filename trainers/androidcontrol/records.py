"""AndroidControl (arXiv 2406.03679) as it is published: GZIP TFRecord files of episodes.

Read without TensorFlow, by `tfrecord`. The accessibility forests inside are protocol buffers of
`android_env`, of whose messages only what is shown here is declared.
"""

from __future__ import annotations

import json
import logging
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from agentenv.actions import (
    Action,
    InputText,
    LongPress,
    OpenApp,
    Point,
    PressKey,
    Scroll,
    Tap,
    Wait,
)
from agentenv.devices.android.tree import parse_tree, quoted
from agentenv.errors import ConfigError, DeviceError, StoreError
from agentenv.observations import Observation, UIElement

logger = logging.getLogger(__name__)
GZIP = b"\x1f\x8b"
# The last two are of a length that no record has.
_DAMAGED = (RuntimeError, EOFError, OSError, zlib.error, OverflowError, MemoryError)


@dataclass(frozen=True)
class Demonstration:
    """One episode."""

    episode: int
    goal: str
    instructions: tuple[str, ...]
    """What each step is to do, in words."""
    screens: tuple[Observation, ...]
    """Before each action; the goal is the episode's."""
    actions: tuple[Action, ...]


def demonstrations(folder: Path, wanted: set[int] | None = None) -> Iterator[Demonstration]:
    """The episodes of all files of a folder, file by file.

    Args:
        folder: with files named ``android_control-00000-of-00020`` and so on.
        wanted: ids of the episodes to read; None reads all.

    Raises:
        ConfigError: there are no such files, or `tfrecord` is not installed.
        StoreError: a file is damaged.
    """
    if find_spec("tfrecord") is None:
        raise ConfigError(
            "AndroidControl's files need a reader: pip install 'agentenv[androidcontrol]'"
        )
    files = sorted(path for path in folder.glob("android_control*") if path.suffix != ".json")
    if not files:
        raise ConfigError(f"{folder} holds no files named android_control-*; download them there")
    for path in files:
        for number, features in enumerate(_records(path)):
            try:
                if wanted is not None and int(features["episode_id"][0]) not in wanted:
                    continue
                yield _demonstration(features)
            except (KeyError, IndexError, TypeError, ValueError) as error:
                raise StoreError(
                    f"{path}, episode {number} of the file: it is no AndroidControl episode "
                    f"({error!r:.200}); download the file again"
                ) from error


def _records(path: Path) -> Iterator[dict[str, Any]]:
    """Name -> list of values of each record."""
    from google.protobuf.message import DecodeError
    from tfrecord.example_pb2 import Example
    from tfrecord.reader import tfrecord_iterator

    with path.open("rb") as file:
        if file.read(2) != GZIP:
            raise StoreError(f"{path} is no GZIP TFRecord file, as it is published; download it")
    try:
        # Gzip's own checksum is compared before the first record comes.
        for record in tfrecord_iterator(str(path), compression_type="gzip"):
            features = Example.FromString(bytes(record)).features.feature
            yield {
                name: list(getattr(feature, feature.WhichOneof("kind")).value)
                for name, feature in features.items()
                if feature.WhichOneof("kind")
            }
    except (*_DAMAGED, DecodeError) as error:
        raise StoreError(f"{path} is damaged: {error}; download it again") from error


def _demonstration(features: Mapping[str, list[Any]]) -> Demonstration:
    goal = _text(features["goal"][0])
    actions = [json.loads(_text(action)) for action in features["actions"]]
    sizes = list(zip(features["screenshot_widths"], features["screenshot_heights"], strict=True))
    # The screen after the last action is not answered.
    if not len(features["screenshots"]) == len(sizes) == len(actions) + 1:
        raise ValueError(f"{len(features['screenshots'])} screens and {len(actions)} actions")
    instructions = tuple(_text(words) for words in features["step_instructions"])
    if len(instructions) != len(actions):
        raise ValueError(f"{len(instructions)} instructions and {len(actions)} actions")
    forests = features.get("accessibility_trees", [])
    screens = tuple(
        Observation(
            bytes(features["screenshots"][step]),
            _elements(forests[step], *sizes[step]) if step < len(forests) else (),
            "android",
            goal=goal,
            step=step,
        )
        for step in range(len(actions))
    )
    done = tuple(_action(action, size) for action, size in zip(actions, sizes, strict=False))
    return Demonstration(int(features["episode_id"][0]), goal, instructions, screens, done)


def _text(value: bytes) -> str:
    return bytes(value).decode("utf-8", "replace")


def _action(action: Mapping[str, Any], size: tuple[int, int]) -> Action:
    """In our vocabulary.

    Raises:
        ValueError: AndroidControl has no such action.
    """

    def point() -> Point:
        x, y = float(action["x"]) / size[0], float(action["y"]) / size[1]
        return (min(max(x, 0.0), 1.0), min(max(y, 0.0), 1.0))

    made: dict[str, Callable[[], Action]] = {
        "click": lambda: Tap(point=point()),
        "long_press": lambda: LongPress(point=point()),
        "scroll": lambda: Scroll(direction=action["direction"]),
        "open_app": lambda: OpenApp(app=action["app_name"]),
        "type": lambda: InputText(text=action["text"], point=point()),
        "input_text": lambda: InputText(text=action["text"]),
        "navigate_home": lambda: PressKey(key="home"),
        "navigate_back": lambda: PressKey(key="back"),
        "wait": lambda: Wait(),
    }
    if action["action_type"] not in made:
        raise ValueError(f"unknown action {action['action_type']!r}")
    try:
        return made[action["action_type"]]()
    except ValidationError as error:
        raise ValueError(f"the action {dict(action)} is not valid") from error


def _elements(forest: bytes, width: int, height: int) -> tuple[UIElement, ...]:
    """What a person would recognise on the screen; nothing if the tree cannot be read."""
    from google.protobuf.message import DecodeError

    try:
        return parse_tree(_as_xml(_forest_type().FromString(bytes(forest))), width, height)
    except (DecodeError, DeviceError) as error:
        logger.warning("a screen without elements: %s", error)
        return ()


def _as_xml(forest: Any) -> str:
    """As ``uiautomator dump`` would have written it."""
    parts = ["<hierarchy>"]
    for window in forest.windows:
        nodes = {node.unique_id: node for node in window.tree.nodes}
        children = {child for node in nodes.values() for child in node.child_ids}
        # From a stack, because trees may be deep; a node that is met again ends there.
        todo: list[int | None] = [name for name in reversed(nodes) if name not in children]
        while todo:
            name = todo.pop()
            node = None if name is None else nodes.pop(name, None)
            if name is None:
                parts.append("</node>")
            elif node is not None:
                parts.append(_node(node))
                todo += [None, *reversed(node.child_ids)]
    return "".join([*parts, "</hierarchy>"])


def _node(node: Any) -> str:
    box = node.bounds_in_screen
    attributes = {
        "class": node.class_name,
        "text": node.text,
        "content-desc": node.content_description,
        "hint": node.hint_text,
        "resource-id": node.view_id_resource_name,
        "bounds": f"[{box.left},{box.top}][{box.right},{box.bottom}]",
        "checkable": node.is_checkable,
        "checked": node.is_checked,
        "clickable": node.is_clickable,
        "editable": node.is_editable,
        "enabled": node.is_enabled,
        "focused": node.is_focused,
        "long-clickable": node.is_long_clickable,
        "password": node.is_password,
        "scrollable": node.is_scrollable,
        "selected": node.is_selected,
        "visible-to-user": node.is_visible_to_user,
    }
    return f"<node {' '.join(f'{name}={quoted(value)}' for name, value in attributes.items())}>"


@cache
def _forest_type() -> Any:
    """The message class of a forest, with the fields that are read; others are skipped."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="agentenv_android_forest.proto", package="agentenv_android", syntax="proto3"
    )
    for message, fields in _MESSAGES.items():
        made = file.message_type.add(name=message)
        for number, (name, kind) in fields.items():
            field = made.field.add(name=name.removesuffix("[]"), number=number)
            repeated = name.endswith("[]")
            field.label = kinds.LABEL_REPEATED if repeated else kinds.LABEL_OPTIONAL
            field.type = getattr(kinds, f"TYPE_{kind.upper()}", kinds.TYPE_MESSAGE)
            if kind in _MESSAGES:
                field.type_name = f".agentenv_android.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = pool.FindMessageTypeByName("agentenv_android.Forest")
    return message_factory.GetMessageClass(found)


_MESSAGES: dict[str, dict[int, tuple[str, str]]] = {
    "Rect": {1: ("left", "int32"), 2: ("top", "int32"), 3: ("right", "int32"),
             4: ("bottom", "int32")},
    "Node": {
        1: ("unique_id", "int32"),
        2: ("bounds_in_screen", "Rect"),
        3: ("class_name", "string"),
        4: ("content_description", "string"),
        5: ("hint_text", "string"),
        7: ("text", "string"),
        10: ("view_id_resource_name", "string"),
        12: ("is_checkable", "bool"),
        13: ("is_checked", "bool"),
        14: ("is_clickable", "bool"),
        15: ("is_editable", "bool"),
        16: ("is_enabled", "bool"),
        18: ("is_focused", "bool"),
        19: ("is_long_clickable", "bool"),
        20: ("is_password", "bool"),
        21: ("is_scrollable", "bool"),
        22: ("is_selected", "bool"),
        23: ("is_visible_to_user", "bool"),
        25: ("child_ids[]", "int32"),
    },
    "Tree": {1: ("nodes[]", "Node")},
    "Window": {11: ("tree", "Tree")},
    "Forest": {1: ("windows[]", "Window")},
}  # fmt: skip
"""Message -> number -> (field, type), as `android_env` numbers them."""
