"""UI trees as Android writes them (uiautomator, Appium), from and to `UIElement`s.

A tree comes from the device and counts as hostile: entities and document types are refused,
and so is what is too large, before it is built up in memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from xml.etree.ElementTree import ParseError
from xml.sax.saxutils import quoteattr

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from agentenv.errors import DeviceError
from agentenv.observations import Bounds, UIElement

MAX_BYTES = 16 * 2**20
MAX_NODES = 20_000
MAX_ELEMENTS = 500
"""Elements listed, the first in document order; as in a browser."""
MAX_NAME = 200
"""Characters of a name that is put together of several texts."""

ROLES: dict[str, str] = {
    "android.widget.Button": "button",
    "android.widget.EditText": "textbox",
    "android.widget.CheckBox": "checkbox",
    "android.widget.RadioButton": "radio",
    "android.widget.Switch": "switch",
    "android.widget.SeekBar": "slider",
    "android.widget.ProgressBar": "progressbar",
    "android.widget.Spinner": "combobox",
    "android.widget.ImageView": "img",
    "android.widget.TextView": "text",
    "android.widget.ScrollView": "region",
    "android.app.ActionBar$Tab": "tab",
    "android.view.View": "generic",
    "android.widget.ImageButton": "button",
    "android.widget.AutoCompleteTextView": "textbox",
    "android.widget.MultiAutoCompleteTextView": "textbox",
    "android.widget.CheckedTextView": "checkbox",
    "android.widget.ToggleButton": "switch",
    "android.widget.Image": "img",
    "android.widget.HorizontalScrollView": "region",
    "android.widget.ListView": "region",
    "android.widget.GridView": "region",
    "androidx.recyclerview.widget.RecyclerView": "region",
    "androidx.viewpager.widget.ViewPager": "region",
    "android.webkit.WebView": "region",
}
"""Class of a view -> role. Classes of an app's own are judged by what can be done to them."""
_CLASSES: dict[str, str] = {role: name for name, role in reversed(ROLES.items())}
_BOUNDS = re.compile(r"\[(-?\d{1,6}),(-?\d{1,6})\]\[(-?\d{1,6}),(-?\d{1,6})\]")
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold at all."""


def parse_tree(xml: str | bytes, width: int, height: int) -> tuple[UIElement, ...]:
    """What a person would recognise on the screen: controls, fields and pieces of text.

    A control without a text of its own is called by the texts inside it, which are then not
    listed beside it. Left out is what is invisible, empty, outside the screen, or has bounds
    that cannot be read.

    Args:
        xml: what ``uiautomator dump`` or Appium's page source gave.
        width, height: of the screen, in the pixels in which the tree counts.

    Returns:
        At most `MAX_ELEMENTS`.

    Raises:
        DeviceError: it is no tree, or one that no screen has ("bad_ui_tree").
    """
    content = xml.encode("utf-8", "replace") if isinstance(xml, str) else xml
    if len(content) > MAX_BYTES:
        raise DeviceError(f"the UI tree has more than {MAX_BYTES} bytes", "bad_ui_tree")
    builder = _Builder(width, height)
    try:
        parser = DefusedXMLParser(target=builder, forbid_dtd=True)
        parser.feed(content)
        parser.close()
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise DeviceError(f"the UI tree cannot be read: {error!r}"[:300], "bad_ui_tree") from error
    drafts = [draft for draft in builder.drafts if draft.is_worth_listing][:MAX_ELEMENTS]
    return tuple(draft.element(index) for index, draft in enumerate(drafts))


def print_tree(elements: Iterable[UIElement], width: int, height: int, package: str) -> str:
    """A tree as ``uiautomator dump`` writes it, from which `parse_tree` makes these elements.

    Args:
        elements: of a screen.
        width, height: of the screen in pixels.
        package: whose screen it is.
    """
    nodes = [_node(element, width, height, package) for element in elements]
    return (
        "<?xml version='1.0' encoding='UTF-8' standalone='yes' ?>"
        f'<hierarchy rotation="0">{"".join(nodes)}</hierarchy>'
    )


@dataclass(slots=True)
class _Draft:
    """An element in the making."""

    role: str
    bounds: Bounds
    label: str
    """What a screen reader says of the node itself."""
    value: str
    description: str
    resource_id: str
    flags: dict[str, bool]
    texts: list[str] = field(default_factory=list)
    """Of the nodes inside, if the node itself has none."""

    @property
    def is_control(self) -> bool:
        return self.flags["clickable"] or self.flags["editable"] or self.role in _CONTROLS

    @property
    def is_worth_listing(self) -> bool:
        return self.is_control or self.flags["scrollable"] or bool(self.label or self.value)

    def element(self, index: int) -> UIElement:
        name = self.label or " ".join(self.texts)[:MAX_NAME].rstrip()
        return UIElement(
            index, self.role, name, self.bounds, self.value, self.description,
            self.resource_id, **self.flags,
        )  # fmt: skip


_CONTROLS = frozenset({"checkbox", "radio", "switch", "slider", "combobox", "tab"})


class _Builder:
    """What the parser calls for every tag; keeps no tree, so that depth costs nothing."""

    def __init__(self, width: int, height: int) -> None:
        self.drafts: list[_Draft] = []
        self._size = (width, height)
        self._nodes = 0
        self._controls: list[_Draft | None] = []
        """For each open tag, the innermost control around what is inside it."""

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if self._nodes == 0 and tag != "hierarchy":
            raise ValueError(f"it begins with <{tag[:40]}> and not with <hierarchy>")
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise ValueError(f"it has more than {MAX_NODES} nodes")
        around = self._controls[-1] if self._controls else None
        draft = _draft(tag, attributes, *self._size)
        if draft is not None:
            is_part = not draft.is_control and not draft.flags["scrollable"]
            if is_part and around is not None and not around.label and draft.label:
                around.texts.append(draft.label)
            elif draft.is_worth_listing:
                self.drafts.append(draft)
            around = draft if draft.is_control else around
        self._controls.append(around)

    def end(self, tag: str) -> None:
        self._controls.pop()

    def data(self, text: str) -> None:
        """Text between tags means nothing in these trees."""

    def close(self) -> None:
        """Nothing is left to be done."""


def _draft(tag: str, attributes: Mapping[str, str], width: int, height: int) -> _Draft | None:
    """What a node shows; None if it cannot be seen."""
    bounds = _fractions(attributes.get("bounds", ""), width, height)
    hidden = "false" in (attributes.get("displayed"), attributes.get("visible-to-user"))
    if bounds is None or hidden:
        return None

    def is_set(*names: str) -> bool:
        return any(attributes.get(name) == "true" for name in names)

    known = ROLES.get(attributes.get("class", tag), "")
    clickable = is_set("clickable", "long-clickable", "checkable")
    editable = known == "textbox" or is_set("editable")
    said, text = attributes.get("content-desc", ""), attributes.get("text", "")
    hint = attributes.get("hint", "")
    if editable:
        label = said or hint
        value = "" if is_set("showing-hint") or text == hint else text
    else:
        label = said or text
        value = text if text != label else ""
    flags = {
        "clickable": clickable or editable,
        "editable": editable,
        "checked": is_set("checked", "selected"),
        "focused": is_set("focused"),
        "enabled": attributes.get("enabled") != "false",
        "password": is_set("password"),
        "scrollable": is_set("scrollable"),
    }
    role = _role(known, flags, label)
    description = hint if hint != label else ""
    return _Draft(
        role, bounds, label, value, description, attributes.get("resource-id", ""), flags
    )  # fmt: skip


def _role(known: str, flags: Mapping[str, bool], label: str) -> str:
    """Apps make buttons of anything, and text of views of their own."""
    if flags["editable"]:
        return "textbox"
    if flags["clickable"] and known in ("", "generic", "text", "img"):
        return "button"
    if known in ("", "generic"):
        return "region" if flags["scrollable"] else "text" if label else "generic"
    return known


def _fractions(bounds: str, width: int, height: int) -> Bounds | None:
    """Bounds as fractions of the screen, cut to it; None if nothing is left of them."""
    found = _BOUNDS.fullmatch(bounds)
    if found is None:
        return None
    left, top, right, bottom = (int(number) for number in found.groups())
    left, right = max(0, left), min(width, right)
    top, bottom = max(0, top), min(height, bottom)
    if left >= right or top >= bottom:
        return None
    return (
        round(left / width, 4),
        round(top / height, 4),
        round(right / width, 4),
        round(bottom / height, 4),
    )


def _node(element: UIElement, width: int, height: int, package: str) -> str:
    left, top, right, bottom = element.bounds
    pixels = [
        round(left * width),
        round(top * height),
        round(right * width),
        round(bottom * height),
    ]
    text, said = element.name, ""
    if element.editable or element.value:
        text, said = element.value, element.name
    attributes = {
        "index": element.index,
        "text": text,
        "resource-id": element.resource_id,
        "class": _CLASSES.get(element.role, "android.view.View"),
        "package": package,
        "content-desc": said,
        "checkable": element.role in ("checkbox", "radio", "switch"),
        "checked": element.checked,
        "clickable": element.clickable,
        "enabled": element.enabled,
        "focusable": element.clickable or element.editable,
        "focused": element.focused,
        "scrollable": element.scrollable,
        "long-clickable": False,
        "password": element.password,
        "selected": element.checked,
        "hint": element.description,
        "bounds": "[{},{}][{},{}]".format(*pixels),
    }
    return f"<node {' '.join(f'{name}={quoted(value)}' for name, value in attributes.items())} />"


def quoted(value: object) -> str:
    """A value as an attribute of such a tree, its quotes included."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return quoteattr(_ILLEGAL.sub(".", text))
