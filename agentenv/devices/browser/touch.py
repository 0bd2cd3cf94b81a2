"""A finger instead of a mouse, for the screens of phones."""

from __future__ import annotations

from collections.abc import Sequence

from agentenv.devices.browser.engine import InputEvent

_KINDS = {"mousePressed": "touchStart", "mouseReleased": "touchEnd"}


def as_touch(events: Sequence[InputEvent]) -> Sequence[InputEvent]:
    """Taps of a mouse as taps of a finger: the page sees touches, and then a click.

    Everything else stays what it is: drags and long presses come in several calls, and a page
    driven frame by frame hangs when a finger scrolls it.
    """
    kinds = [params.get("type") for _, params in events]
    if not {*_KINDS} <= {*kinds}:
        return events
    return [
        (
            "Input.dispatchTouchEvent",
            {
                "type": _KINDS[kind],
                "touchPoints": [{"x": params["x"], "y": params["y"]}]
                if kind == "mousePressed"
                else [],
            },
        )
        for kind, (_, params) in zip(kinds, events, strict=True)
        if kind in _KINDS
    ]
