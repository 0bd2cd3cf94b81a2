"""Whatever is done to the phone, its page shows its state and nothing else."""

from __future__ import annotations

import contextlib
import random
import re
import signal
import subprocess
import sys
import time
from html import unescape
from pathlib import Path

import psutil
import pytest

from agentenv.cli.main import INTERRUPTED, TERMINATED
from agentenv.devices.browser.launch import CHROMIUM, HEADLESS_SHELL, find_browser
from agentenv.devices.phone import open_phone
from agentenv.phone.events import verify_log
from agentenv.phone.phone import Phone, UserEvent
from agentenv.phone.setup import PhoneSetup
from benchmarks.phone_fuzz import CHECK_EVERY, TEXTS, fuzz

needs_browser = pytest.mark.skipif(
    not any(find_browser(kind) for kind in (HEADLESS_SHELL, CHROMIUM)), reason="no Chromium"
)


@needs_browser
def test_random_input_breaks_nothing() -> None:
    """`python -m benchmarks.phone_fuzz` does the same 5,000 times."""
    device = open_phone()
    try:
        outcome = fuzz(device, 2 * CHECK_EVERY, seed=1)
    finally:
        device.close()
    assert outcome.checks == 2
    assert len(outcome.places) > 3


@pytest.mark.parametrize("seed", [0, 1])
def test_random_events_break_nothing_and_are_undone_by_a_restore(seed: int) -> None:
    """Without a browser, so that there may be more of them, and of kinds no page would send."""
    rng = random.Random(seed)
    phone = Phone(PhoneSetup(seed=str(seed), attitude="open"))
    image, page = phone.image(), phone.page()
    for _ in range(300):
        phone.handle([random_event(phone.page(), rng)])
    assert verify_log(phone.log.lines()) > 50
    phone.restore(image)
    assert (phone.image(), phone.page()) == (image, page)


def random_event(page: str, rng: random.Random) -> UserEvent:
    tappable = [unescape(one) for one in re.findall(r'data-do="([^"]*)"', page)]
    fields = re.findall(r'data-field="([^"]*)"', page)
    text = rng.choice(TEXTS)
    event = {"value": text, "offset": rng.randrange(3000)}
    if rng.random() < 0.7:
        event = {"kind": "tap", "target": rng.choice([*tappable, "", text[:300]])}
    elif rng.random() < 0.2 or not fields:
        event |= {"kind": rng.choice(("scroll", "copy"))}
    else:
        kind = rng.choice(("edit", "focus", "caret", "ime", "paste"))
        event |= {"kind": kind, "target": rng.choice(fields)}
    return UserEvent.model_validate(event)


@needs_browser
@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, TERMINATED), (signal.SIGINT, INTERRUPTED)]
)
def test_fuzzing_that_is_stopped_leaves_no_worker_and_no_browser(
    number: signal.Signals, status: int, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "benchmarks.phone_fuzz", "--inputs", "1000000", "--phones"]
    fuzzing = subprocess.Popen(
        [*command, "2", "--results", str(tmp_path)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # Tests that run in a shell's background inherit that Ctrl-C is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    started: list[psutil.Process] = []
    try:
        started = _with_browsers(psutil.Process(fuzzing.pid), browsers=2)
        fuzzing.send_signal(number)  # to it alone: the workers are its business
        _, error = fuzzing.communicate(timeout=60)
        assert fuzzing.returncode == status
        assert "Traceback" not in error
        _, alive = psutil.wait_procs(started, timeout=10)
        assert alive == []
    finally:  # whatever the test has found, nothing of it is left
        fuzzing.kill()
        for left in started:
            with contextlib.suppress(psutil.NoSuchProcess):
                left.kill()


def _with_browsers(process: psutil.Process, browsers: int) -> list[psutil.Process]:
    """All processes below one, as soon as so many of them are browsers."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        below = process.children(recursive=True)
        with contextlib.suppress(psutil.NoSuchProcess):
            if sum("--type=renderer" in one.cmdline() for one in below) >= browsers:
                return below
        time.sleep(0.1)
    raise AssertionError("no browser was started")
