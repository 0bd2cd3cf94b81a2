"""Random input on the embedded phone: nothing breaks, and no other phone is touched.

    python -m benchmarks.phone_fuzz --inputs 5000

After every `CHECK_EVERY` inputs the state is saved and restored: the screen must be the same to
the byte, which shows that the page holds nothing that the state does not.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from multiprocessing import active_children, get_context
from pathlib import Path

from agentenv.actions import (
    Action,
    AskUser,
    InputText,
    LongPress,
    OpenApp,
    PressKey,
    ReadProfile,
    RequestPermission,
    SaveProfile,
    Scroll,
    Swipe,
    Tap,
    Wait,
)
from agentenv.cli.main import terminate_cleanly
from agentenv.devices.phone import PhoneDevice, open_phone
from agentenv.errors import ActionError
from agentenv.observations import Screen
from agentenv.phone.apps import APPS
from agentenv.phone.events import verify_log
from agentenv.phone.phone import Phone
from agentenv.phone.server import shared_server
from agentenv.phone.setup import PhoneSetup
from agentenv.progress import console
from benchmarks.command import command_of, run_command
from benchmarks.results_file import RESULTS, Row, write_results

NAME = "phone_fuzz"
CHECK_EVERY = 50
TEXTS = (
    "plain words",
    "😀👩‍👩‍👧‍👦🏳️‍🌈 emoji",
    "שלום عربى right to left",
    "日本語と한국어",
    "x" * 10_000,
    "<script>alert(1)</script><b>&amp;",
    "'; DROP TABLE sys_events; -- \" OR 1=1",
    "{{ 7 * 7 }} {% raw %} ${x} \\u0000",
    "line\nbreak\ttab",
    "",
    "-17",
    "\u202e reversed \ufeff",
)
KEYS = ("back", "home", "recents", "enter", "backspace", "tab", "escape", "space", "ctrl+a",
        "ctrl+c", "ctrl+v", "arrow_left", "delete")  # fmt: skip


@dataclass(frozen=True)
class FuzzConfig:
    """How much, and which."""

    inputs: int = 5000
    """Of all phones together."""
    phones: int = 4
    """Each in a process of its own, with inputs of its own."""
    results: Path = RESULTS
    """Folder of the file that is written."""


@dataclass
class Outcome:
    """What random input did."""

    actions: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    """Actions that the device refused in words."""
    places: set[str] = field(default_factory=set)
    """Screens that were seen."""
    checks: int = 0
    """Times that the restored screen was the same to the byte."""
    events: int = 0
    """Records of the unbroken log."""


def fuzz(device: PhoneDevice, inputs: int, seed: int) -> Outcome:
    """Send random inputs to a phone.

    Raises:
        AssertionError: a restored screen differs, or another phone has changed.
        DeviceError: the phone or its page failed.
        StoreError: the event log is broken.
    """
    rng = random.Random(seed)
    bystander = Phone(PhoneSetup(seed="bystander"))
    token = shared_server().add(bystander)
    before = bystander.image()
    outcome = Outcome()
    device.reset(PhoneSetup(seed=str(seed), apps=APPS, attitude="open"))
    screen = device.observe()
    for number in range(inputs):
        action = random_action(screen, rng)
        outcome.actions[action.type] += 1
        try:
            device.act(action)
        except ActionError:
            outcome.refused += 1
        screen = device.observe()
        outcome.places.add("/".join(screen.location.split("/")[:2]))
        assert any(one.resource_id == "tap-home" for one in screen.elements), action
        if number % CHECK_EVERY == CHECK_EVERY - 1:
            check_restore(device, screen, action)
            outcome.checks += 1
    outcome.events = verify_log(device.phone.log.lines())
    assert bystander.image() == before, "another phone has changed"
    shared_server().remove(token)
    return outcome


def check_restore(device: PhoneDevice, screen: Screen, action: Action) -> None:
    """Whether the page shows nothing but the state."""
    device.restore(device.snapshot())
    again = device.observe()
    assert again.elements == screen.elements, f"other elements after {action}"
    assert again.png == screen.png, f"another picture after {action}"


def random_action(screen: Screen, rng: random.Random) -> Action:
    """Mostly a tap on something that can be tapped; now and then anything else."""
    kind = rng.random()
    tappable = [one.index for one in screen.elements if one.clickable]
    fields = [one.index for one in screen.elements if one.editable]
    if kind < 0.5 and tappable:
        return Tap(element=rng.choice(tappable))
    if kind < 0.68 and fields:
        text = rng.choice(TEXTS)
        return InputText(element=rng.choice(fields), text=text, clear=rng.random() < 0.7)
    if kind < 0.76:
        return PressKey(key=rng.choice(KEYS))
    point = (rng.random(), rng.random())
    choices: tuple[Action, ...] = (
        Tap(point=point),
        LongPress(point=point),
        Scroll(direction=rng.choice(("up", "down"))),
        Swipe(start=point, end=(rng.random(), rng.random())),
        OpenApp(app=rng.choice((*APPS, "nothing"))),
        OpenApp(app=rng.choice(APPS)),
        RequestPermission(permission="read_data", resource=rng.choice(("phone", "x")), reason="?"),
        ReadProfile(key=rng.choice(("phone", "name", "x"))),
        SaveProfile(key=rng.choice(("tea", "name")), value=rng.choice(TEXTS)),
        AskUser(question=rng.choice(TEXTS)),
        Wait(seconds=rng.choice((0.0, 1.0, 60.0))),
    )
    return rng.choice(choices)


def fuzz_one(inputs: int, seed: int) -> Outcome:
    """`fuzz`, on a phone of its own, in a process of its own."""
    with terminate_cleanly(), closing(open_phone()) as device:
        return fuzz(device, inputs, seed)


def run(config: FuzzConfig) -> None:
    """Fuzz, print what happened and write the file."""
    each = -(-config.inputs // config.phones)
    with ProcessPoolExecutor(config.phones, get_context("spawn")) as pool:
        try:
            outcomes = list(pool.map(fuzz_one, [each] * config.phones, range(config.phones)))
        except BaseException:  # whatever ends this ends the workers, which would go on
            for worker in active_children():
                worker.terminate()
            raise
    counts = {
        "inputs": sum(one.actions.total() for one in outcomes),
        "refused in words": sum(one.refused for one in outcomes),
        "screens seen": len({place for one in outcomes for place in one.places}),
        "restored to the byte": sum(one.checks for one in outcomes),
        "events, unbroken": sum(one.events for one in outcomes),
    }
    line = ", ".join(f"{count} {what}" for what, count in counts.items())
    console.print(line, highlight=False, soft_wrap=True)
    seeds = tuple(range(config.phones))
    rows = [
        Row(
            label="random_input", metric=what, value=count, unit="", n=counts["inputs"], seeds=seeds
        )
        for what, count in counts.items()
    ]
    write_results(NAME, rows, command_of(NAME, config), folder=config.results)


if __name__ == "__main__":
    sys.exit(run_command(NAME, FuzzConfig, run))
