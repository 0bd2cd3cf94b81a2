"""A policy behind an API: what it is asked, what it answers, and what is kept of it."""

from __future__ import annotations

import base64
import hashlib
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agentenv import endpoints
from agentenv.actions import Tap
from agentenv.errors import ConfigError, DeviceError
from agentenv.observations import Observation
from agentenv.policies.base import Egress, Hidden, History
from agentenv.policies.endpoint import EndpointPolicy, Redacted
from agentenv.policies.loading import load_policy
from agentenv.tasks import get_task
from agentenv.trajectories.store import TrajectoryStore, TrajectoryWriter
from tests.endpoints import endpoint, says
from tests.trajectories.factories import make_episode


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(endpoints.persistently, "__kwdefaults__", {"pause": lambda seconds: None})


def history(goal: str = "Tap ONE") -> History:
    seen = make_episode().steps[0].observation
    return History(replace(seen, goal=goal), instance="shop/buy/test/0")


def policy_at(url: str, **fields: Any) -> EndpointPolicy:
    return EndpointPolicy(f"{url}#small", action_types=("tap", "finish"), **fields)


TAP = '{"type": "tap", "element": 0}'


def test_the_model_is_shown_the_screen_and_answers_with_an_action(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AGENTENV_API_KEY", "secret")
    with endpoint(lambda question: (200, says(TAP))) as served:
        policy = policy_at(served.url, temperature=0.5, seed=7)
        decisions = policy.act([history(), history("Tap TWO")])
    assert [one.action for one in decisions] == [Tap(element=0)] * 2
    goals = sorted(one["messages"][0]["content"][0]["text"] for one in served.asked)
    assert ["Tap ONE" in goals[0], "Tap TWO" in goals[1]] == [True, True]
    asked = served.asked[0]
    assert (asked["model"], asked["temperature"], asked["seed"]) == ("small", 0.5, 7)
    assert {one["Authorization"] for one in served.headers} == {"Bearer secret"}
    assert policy.act([]) == []


def test_what_left_is_kept_with_the_step_and_in_the_store(tmp_path: Path) -> None:
    with endpoint(lambda question: (200, says(TAP))) as served:
        (decision,) = policy_at(served.url).act([history()])
    address = served.asked[0]["messages"][0]["content"][1]["image_url"]["url"]
    sent = base64.b64decode(address.partition(",")[2])
    host = served.url.removeprefix("http://").removesuffix("/v1")
    assert decision.egress == Egress(host, hashlib.sha256(sent).hexdigest())
    egress = replace(decision.egress, hidden=(Hidden("phone", (0.1, 0.2, 0.3, 0.4)),))
    episode = make_episode()
    steps = (replace(episode.steps[0], egress=egress), *episode.steps[1:])
    with TrajectoryWriter(tmp_path / "s", policy="p", suite="shop", seed=0) as writer:
        writer.append(replace(episode, steps=steps))
    (stored,) = TrajectoryStore(tmp_path / "s").episodes()
    assert [one.egress for one in stored.steps] == [egress] + [None] * (len(steps) - 1)


def test_only_what_was_redacted_leaves_and_the_log_says_what_was_hidden(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def redact(past: History) -> Redacted:
        seen: Observation = replace(past.observation, png=b"painted", elements=())
        return Redacted(seen, (Hidden("phone", (0, 0, 1, 1)), Hidden("card", (0, 0, 1, 1))))

    with (
        endpoint(lambda question: (200, says(TAP))) as served,
        caplog.at_level(logging.INFO, logger="agentenv"),
    ):
        policy = policy_at(served.url, redact=redact)
        decisions = [policy.act([history()])[0] for _ in range(2)]
    assert caplog.messages == ["shop/buy/test/0, step 0: redacted card, phone"]
    text, image = served.asked[0]["messages"][0]["content"]
    assert "ONE" not in text["text"].replace("Tap ONE", "")
    assert image["image_url"]["url"].endswith(base64.b64encode(b"painted").decode())
    assert decisions[0].egress == decisions[1].egress
    assert policy.version.endswith("-redacted")


def test_an_answer_that_is_no_action_is_the_agents_fault_and_silence_is_not() -> None:
    with endpoint(lambda question: (200, says("I would tap it."))) as served:
        (decision,) = policy_at(served.url).act([history()])
        assert decision.action.type == "invalid"
    with endpoint(lambda question: (503, "busy")) as served:
        with pytest.raises(DeviceError, match="the model failed 4 times, last: HTTP 503: busy"):
            policy_at(served.url).act([history()])
        assert len(served.asked) == 4
    with (
        endpoint(lambda question: (401, "no key")) as served,
        pytest.raises(DeviceError, match="refuses: HTTP 401: no key"),
    ):
        policy_at(served.url).act([history()])


def test_a_policy_is_an_endpoint_by_its_address() -> None:
    name = "phone/restaurants-book-table"
    tasks = {name: get_task(name)}
    policy = load_policy("http://127.0.0.1:9/v1#m", tasks)
    assert isinstance(policy, EndpointPolicy)
    assert {"read_profile", "finish"} <= set(policy._action_types)
    with pytest.raises(ConfigError, match=r"the model's name there, as http://"):
        load_policy("http://127.0.0.1:9/v1", tasks)
    with pytest.raises(ConfigError, match="nothing to redact"):
        load_policy("random", tasks, redact=lambda past: Redacted(past.observation, ()))
