"""The pages of MiniWoB++ 1.1.0, as data: which there are, how long they take, what is odd.

The names are written down rather than listed from the package, so that the
environments can be registered (and shown in `--help`) before the package is read.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from agentenv.errors import ConfigError

WIDTH, HEIGHT = 160, 210
"""Of every page's content in pixels, and so of the screen."""

_NAMES = """
    ascending-numbers bisect-angle book-flight book-flight-nodelay button-delay buy-ticket
    chase-circle choose-date choose-date-easy choose-date-medium choose-date-nodelay choose-list
    circle-center click-button click-button-sequence click-checkboxes click-checkboxes-large
    click-checkboxes-soft click-checkboxes-transfer click-collapsible click-collapsible-2
    click-collapsible-2-nodelay click-collapsible-nodelay click-color click-dialog click-dialog-2
    click-link click-menu click-menu-2 click-option click-pie click-pie-nodelay click-scroll-list
    click-shades click-shape click-tab click-tab-2 click-tab-2-easy click-tab-2-hard
    click-tab-2-medium click-test click-test-2 click-test-transfer click-widget copy-paste
    copy-paste-2 count-shape count-sides daily-calendar drag-box drag-circle drag-cube drag-items
    drag-items-grid drag-shapes drag-shapes-2 drag-single-shape drag-sort-numbers draw-circle
    draw-line email-inbox email-inbox-delete email-inbox-forward email-inbox-forward-nl
    email-inbox-forward-nl-turk email-inbox-important email-inbox-nl-turk email-inbox-noscroll
    email-inbox-reply email-inbox-star-reply enter-date enter-password enter-text enter-text-2
    enter-text-dynamic enter-time find-greatest find-midpoint find-word focus-text focus-text-2
    form-sequence form-sequence-2 form-sequence-3 generate-number grid-coordinate guess-number
    highlight-text highlight-text-2 hot-cold hover-shape identify-shape login-user
    login-user-popup moving-items multi-layouts multi-orderings navigate-tree number-checkboxes
    odd-or-even order-food phone-book read-table read-table-2 resize-textarea right-angle
    scroll-text scroll-text-2 search-engine sign-agreement simon-says simple-algebra
    simple-arithmetic social-media social-media-all social-media-some stock-market terminal
    text-editor text-transform tic-tac-toe unicode-test use-autocomplete use-autocomplete-nodelay
    use-colorwheel use-colorwheel-2 use-slider use-slider-2 use-spinner visual-addition
"""
NAMES: tuple[str, ...] = tuple(_NAMES.split())
"""Every page of the package's `miniwob` folder. All of them start."""

LEFT_OUT: dict[str, str] = {
    "flight.AA": "an airline's site in a frame; it never becomes ready from files, "
    "and is made for a 375x667 screen",
    "flight.Alaska": "as flight.AA",
    "flight.Alaska-auto": "as flight.AA",
    "flight.Alaska-auto-medium": "as flight.AA",
}
"""Pages of the package that are not tasks here, and why."""

DEFAULT_STEPS = 4
EXPECTED_STEPS: dict[str, int] = {
    "book-flight": 9,
    "book-flight-nodelay": 9,
    "choose-date": 10,
    "choose-date-easy": 3,
    "choose-date-medium": 4,
    "choose-date-nodelay": 10,
    "click-checkboxes-large": 9,
    "click-shades": 6,
    "daily-calendar": 6,
    "drag-cube": 4,
    "drag-shapes": 5,
    "drag-shapes-2": 6,
    "drag-sort-numbers": 6,
    "email-inbox-forward": 5,
    "email-inbox-forward-nl": 5,
    "email-inbox-forward-nl-turk": 5,
    "find-greatest": 6,
    "form-sequence": 6,
    "generate-number": 6,
    "guess-number": 8,
    "hot-cold": 8,
    "moving-items": 10,
    "multi-layouts": 5,
    "multi-orderings": 5,
    "number-checkboxes": 14,
    "odd-or-even": 4,
    "order-food": 8,
    "simon-says": 6,
    "social-media-all": 8,
    "social-media-some": 6,
    "stock-market": 10,
    "tic-tac-toe": 5,
    "use-slider-2": 8,
    "use-spinner": 8,
}
"""Steps a person or the oracle needs on the longer instances of a page, where that is
not `DEFAULT_STEPS`."""

_RELOADED = """
    book-flight book-flight-nodelay choose-date choose-date-easy choose-date-medium
    choose-date-nodelay click-dialog-2 click-pie click-scroll-list click-tab click-tab-2
    click-tab-2-easy click-tab-2-hard click-tab-2-medium drag-items drag-items-grid
    drag-sort-numbers form-sequence simon-says stock-market use-colorwheel use-colorwheel-2
    use-slider use-slider-2 use-spinner
"""
RELOADED: frozenset[str] = frozenset(_RELOADED.split())
"""Pages that keep traces of an episode (widgets, running timers, a pixel of a rounded
corner), and so are loaded anew for each: otherwise the same seed would not give the same
screen, byte for byte."""


def html_folder() -> Path:
    """The folder of the package's pages, found without importing it (it imports Selenium).

    Raises:
        ConfigError: the `miniwob` package is not installed.
    """
    spec = importlib.util.find_spec("miniwob")
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError("MiniWoB++ needs its pages: pip install --no-deps 'miniwob>=1.1'")
    return Path(spec.submodule_search_locations[0]) / "html"
