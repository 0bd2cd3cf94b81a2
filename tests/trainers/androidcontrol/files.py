"""Tiny files in AndroidControl's format."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from tfrecord.writer import TFRecordWriter

from trainers.androidcontrol import records

WIDTH, HEIGHT = 108, 240
OK = (10, 20, 60, 40)
"""Bounds of the button "Ok", in pixels: left, top, right, bottom."""
ACTIONS: list[dict[str, Any]] = [
    {"action_type": "open_app", "app_name": "Notes"},
    {"action_type": "click", "x": 20, "y": 30},
    {"action_type": "input_text", "text": "Buy milk"},
    {"action_type": "scroll", "direction": "down"},
    {"action_type": "navigate_back"},
]


def forest() -> bytes:
    """A window with a button in a frame, and a hidden one."""
    made = records._forest_type()()
    nodes = made.windows.add().tree.nodes
    frame, button, hidden = nodes.add(), nodes.add(), nodes.add()
    frame.unique_id, frame.class_name = 0, "android.widget.FrameLayout"
    frame.child_ids.extend([1, 2])
    _put(frame, (0, 0, WIDTH, HEIGHT))
    for number, node in ((1, button), (2, hidden)):
        node.unique_id, node.class_name = number, "android.widget.Button"
        node.text, node.is_clickable, node.is_enabled = 'Ok "<&', True, True
        _put(node, OK)
    frame.is_visible_to_user = button.is_visible_to_user = True
    content: bytes = made.SerializeToString()
    return content


def _put(node: Any, box: tuple[int, int, int, int]) -> None:
    node.bounds_in_screen.left, node.bounds_in_screen.top = box[:2]
    node.bounds_in_screen.right, node.bounds_in_screen.bottom = box[2:]


def episode(number: int, actions: Sequence[dict[str, Any]] = ACTIONS) -> dict[str, Any]:
    """The features of one episode."""
    picture = io.BytesIO()
    Image.new("RGB", (WIDTH, HEIGHT), (200, 220, 240)).save(picture, "PNG")
    screens = len(actions) + 1
    return {
        "episode_id": ([number], "int"),
        "goal": ([b"Write a note"], "byte"),
        "screenshots": ([picture.getvalue()] * screens, "byte"),
        "accessibility_trees": ([forest()] * screens, "byte"),
        "screenshot_widths": ([WIDTH] * screens, "int"),
        "screenshot_heights": ([HEIGHT] * screens, "int"),
        "actions": ([json.dumps(action).encode() for action in actions], "byte"),
        "step_instructions": (
            [f"Do step {step}".encode() for step in range(len(actions))],
            "byte",
        ),
    }


def write(folder: Path, shards: Sequence[Sequence[dict[str, Any]]]) -> Path:
    """Files of these episodes, with two splits: 0 is for training, the others for testing."""
    folder.mkdir(parents=True, exist_ok=True)
    ids = [int(one["episode_id"][0][0]) for shard in shards for one in shard]
    for number, shard in enumerate(shards):
        path = folder / f"android_control-{number:05d}-of-{len(shards):05d}"
        writer = TFRecordWriter(str(path))
        for one in shard:
            writer.write(one)
        writer.close()
        path.write_bytes(gzip.compress(path.read_bytes()))
    (folder / "splits.json").write_text(json.dumps({"train": [0], "test": ids[1:]}))
    (folder / "test_subsplits.json").write_text(json.dumps({"app_unseen": ids[1:2]}))
    return folder
