from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from agentenv.actions import Tap
from agentenv.env import DeviceEnv
from agentenv.errors import ConfigError
from agentenv.live import LiveView
from tests.fakes import FakeDevice, PressTask

from .sessions import ask, running


def act(url: str, screen: int, **action: Any) -> tuple[int, bytes]:
    return ask(url, "order", {"order": "act", "screen": screen, "action": action})


def test_nothing_is_answered_without_the_token() -> None:
    with running() as session:
        url = session.view.url
        assert ask(url)[0] == 200
        for path in ("", "events", "screen/0/1"):
            assert ask(url, path, token="guess")[0] == 403
        assert ask(url, "order", {"order": "pause"}, token="guess")[0] == 403
        assert not session.view.board.paused


def test_another_name_for_this_machine_is_refused() -> None:
    with running() as session:
        url = session.view.url
        assert ask(url, Host=f"evil.example:{urlsplit(url).port}")[0] == 403
        assert ask(url, Host="localhost:8000")[0] == 200  # a port forwarded over SSH


def test_another_site_cannot_give_orders() -> None:
    with running() as session:
        url, order = session.view.url, {"order": "pause"}
        assert ask(url, "order", order, Origin="https://evil.example")[0] == 403
        assert ask(url, "order", order, **{"Content-Type": "text/plain"})[0] == 400
        assert not session.view.board.paused
        own = url.removesuffix("/").rpartition("/")[0]
        assert ask(url, "order", order, Origin=own)[0] == 200
        assert session.view.board.paused


@pytest.mark.parametrize(
    "order",
    [
        {},
        [],
        {"order": "explode"},
        {"order": "speed", "seconds": -1},
        {"order": "speed", "seconds": 1e9},
        {"order": "act", "action": {"type": "tap"}},
        {"order": "pause", "more": 1},
    ],
)
def test_what_is_no_order_is_refused_with_the_reason(order: Any) -> None:
    with running() as session:
        status, content = ask(session.view.url, "order", order)
        assert status == 400
        assert json.loads(content)["error"]


def test_a_huge_order_is_not_read() -> None:
    with running() as session:
        assert ask(session.view.url, "order", {"order": "x" * 100_000})[0] == 400


def test_an_action_on_a_screen_that_has_changed_is_refused() -> None:
    with running() as session:
        screen = session.state("yours")["screen"]
        assert act(session.view.url, screen - 1, type="tap", point=[0.2, 0.05])[0] == 409
        assert act(session.view.url, screen, type="open_app", app="Mail")[0] == 409
        assert act(session.view.url, screen, type="tap", point=[0.2, 0.05])[0] == 200


def test_who_may_only_look_cannot_take_over() -> None:
    env = DeviceEnv(PressTask(), FakeDevice(), render_mode="human")
    env.reset(seed=0)
    assert env._view is not None
    url = env._view.url
    for order in ("take_over", "again", "next"):
        assert ask(url, "order", {"order": order})[0] == 409
    env.close()


def test_a_human_rendered_episode_is_served_until_the_environment_closes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    env = DeviceEnv(PressTask(), FakeDevice(), render_mode="human")
    env.reset(seed=0)
    url = capsys.readouterr().err.split("live view: ")[1].split()[0]
    status, image = ask(url, "screen/0/1")
    assert status == 200
    assert image == env.observation.png
    assert env.render() is None
    env.advance(Tap(element=0))
    assert ask(url, "screen/0/2")[1] == env.observation.png
    env.close()
    with pytest.raises(ConnectionError):
        ask(url)


def test_a_port_that_is_taken_is_named() -> None:
    view = LiveView("Test")
    port = urlsplit(view.url).port
    assert port
    with pytest.raises(ConfigError, match=str(port)):
        LiveView("Test", port=port)
    view.close()
