"""Pages that the browser tests open."""

from __future__ import annotations

from pathlib import Path

from agentenv.actions import Action
from agentenv.devices.base import BrowserSetup
from agentenv.devices.browser import BrowserDevice
from agentenv.observations import UIElement

SIZE = (320, 240)


def write_page(folder: Path, body: str, name: str = "page", head: str = "") -> str:
    """Write a page and return its URL."""
    path = folder / f"{name}.html"
    path.write_text(
        f"<!DOCTYPE html><html><head><meta charset='utf-8'><title>{name}</title>{head}</head>"
        f"<body style='margin:0'>{body}</body></html>",
        encoding="utf-8",
    )
    return path.as_uri()


def open_page(
    device: BrowserDevice, folder: Path, body: str, *, start: str = "", state: str = "window.log"
) -> None:
    """Open a page whose scripts append to `log`; `state()["log"]` reads it."""
    url = write_page(folder, "<script>var log = [];</script>" + body)
    device.reset(BrowserSetup(url, start=start, state=f"{{log: {state}}}", reload=True))


def find(device: BrowserDevice, name: str, role: str | None = None) -> UIElement:
    """The element of that name (and role) on the screen."""
    elements = device.observe().elements
    found = [one for one in elements if one.name == name and role in (None, one.role)]
    assert found, f"no {role or 'element'} {name!r} among {[(e.role, e.name) for e in elements]}"
    return found[0]


def log_after(device: BrowserDevice, *actions: Action) -> list[object]:
    """The page's log after these actions."""
    for action in actions:
        device.act(action)
    log = device.state()["log"]
    assert isinstance(log, list)
    return log
