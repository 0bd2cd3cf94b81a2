"""Whatever is done to the phone, its page shows its state and nothing else."""

from __future__ import annotations

import pytest

from agentenv.devices.browser.launch import CHROMIUM, HEADLESS_SHELL, find_browser
from agentenv.devices.phone import open_phone
from benchmarks.phone_fuzz import CHECK_EVERY, fuzz


@pytest.mark.skipif(
    not any(find_browser(kind) for kind in (HEADLESS_SHELL, CHROMIUM)), reason="no Chromium"
)
def test_random_input_breaks_nothing() -> None:
    """`python -m benchmarks.phone_fuzz` does the same 5,000 times."""
    device = open_phone()
    try:
        outcome = fuzz(device, 2 * CHECK_EVERY, seed=1)
    finally:
        device.close()
    assert outcome.checks == 2
    assert len(outcome.places) > 3
