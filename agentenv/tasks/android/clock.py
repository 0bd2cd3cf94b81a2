"""Tasks in the clock app: an alarm, which the system's alarm manager tells."""

from __future__ import annotations

import random
import re
from contextlib import suppress
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from agentenv.tasks.android.template import Parameters, State, Template

CLOCKS = ("com.google.android.deskclock", "com.android.deskclock")
_NEXT = re.compile(r"Next alarm clock information:.*?^\s*user:0 \S+ time:(\d+)", re.DOTALL | re.M)


def next_alarm(dump: str, zone: str) -> str:
    """The next alarm in what ``dumpsys alarm`` prints, as "07:30"; empty if there is none."""
    found = _NEXT.search(dump)
    if found is None or int(found[1]) == 0:
        return ""
    place: tzinfo = UTC
    with suppress(ZoneInfoNotFoundError, ValueError):
        place = ZoneInfo(zone.strip())
    return datetime.fromtimestamp(int(found[1]) / 1000, place).strftime("%H:%M")


def _draw(rng: random.Random) -> dict[str, str]:
    return {"time": f"{rng.randint(0, 23):02}:{rng.randrange(0, 60, 5):02}"}


def _done(parameters: Parameters, state: State) -> bool:
    return next_alarm(state["alarms"], state["zone"]) == parameters["time"]


TEMPLATES = (
    Template(
        "clock-alarm",
        "Set an alarm for {time} (on the 24-hour clock), and no other.",
        _draw,
        lambda parameters: (),
        (("alarms", ("dumpsys", "alarm")), ("zone", ("getprop", "persist.sys.timezone"))),
        _done,
        8,
        clear=CLOCKS,
    ),
)
