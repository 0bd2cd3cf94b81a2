"""How page time passes: frames cost more than time, so they are drawn only where needed."""

from __future__ import annotations

from agentenv.devices.browser.engine import Engine, call_page

FRAME_MS = 150.0
"""Page time between two frames of a page on which something moves."""
_CHUNK_MS = 1000.0


def pass_time(engine: Engine, milliseconds: float) -> None:
    """Let page time pass.

    Timers need no frames. Animations do, so the page is asked from time to time whether
    it has any.
    """
    while milliseconds > 0:
        chunk = min(_CHUNK_MS, milliseconds)
        milliseconds -= chunk
        _pass_chunk(engine, chunk)


def _pass_chunk(engine: Engine, milliseconds: float) -> None:
    first = min(FRAME_MS, milliseconds)
    engine.advance(first)
    left = milliseconds - first
    if not call_page(engine, "animating"):
        engine.advance(left)
        return
    engine.draw()
    while left > 0:
        engine.advance(min(FRAME_MS, left))
        engine.draw()
        left -= FRAME_MS
