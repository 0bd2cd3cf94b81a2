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
_STEPS = {
    1: """
        click-button click-color click-dialog click-dialog-2 click-link click-shape click-tab
        click-tab-2-easy click-test click-test-2 click-test-transfer click-widget count-shape
        count-sides focus-text focus-text-2 grid-coordinate identify-shape unicode-test
    """,
    2: """
        choose-list click-button-sequence click-option click-tab-2-medium enter-date enter-text
        enter-text-2 enter-text-dynamic enter-time find-word read-table simple-algebra
        simple-arithmetic visual-addition
    """,
    3: """
        choose-date-easy click-collapsible click-collapsible-nodelay click-tab-2 enter-password
        form-sequence-2 form-sequence-3 login-user navigate-tree read-table-2 use-autocomplete
        use-autocomplete-nodelay
    """,
    5: """
        click-checkboxes click-tab-2-hard drag-shapes email-inbox-forward email-inbox-forward-nl
        email-inbox-forward-nl-turk login-user-popup multi-layouts multi-orderings tic-tac-toe
    """,
    6: """
        click-shades daily-calendar drag-shapes-2 drag-sort-numbers find-greatest form-sequence
        generate-number simon-says social-media-some
    """,
    8: "guess-number hot-cold order-food social-media-all use-slider-2 use-spinner",
    10: """
        book-flight book-flight-nodelay choose-date choose-date-nodelay click-checkboxes-large
        moving-items stock-market
    """,
    14: "number-checkboxes",
}
EXPECTED_STEPS: dict[str, int] = {
    name: steps for steps, names in _STEPS.items() for name in names.split()
}
"""Steps a person or the oracle needs on the longer instances of a page, where that is
not `DEFAULT_STEPS`."""

_RELOADED = """
    book-flight book-flight-nodelay choose-date choose-date-easy choose-date-medium
    choose-date-nodelay click-pie simon-says stock-market use-colorwheel use-colorwheel-2
"""
RELOADED: frozenset[str] = frozenset(_RELOADED.split())
"""Pages that keep traces of an episode (widgets, running timers), and so are loaded anew for
each: otherwise the same seed would not give the same screen, byte for byte."""


def html_folder() -> Path:
    """The folder of the package's pages, found without importing it (it imports Selenium).

    Raises:
        ConfigError: the `miniwob` package is not installed.
    """
    spec = importlib.util.find_spec("miniwob")
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError("MiniWoB++ needs its pages: pip install --no-deps 'miniwob>=1.1'")
    return Path(spec.submodule_search_locations[0]) / "html"
