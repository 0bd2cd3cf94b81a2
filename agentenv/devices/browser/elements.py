"""A look at a page: what it lists, as `UIElement`s, and the state its task reads."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from agentenv.devices.browser.engine import Engine, ScriptError, ask_page
from agentenv.devices.browser.frames import Frames
from agentenv.observations import UIElement


@dataclass(frozen=True)
class Look:
    """A page at one moment."""

    elements: tuple[UIElement, ...]
    """All recognisable elements on the screen, in document order, at most 500."""
    location: str
    """URL."""
    state: Any
    """JSON value of the state expression; None where there is a `problem`."""
    problem: str
    """Why the state expression gave nothing that can leave the page; else empty."""
    moves: bool
    """Whether it needs frames, and not only time, to come to rest."""


def look_expression(state: str) -> str:
    """What `look_at` has the page evaluate.

    Args:
        state: JavaScript expression (valid, see `checked_expression`).
    """
    return f"window.__agentenv.look(() => ({state}\n))"


def look_at(engine: Engine, frames: Frames, state: str) -> Look:
    """Look at the page, in one call: a second one would cost as much as listing all elements.
    Only frames in it are asked one by one.

    The page remembers the DOM node behind each index, for the next action.

    Args:
        engine: whose page.
        frames: the page's, to be brought up to date.
        state: JavaScript expression (valid, see `checked_expression`).
    """
    seen = ask_page(engine, look_expression(state))
    if isinstance(seen["elements"], str):
        seen["elements"] = json.loads(seen["elements"])
    engine.downloads.expect(seen["saves"])
    if engine.downloads.pending:
        engine.await_downloads()
    elements = tuple(
        UIElement(
            index=index,
            role=record["role"],
            name=record["name"],
            bounds=tuple(record["bounds"]),
            value=record["value"],
            description=record["description"],
            resource_id=record["resource_id"],
            clickable=record["clickable"],
            editable=record["editable"],
            checked=record["checked"],
            focused=record["focused"],
            enabled=record["enabled"],
            password=record["password"],
            scrollable=record["scrollable"],
        )
        for index, record in enumerate(frames.join(seen))
    )
    return Look(
        elements,
        seen["location"],
        seen.get("state"),
        seen.get("problem", ""),
        seen["moves"],
    )


def checked_expression(engine: Engine, expression: str) -> str:
    """The expression, or one that throws its syntax error, so that it can stand in a script."""
    try:
        engine.evaluate(f"void (() => ({expression}\n))")
    except ScriptError as error:
        return f"(() => {{ throw {json.dumps(str(error))}; }})()"
    return expression
