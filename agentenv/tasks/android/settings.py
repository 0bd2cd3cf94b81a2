"""Tasks in the settings: one value is changed, which ``settings get`` tells."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from agentenv.devices.android.setup import Words
from agentenv.tasks.android.template import Parameters, State, Template

ON_OFF = {"on": "1", "off": "0"}
TIMEOUTS = {
    "15 seconds": "15000",
    "30 seconds": "30000",
    "1 minute": "60000",
    "2 minutes": "120000",
    "5 minutes": "300000",
    "10 minutes": "600000",
}
FONTS = {"smaller than by default": "0.85", "by default": "1.0", "one step larger": "1.15"}


def _put(space: str, name: str) -> Callable[[str], Words]:
    return lambda value: ("settings", "put", space, name, value)


def _get(space: str, name: str) -> Words:
    return ("settings", "get", space, name)


def _choice(
    name: str,
    goal: str,
    values: Mapping[str, str],
    put: Callable[[str], Words],
    get: Words,
    steps: int,
    told: Callable[[str], str] = str.strip,
) -> Template:
    """A task that brings one setting from a value to another.

    Args:
        name, goal, steps: as of `Template`; the goal says "{wanted}".
        values: how people call the values -> as commands do.
        put: command that sets a value.
        get: command that tells it.
        told: the value in what that command prints.
    """

    def draw(rng: random.Random) -> dict[str, str]:
        first, wanted = rng.sample(sorted(values), 2)
        return {"first": first, "wanted": wanted}

    def done(parameters: Parameters, state: State) -> bool:
        return told(state["value"]) == values[parameters["wanted"]]

    return Template(
        name,
        goal,
        draw,
        lambda parameters: (put(values[parameters["first"]]),),
        (("value", get),),
        done,
        steps,
    )


def _after_colon(printed: str) -> str:
    """ "Night mode: yes" -> "yes"."""
    return printed.rpartition(":")[2].strip()


def _number(printed: str) -> str:
    """Android writes 1.0 as "1.0" or "1"."""
    try:
        return str(float(printed))
    except ValueError:
        return ""


TEMPLATES = (
    _choice(
        "settings-screen-timeout",
        "In the settings, let the screen turn off after {wanted} without a touch.",
        TIMEOUTS,
        _put("system", "screen_off_timeout"),
        _get("system", "screen_off_timeout"),
        6,
    ),
    _choice(
        "settings-adaptive-brightness",
        "In the settings, switch adaptive brightness {wanted}.",
        ON_OFF,
        _put("system", "screen_brightness_mode"),
        _get("system", "screen_brightness_mode"),
        5,
    ),
    _choice(
        "settings-dark-theme",
        "In the settings, switch the dark theme {wanted}.",
        {"on": "yes", "off": "no"},
        lambda value: ("cmd", "uimode", "night", value),
        ("cmd", "uimode", "night"),
        5,
        _after_colon,
    ),
    _choice(
        "settings-location",
        "In the settings, switch the use of location {wanted}.",
        {"on": "3", "off": "0"},
        lambda value: ("cmd", "location", "set-location-enabled", str(value == "3").lower()),
        _get("secure", "location_mode"),
        5,
    ),
    _choice(
        "settings-clock-format",
        "In the settings, show the time of day with {wanted} hours.",
        {"24": "24", "12": "12"},
        _put("system", "time_12_24"),
        _get("system", "time_12_24"),
        7,
    ),
    _choice(
        "settings-font-size",
        "In the settings, make the font size {wanted}.",
        FONTS,
        _put("system", "font_scale"),
        _get("system", "font_scale"),
        7,
        _number,
    ),
)
