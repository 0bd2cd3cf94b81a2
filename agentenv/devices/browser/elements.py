"""What the page lists, as `UIElement`s."""

from __future__ import annotations

from agentenv.devices.browser.engine import Engine, call_page
from agentenv.observations import UIElement


def list_elements(engine: Engine) -> tuple[tuple[UIElement, ...], str]:
    """All recognisable elements on the screen, in document order, at most 500; and the URL.

    One call in the page; it also remembers the DOM node behind each index, for the next
    action.
    """
    seen = call_page(engine, "observe")
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
        for index, record in enumerate(seen["elements"])
    )
    return elements, seen["location"]
