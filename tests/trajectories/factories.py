"""Episodes made by hypothesis, and realistic ones drawn with Pillow."""

from __future__ import annotations

import io

from hypothesis import strategies as st
from PIL import Image, ImageDraw

from agentenv.actions import (
    AskUser,
    Finish,
    InputText,
    Invalid,
    Scroll,
    Swipe,
    Tap,
    Wait,
)
from agentenv.observations import Observation, UIElement
from agentenv.trajectories.episode import Episode, Step

# What UTF-8 can carry; lone surrogates have a test of their own.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
numbers = st.floats(allow_nan=False, allow_infinity=False)
fractions = st.floats(0.0, 1.0)
points = st.tuples(fractions, fractions)
indices = st.integers(0, 9_999)

actions = st.one_of(
    st.builds(Tap, element=indices, label=texts),
    st.builds(Tap, point=points),
    st.builds(Swipe, start=points, end=points),
    st.builds(Scroll, direction=st.sampled_from(["up", "left"]), point=points),
    st.builds(InputText, text=st.text(max_size=12), clear=st.booleans()),
    st.builds(Wait, seconds=st.floats(0.0, 60.0)),
    st.builds(AskUser, question=texts, options=st.lists(texts, max_size=3).map(tuple)),
    st.builds(Finish, success=st.booleans()),
    st.builds(Invalid, reason=texts, raw=st.text(max_size=12)),
)
elements = st.builds(
    UIElement,
    index=indices,
    role=texts,
    name=texts,
    bounds=st.tuples(numbers, numbers, numbers, numbers),
    value=texts,
    description=texts,
    resource_id=texts,
    clickable=st.booleans(),
    checked=st.booleans(),
    enabled=st.booleans(),
)
observations = st.builds(
    Observation,
    png=st.binary(max_size=40),
    elements=st.lists(elements, max_size=3).map(tuple),
    location=texts,
    goal=texts,
    step=st.integers(0, 1000),
    last_action_error=texts,
    messages=st.lists(texts, max_size=2).map(tuple),
)
steps = st.builds(
    Step,
    observation=observations,
    text=texts,
    action=actions,
    sent=st.none() | actions,
    reward=numbers,
    token_ids=st.lists(st.integers(0, 2**40), max_size=4).map(tuple),
    log_probs=st.lists(numbers, max_size=4).map(tuple),
    actor=texts,
)
episodes = st.builds(
    Episode,
    task=texts,
    split=st.sampled_from(["train", "validation", "test"]),
    index=st.integers(0, 2**31 - 1),
    policy=texts,
    policy_version=texts,
    steps=st.lists(steps, max_size=3).map(tuple),
    final_observation=st.none() | observations,
    terminated=st.booleans(),
    truncated=st.booleans(),
    attempt=st.integers(0, 100),
    infra_error=texts,
    raw_reward=st.none() | numbers,
    after=texts,
)


def make_png(width: int = 40, height: int = 60, text: str = "") -> bytes:
    """A small screenshot with one button in it."""
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((5, 5, width - 5, 20), fill="steelblue")
    draw.text((8, 30), text, fill="black")
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def make_episode(
    index: int = 0,
    *,
    task: str = "miniwob/click-test-2",
    reward: float = 1.0,
    goal: str = "Click button ONE.",
    infra_error: str = "",
    attempt: int = 0,
    length: int = 2,
) -> Episode:
    """An episode of `length` taps, the last of which earns `reward`."""
    button = UIElement(0, "button", "ONE", (0.1, 0.1, 0.9, 0.3), clickable=True)
    seen = [
        Observation(make_png(text=str(step)), (button,), "about:blank", goal, step)
        for step in range(length + 1)
    ]
    taken = tuple(
        Step(
            observation=seen[step],
            text='{"type": "tap", "element": 0}',
            action=Tap(element=0, label="ONE"),
            sent=Tap(point=(0.5, 0.2), label="ONE"),
            reward=reward if step == length - 1 else 0.0,
            token_ids=(1, 2, 3),
            log_probs=(-0.1, -0.25, -0.5),
        )
        for step in range(length)
    )
    return Episode(
        task=task,
        split="test",
        index=index,
        policy="oracle",
        policy_version="1",
        steps=taken,
        final_observation=None if infra_error else seen[-1],
        terminated=not infra_error,
        truncated=bool(infra_error),
        attempt=attempt,
        infra_error=infra_error,
    )
