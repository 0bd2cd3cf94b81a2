"""What is pinned on a device, put back, and restored from a snapshot."""

from __future__ import annotations

import pytest

from agentenv.devices.android.device import AndroidDevice
from agentenv.devices.android.pins import PINNED
from agentenv.devices.android.setup import AndroidSetup
from agentenv.errors import DeviceError
from tests.devices.android_system import AndroidSystem, driver_of
from tests.devices.fake_android import FakeAndroid

VOLUME = ("system", "volume")


@pytest.fixture
def system() -> AndroidSystem:
    return AndroidSystem()


@pytest.fixture
def device(system: AndroidSystem) -> AndroidDevice:
    return AndroidDevice(driver_of(system), 360, 640, settle_time=0, recovery_time=0)


def test_every_setting_is_put_back_as_it_was(system: AndroidSystem, device: AndroidDevice) -> None:
    before = {("global", "auto_time"): "1", ("system", "system_locales"): "de-DE", VOLUME: "7"}
    system.android.settings = dict(before)
    for _ in range(2):
        device.reset(AndroidSetup())
        assert system.android.settings == {VOLUME: "7"} | PINNED
    device.close()
    assert system.android.settings == before
    device.close()


def test_a_snapshot_brings_back_what_was_and_is_pinned_again(
    system: AndroidSystem, device: AndroidDevice
) -> None:
    device.reset(AndroidSetup())
    system.android.settings[VOLUME] = "3"
    device.reset(AndroidSetup(snapshot="clean"))
    assert system.android.settings == FakeAndroid().settings | PINNED
    system.android.settings[VOLUME] = "3"
    device.restore("clean")
    assert VOLUME not in system.android.settings


def test_a_snapshot_that_restores_nothing_is_a_failure_whatever_the_emulator_says(
    system: AndroidSystem, device: AndroidDevice
) -> None:
    system.restores = False
    with pytest.raises(DeviceError, match="restored nothing") as caught:
        device.reset(AndroidSetup(snapshot="clean"))
    assert caught.value.cause == "no_snapshot"
