"""The embedded phone in another browser: a real Appium server and Chromium stand for Android."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agentenv.actions import InputText, OpenApp, PressKey, RequestPermission, Tap
from agentenv.devices.android.appium import AppiumDriver
from agentenv.devices.android.chrome import desktop_chromium
from agentenv.devices.base import BrowserSetup, NetworkPolicy
from agentenv.devices.browser import BrowserDevice
from agentenv.devices.phone import PhoneDevice, open_phone, open_phone_through
from agentenv.env import DeviceEnv
from agentenv.errors import ActionError, ConfigError, DeviceError
from agentenv.phone.events import verify_log
from agentenv.phone.setup import PhoneSetup
from agentenv.tasks import get_task
from tests.devices.appium_server import needs_appium
from tests.devices.oracles import solve

pytestmark = needs_appium
SETUP = PhoneSetup(seed="test")


@pytest.fixture(scope="module")
def driver(appium_url: str) -> AppiumDriver:
    return AppiumDriver(appium_url, desktop_chromium())


@pytest.fixture(scope="module")
def device(driver: AppiumDriver) -> Iterator[PhoneDevice]:
    device = open_phone_through(driver)
    yield device
    device.close()


def tap(device: PhoneDevice, resource_id: str) -> None:
    elements = device.observe().elements
    device.act(Tap(element=next(one.index for one in elements if one.resource_id == resource_id)))


@pytest.mark.parametrize("name", ["notes-write", "restaurants-book-table", "clock-alarm-on"])
def test_the_same_task_is_solved_by_the_same_oracle(device: PhoneDevice, name: str) -> None:
    env = DeviceEnv(get_task(f"phone/{name}"), device, split="test")
    assert solve(env, f"phone/{name}").reward == 1
    log = device.event_log()  # what the audit reads
    assert verify_log(log) == len(log) > 1


def test_the_screen_lists_what_the_phones_own_browser_lists(device: PhoneDevice) -> None:
    own = open_phone()
    try:
        for phone in (own, device):
            phone.reset(SETUP)
            phone.act(OpenApp(app="notes"))
        ours, theirs = own.observe(), device.observe()
    finally:
        own.close()
    assert theirs.screenshot.shape == ours.screenshot.shape
    assert theirs.location == ours.location == "notes/home"
    for one, other in zip(theirs.elements, ours.elements, strict=True):
        assert (one.role, one.name, one.resource_id) == (
            other.role,
            other.name,
            other.resource_id,
        )
        assert one.bounds == pytest.approx(other.bounds, abs=0.05)  # its letters are others


def test_text_keys_and_the_owners_answers_arrive(device: PhoneDevice) -> None:
    device.reset(PhoneSetup(seed="test", attitude="denies"))
    device.act(OpenApp(app="notes"))
    tap(device, "tap-open-write")
    title = next(one for one in device.observe().elements if one.resource_id == "field-title")
    device.act(InputText(element=title.index, text="für 2 € 😀"))
    device.act(PressKey(key="enter"))
    tap(device, "tap-next")
    [change] = device.state()["changes"].rows
    assert change.columns["title"] == "für 2 € 😀"
    ask = RequestPermission(permission="read_data", resource="phone", reason="why not")
    device.act(ask)
    assert device.observe().messages == ("permission read_data for 'phone': denied",)
    device.act(PressKey(key="home"))
    assert device.observe().location == "home"
    with pytest.raises(ActionError, match="there is no app 'Camera'"):
        device.act(OpenApp(app="Camera"))


def test_a_snapshot_is_restored_and_a_lost_session_begun_anew(
    device: PhoneDevice, driver: AppiumDriver
) -> None:
    device.reset(SETUP)
    device.act(OpenApp(app="notes"))
    token = device.snapshot()
    device.act(PressKey(key="home"))
    device.restore(token)
    assert device.observe().location == "notes/home"
    assert any(one.resource_id == "tap-open-write" for one in device.observe().elements)
    assert driver._session is not None
    driver._session.quit()
    with pytest.raises(DeviceError) as caught:
        device.act(Tap(point=(0.5, 0.5)))
    assert caught.value.cause == "session_lost"
    device.reset(SETUP)
    assert device.observe().location == "home"


def test_what_needs_a_browser_of_our_own_is_refused(device: PhoneDevice) -> None:
    browser = device._browser
    assert isinstance(browser, BrowserDevice)
    with pytest.raises(ConfigError, match="nothing guards the network"):
        browser.reset(BrowserSetup("about:blank", network=NetworkPolicy()))
    device.reset(SETUP)
