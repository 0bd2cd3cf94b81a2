"""The spaces follow from the action models, and convert both ways."""

from __future__ import annotations

import io

import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from agentenv.actions import (
    ACTION_MODELS,
    BROWSER_ACTIONS,
    Action,
    Answer,
    AskUser,
    ChooseFile,
    Drag,
    Finish,
    Hover,
    InputText,
    Invalid,
    PressKey,
    ReadProfile,
    Scroll,
    Swipe,
    Tap,
    Wait,
)
from agentenv.devices.base import DeviceFeatures
from agentenv.errors import ConfigError
from agentenv.observations import Observation, UIElement
from agentenv.shortcuts import SHORTCUTS
from agentenv.spaces import (
    MAX_TEXT,
    SAMPLED_LENGTH,
    Unicode,
    action_space,
    decode_action,
    encode_action,
    encode_observation,
    observation_space,
)

ALL = tuple(ACTION_MODELS)


@pytest.mark.parametrize("action_types", [ALL, BROWSER_ACTIONS, ("tap",), ("press_key", "wait")])
def test_every_sample_is_a_valid_action_and_encodes_back(action_types: tuple[str, ...]) -> None:
    space = action_space(action_types)
    space.seed(0)
    seen = set()
    for _ in range(200):
        action = decode_action(space.sample(), action_types)
        assert not isinstance(action, Invalid), action.reason
        sample = encode_action(action, action_types)
        assert space.contains(sample)
        assert decode_action(sample, action_types) == action
        seen.add(action.type)
    assert seen == set(action_types)


@pytest.mark.parametrize(
    "action",
    [
        Tap(element=3, label="Ok"),
        Tap(point=(0.1, 1.0)),
        Swipe(start=(0.123456789, 0.0), end=(1.0, 0.5)),
        Scroll(direction="left"),
        Scroll(direction="down", element=0),
        InputText(text='a, "b"\n日本 😀', point=(0.5, 0.5), clear=False),
        InputText(text=""),
        PressKey(key="page_down"),
        PressKey(key="ctrl+alt+shift+meta+`"),
        Hover(element=0),
        Drag(element=0, to_point=(0.25, 0.75), to_label="Bin"),
        Drag(point=(0.25, 0.75), label="Card", to_element=0),
        ChooseFile(name="a b.pdf"),
        ChooseFile(name="", element=0),
        ReadProfile(key="phone, mobile"),
        Wait(seconds=0.25),
        Answer(text="x" * 10_000),
        Finish(success=False),
        AskUser(question="Which?", options=("a", "b, c")),
    ],
)
def test_an_action_survives_encoding(action: Action) -> None:
    assert decode_action(encode_action(action, ALL), ALL) == action


def test_the_space_has_a_kind_for_every_field() -> None:
    space = action_space(BROWSER_ACTIONS)
    assert space["type"] == spaces.Discrete(len(BROWSER_ACTIONS))
    assert space["element"] == spaces.Discrete(10_000)
    assert space["point"] == spaces.Box(0.0, 1.0, (2,), np.float64)
    assert space["direction"] == spaces.Discrete(4)
    assert space["text"] == Unicode(10_000)
    assert space["key"] == spaces.Discrete(len(SHORTCUTS))
    assert space["to_element"] == spaces.Discrete(10_000)
    assert {"has_target", "to_target"}.isdisjoint(action_space(("tap", "swipe")).spaces)
    assert "has_target" not in action_space(("drag", "wait")).spaces


def test_a_field_that_means_two_things_has_two_entries() -> None:
    space = action_space(("press_key", "read_profile"))
    assert isinstance(space["key"], spaces.Discrete)
    assert isinstance(space["read_profile.key"], Unicode)


@pytest.mark.parametrize(
    "change",
    [
        {"type": np.int64(-1)},
        {"type": np.int64(99)},
        {"element": np.int64(-1)},
        {"point": np.array([0.0, 1.5])},
        {"point": np.array([np.nan, 0.5])},
        {"text": 5},
        {"text": "x" * 10_001},
    ],
)
def test_what_is_outside_the_space_decodes_to_invalid(change: dict[str, object]) -> None:
    sample = {**encode_action(Tap(element=1), BROWSER_ACTIONS), **change}
    action = decode_action(sample, BROWSER_ACTIONS)
    assert isinstance(action, Invalid)
    assert next(iter(change)) in action.reason


def test_missing_entries_and_surrogates_decode_to_invalid() -> None:
    assert isinstance(decode_action({}, BROWSER_ACTIONS), Invalid)
    sample = {**encode_action(Answer(text=""), BROWSER_ACTIONS), "text": "\ud800"}
    assert isinstance(decode_action(sample, BROWSER_ACTIONS), Invalid)


def test_unknown_types_are_refused() -> None:
    with pytest.raises(ConfigError, match="fly"):
        action_space(("tap", "fly"))
    with pytest.raises(ConfigError):
        action_space(())
    with pytest.raises(ConfigError, match="navigate"):
        encode_action(Tap(element=1), ("navigate",))


@given(st.text(max_size=200))
def test_unicode_contains_any_text(text: str) -> None:
    assert Unicode(200).contains(text)
    assert text in Unicode(len(text))


def test_unicode_bounds_the_length() -> None:
    assert "abc" not in Unicode(2)
    assert "" not in Unicode(2, min_length=1)
    assert not Unicode(2).contains(5)


def test_unicode_samples_are_seeded_short_and_contained() -> None:
    first, second = Unicode(10_000, seed=3), Unicode(10_000, seed=3)
    samples = [first.sample() for _ in range(50)]
    assert samples == [second.sample() for _ in range(50)]
    assert len(set(samples)) > 30
    assert all(sample in first and len(sample) <= SAMPLED_LENGTH for sample in samples)
    assert any(not sample.isascii() for sample in samples)
    assert len(first.sample(mask=(100, None))) == 100


def test_an_encoded_observation_is_in_the_space() -> None:
    features = DeviceFeatures(kind="browser", height=20, width=10, action_types=BROWSER_ACTIONS)
    picture = io.BytesIO()
    Image.new("RGB", (10, 20), (255, 0, 0)).save(picture, "PNG")
    far = UIElement(index=0, role="text", name="n" * 20_000, bounds=(-1e9, 0, 1e9, 2))
    button = UIElement(
        index=1, role="button", name="Ok 😀", bounds=(0.1, 0.2, 0.3, 0.4), clickable=True
    )
    observation = Observation(
        png=picture.getvalue(),
        elements=(far, button),
        location="https://example.org/",
        goal="Press Ok",
        step=4,
        last_action_error="no element 7",
        messages=("alert: Saved",),
    )
    encoded = encode_observation(observation)
    assert observation_space(features).contains(encoded)
    assert encoded["screenshot"][0, 0].tolist() == [255, 0, 0]
    assert encoded["elements"][1]["name"] == "Ok 😀"
    assert encoded["elements"][1]["clickable"] == 1
    assert encoded["messages"] == ("alert: Saved",)
    assert len(encoded["elements"][0]["name"]) == MAX_TEXT
    encoded["screenshot"][:] = 0
    assert observation.screenshot.max() == 255


def test_observation_space_samples_are_contained() -> None:
    features = DeviceFeatures(kind="browser", height=4, width=4, action_types=BROWSER_ACTIONS)
    space = observation_space(features)
    space.seed(0)
    assert space.contains(space.sample())
