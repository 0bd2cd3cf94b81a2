"""Progress where nobody watches: a line in the log every now and then."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest
from rich.console import Console

from agentenv import progress
from agentenv.progress import track


def test_a_line_tells_how_much_is_done_and_the_time_left_at_this_pace(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(progress, "error_console", Console(force_terminal=False))
    caplog.set_level(logging.INFO)
    with track("craft-gui", total=40, done=10) as bar:  # a resumed run
        now = 5.0
        bar.advance(1)
        now = 30.0
        bar.advance(4, text="success 50%")
    assert caplog.messages == ["craft-gui: 15/40, 30 s, about 150 s left, success 50%"]
