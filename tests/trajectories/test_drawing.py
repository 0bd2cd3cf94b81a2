from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from agentenv.actions import (
    ACTION_ADAPTER,
    ACTION_MODELS,
    Action,
    Finish,
    InputText,
    Invalid,
    PressKey,
    Scroll,
    Swipe,
    Tap,
)
from agentenv.observations import UIElement
from agentenv.trajectories.drawing import ACCENT, Candidate, annotate, value_colours
from agentenv.trajectories.marks import describe, mark_of

from .factories import actions, elements, make_png

BUTTON = UIElement(3, "button", "Submit", (0.2, 0.4, 0.6, 0.6))
FIELD = UIElement(4, "textbox", "Name", (0.0, 0.0, 1.0, 0.2), focused=True)


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def test_a_tap_on_an_element_is_marked_in_its_middle() -> None:
    mark = mark_of(Tap(element=3), [BUTTON, FIELD])
    assert (mark.kind, mark.start, mark.bounds) == ("point", (0.4, 0.5), BUTTON.bounds)


def test_what_the_device_really_did_decides_the_place() -> None:
    mark = mark_of(Tap(element=3), [BUTTON], sent=Tap(point=(0.25, 0.55)))
    assert mark.start == (0.25, 0.55)


def test_typing_without_a_target_goes_to_the_focused_field() -> None:
    mark = mark_of(InputText(text="Ada"), [BUTTON, FIELD])
    assert (mark.kind, mark.start, mark.text) == ("text", (0.5, 0.1), "“Ada”")


def test_a_scroll_is_an_arrow_towards_what_will_be_shown() -> None:
    mark = mark_of(Scroll(direction="down", point=(0.5, 1.0)))
    assert mark.start is not None
    assert mark.end is not None
    assert mark.start[1] < mark.end[1] <= 1.0


@pytest.mark.parametrize(
    "action", [PressKey(key="enter"), Finish(), Tap(element=99), Invalid(reason="not JSON")]
)
def test_actions_without_a_place_become_captions(action: Action) -> None:
    mark = mark_of(action, [BUTTON])
    assert (mark.kind, mark.start) == ("note", None)
    assert mark.text == describe(action)


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (Tap(element=3, label="Submit"), "tap “Submit” [3]"),
        (Swipe(start=(0.5, 0.8), end=(0.5, 0.2)), "swipe (0.50, 0.80) → (0.50, 0.20)"),
        (Scroll(direction="up"), "scroll up"),
        (InputText(text="a, b", element=4), "type “a, b” into [4]"),
        (InputText(text="c", clear=False), "append “c”"),
        (Finish(success=False), "give up"),
    ],
)
def test_actions_read_as_a_few_words(action: Action, words: str) -> None:
    assert describe(action) == words


def test_every_action_of_the_vocabulary_has_words() -> None:
    fields: dict[str, dict[str, object]] = {
        "tap": {"element": 0},
        "long_press": {"element": 0},
        "double_tap": {"element": 0},
        "hover": {"element": 0},
        "swipe": {"start": (0, 0), "end": (1, 1)},
        "drag": {"element": 0, "to_element": 1},
        "choose_file": {"name": "a.pdf"},
        "scroll": {"direction": "up"},
        "input_text": {"text": "x"},
        "press_key": {"key": "back"},
        "open_app": {"app": "Mail"},
        "navigate": {"url": "https://example.org"},
        "answer": {"text": "42"},
        "request_permission": {"permission": "read_data", "resource": "contacts"},
        "read_profile": {"key": "name"},
        "save_profile": {"key": "name", "value": "Ada"},
        "ask_user": {"question": "Which?"},
    }
    for name, model in ACTION_MODELS.items():
        action = ACTION_ADAPTER.validate_python({"type": name, **fields.get(name, {})})
        assert isinstance(action, model)
        words = describe(action)
        assert words
        assert "_" not in words


def test_the_marker_covers_the_point_and_leaves_the_rest_alone() -> None:
    plain = pixels(annotate(make_png(100, 100), None))
    marked = pixels(annotate(make_png(100, 100), Tap(point=(0.25, 0.75))))
    height, width = plain.shape[:2]
    assert tuple(marked[int(0.75 * height), int(0.25 * width)]) == ACCENT
    changed = np.argwhere((plain != marked).any(axis=2)) / (height, width)
    assert np.abs(changed - (0.75, 0.25)).max() < 0.1


def test_small_screenshots_are_enlarged_and_large_ones_kept() -> None:
    assert pixels(annotate(make_png(160, 210), None)).shape == (630, 480, 3)
    assert pixels(annotate(make_png(800, 600), None)).shape == (600, 800, 3)


def test_candidates_are_coloured_by_value() -> None:
    worst, middle, best = value_colours([-1.0, 0.0, 1.0])
    assert value_colours([-1.0, 1.0]) == [worst, best]
    assert len({worst, middle, best}) == 3
    assert value_colours([0.3, 0.3]) == [best, best]
    assert value_colours([]) == []
    candidates = [
        Candidate(Tap(point=(0.2, 0.8)), 1.0, 1),
        Candidate(Tap(point=(0.8, 0.8)), -1.0, 2),
        Candidate(Finish(), 0.0, 3),
    ]
    picture = pixels(annotate(make_png(100, 100), None, candidates=candidates))
    height, width = picture.shape[:2]
    row = int(0.8 * height)
    left_of_the_digit = [tuple(picture[row, int(x * width) - 7]) for x in (0.2, 0.8)]
    assert left_of_the_digit == [best, worst]


@settings(max_examples=40, deadline=None)
@given(actions, st.lists(elements, max_size=3), st.none() | actions)
def test_any_action_can_be_drawn(
    action: Action, shown: list[UIElement], sent: Action | None
) -> None:
    candidates = [Candidate(action, 0.5, 1), Candidate(sent or action, 0.1, 12)]
    picture = annotate(make_png(), action, elements=shown, sent=sent, candidates=candidates)
    assert pixels(picture).shape[2] == 3
