"""What only Appium's UiAutomator2 driver has: sessions, and a server on the device that dies."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from agentenv.actions import InputText, PressKey, Tap
from agentenv.devices.android.appium import AppiumDriver
from agentenv.devices.android.device import AndroidDevice
from agentenv.devices.android.setup import AndroidSetup
from agentenv.errors import ConfigError, DeviceError
from tests.devices.fake_android import HEIGHT, PACKAGE, WIDTH, FakeAndroid
from tests.devices.w3c_server import W3CServer

SETUP = AndroidSetup(app=PACKAGE)


@pytest.fixture
def server() -> Iterator[W3CServer]:
    pytest.importorskip("appium", reason="no Appium client; pip install 'agentenv[android]'")
    server = W3CServer(FakeAndroid())
    yield server
    server.close()


@pytest.fixture
def device(server: W3CServer) -> Iterator[AndroidDevice]:
    driver = AppiumDriver(server.url, {"appium:udid": "emulator-5554"}, timeout=5)
    device = AndroidDevice(driver, WIDTH, HEIGHT, settle_time=0, recovery_time=30)
    yield device
    device.close()


def test_the_session_is_asked_for_and_ended(server: W3CServer, device: AndroidDevice) -> None:
    device.reset(SETUP)
    [asked] = server.capabilities
    assert asked["appium:automationName"] == "UiAutomator2"
    assert asked["appium:udid"] == "emulator-5554"
    device.close()
    device.close()
    assert not server.sessions
    with pytest.raises(DeviceError, match="reset it first"):
        device.observe()
    device.reset(SETUP)
    assert len(device.observe().elements) == 3


def test_a_server_on_the_device_that_dies_over_a_tree_costs_a_session(
    server: W3CServer, device: AndroidDevice
) -> None:
    device.reset(SETUP)
    device.act(InputText(element=0, text="kept"))
    server.android.failing["crash"] = 1
    assert device.observe().elements[0].value == "kept"
    assert device.failures == {"no_ui_tree": 2, "instrumentation_crashed": 1}
    assert device.recoveries == {"new session": 1}
    device.act(Tap(element=1))
    assert server.android.saved == ["kept"]


def test_a_session_that_ended_is_begun_anew_before_a_tap(
    server: W3CServer, device: AndroidDevice
) -> None:
    device.reset(SETUP)
    device.observe()
    server.lose_session()
    device.act(Tap(element=1))
    assert server.android.saved == [""]
    assert device.recoveries == {"new session": 1}


def test_a_device_that_keeps_dying_is_given_up(server: W3CServer, device: AndroidDevice) -> None:
    device.reset(SETUP)
    server.android.failing["crash"] = 1000
    with pytest.raises(DeviceError) as caught:
        device.act(PressKey(key="back"))
    assert caught.value.cause == "instrumentation_crashed"


def test_every_rung_is_tried_before_a_reset_fails(server: W3CServer) -> None:
    restarted: list[int] = []

    def restart() -> None:
        restarted.append(1)
        server.android.failing.clear()

    driver = AppiumDriver(server.url, timeout=5)
    device = AndroidDevice(driver, WIDTH, HEIGHT, settle_time=0, restart=restart)
    server.android.failing["start"] = 1000
    device.reset(SETUP)
    assert restarted == [1]
    assert list(device.recoveries) == [
        "retry",
        "new session",
        "restart app",
        "restore snapshot",
        "restart container",
    ]
    assert device.failures["no_session"] >= 3
    device.close()


def test_a_reset_gives_up_in_time(server: W3CServer) -> None:
    driver = AppiumDriver(server.url, timeout=5)
    device = AndroidDevice(driver, WIDTH, HEIGHT, settle_time=0, recovery_time=0)
    server.android.failing["start"] = 1000
    with pytest.raises(DeviceError, match="Could not find a connected Android device"):
        device.reset(SETUP)
    assert sum(device.recoveries.values()) <= 1


def test_where_commands_are_not_allowed_the_error_says_how(
    server: W3CServer, device: AndroidDevice
) -> None:
    server.shell_allowed = False
    device.reset(SETUP)  # what is only a comfort is left out
    assert len(device.observe().elements) == 3
    with pytest.raises(DeviceError, match="--allow-insecure=uiautomator2:adb_shell"):
        device.reset(AndroidSetup(commands=(("settings", "put", "system", "volume", "7"),)))


def test_no_server_and_no_client_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("appium")
    driver = AppiumDriver("http://127.0.0.1:1", timeout=5)
    with pytest.raises(DeviceError, match="there is no Appium") as caught:
        driver.connect()
    assert caught.value.cause == "appium_gone"
    monkeypatch.setitem(sys.modules, "appium", None)
    monkeypatch.setitem(sys.modules, "appium.webdriver", None)
    with pytest.raises(ConfigError, match=r"agentenv\[android\]"):
        AppiumDriver()
