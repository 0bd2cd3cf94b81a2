"""An Android handset, driven by the real adb and by Appium's client: the same either way."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from agentenv.actions import (
    Action,
    DoubleTap,
    Drag,
    InputText,
    LongPress,
    Navigate,
    OpenApp,
    PressKey,
    Scroll,
    Swipe,
    Tap,
)
from agentenv.devices.adb.client import Adb
from agentenv.devices.adb.driver import AdbDriver
from agentenv.devices.android.appium import AppiumDriver
from agentenv.devices.android.device import NO_TREE, AndroidDevice
from agentenv.devices.android.driver import Driver
from agentenv.devices.android.setup import AndroidSetup
from agentenv.errors import ActionError, ConfigError, DeviceError
from agentenv.phone.adb_server import AdbServer
from tests.devices.adb import needs_adb
from tests.devices.fake_android import HEIGHT, PACKAGE, WIDTH, FakeAndroid, FakeShell
from tests.devices.w3c_server import W3CServer

pytestmark = [needs_adb, pytest.mark.usefixtures("adb_server")]
SETUP = AndroidSetup(app=PACKAGE)
FIELD, SAVE, LIST = 0, 1, 2


@dataclass
class Handset:
    """A handset, and the device that drives it."""

    android: FakeAndroid
    device: AndroidDevice
    cut: Callable[[], None]
    """Lose the connection: a cable is pulled, a session ends."""


def by_adb(android: FakeAndroid) -> Iterator[Handset]:
    server = AdbServer(FakeShell(android))
    yield Handset(android, make_device(AdbDriver(server.serial, timeout=3)), server.disconnect)
    subprocess.run(["adb", "disconnect", server.serial], capture_output=True, check=False)
    server.close()


def by_appium(android: FakeAndroid) -> Iterator[Handset]:
    pytest.importorskip("appium", reason="no Appium client; pip install 'agentenv[android]'")
    server = W3CServer(android)
    yield Handset(android, make_device(AppiumDriver(server.url, timeout=3)), server.lose_session)
    server.close()


def make_device(driver: Driver) -> AndroidDevice:
    return AndroidDevice(driver, WIDTH // 2, HEIGHT // 2, settle_time=0.5, recovery_time=30)


@pytest.fixture(params=[by_adb, by_appium])
def handset(request: pytest.FixtureRequest) -> Iterator[Handset]:
    opened = request.param(FakeAndroid())
    handset = next(opened)
    yield handset
    handset.android.hang.clear()
    handset.device.close()
    list(opened)


def test_the_screen_is_seen_in_the_agents_size(handset: Handset) -> None:
    handset.device.reset(SETUP)
    screen = handset.device.observe()
    assert screen.screenshot.shape == (HEIGHT // 2, WIDTH // 2, 3)
    assert [one.role for one in screen.elements] == ["textbox", "button", "region"]
    assert screen.elements[SAVE].bounds == (0.0, 0.2344, 0.5, 0.3125)
    assert screen.location == f"{PACKAGE}/{PACKAGE}.MainActivity"
    assert handset.android.started == [PACKAGE]
    assert handset.android.settings["global", "window_animation_scale"] == "0"


def test_actions_arrive_as_touches_in_the_devices_pixels(handset: Handset) -> None:
    device, android = handset.device, handset.android
    device.reset(SETUP)
    sent = device.act(Tap(element=SAVE))
    assert sent == Tap(point=(0.25, (0.2344 + 0.3125) / 2))
    device.act(LongPress(point=(0.5, 0.5)))
    device.act(DoubleTap(point=(1.0, 1.0)))
    device.act(Swipe(start=(0.5, 0.9), end=(0.5, 0.1)))
    device.act(Drag(element=SAVE, to_element=LIST))
    assert [(start, end) for start, end, _ in android.touches] == [
        ((180, 350), (180, 350)),
        ((360, 640), (360, 640)),
        ((719, 1279), (719, 1279)),
        ((719, 1279), (719, 1279)),
        ((360, 1152), (360, 128)),
        ((180, 350), (360, 849)),
    ]
    assert [ms for _, _, ms in android.touches] == [0, 800, 0, 0, 300, 1200]
    device.act(Scroll(direction="down"))
    assert android.touches[-1] == ((360, 1094), (360, 604), 500)
    device.act(PressKey(key="back"))
    device.act(PressKey(key="ctrl+a"))
    assert android.keys[-2:] == [(4,), (113, 29)]


def test_every_text_is_typed_as_it_is(handset: Handset) -> None:
    handset.device.reset(SETUP)
    for text in (
        "plain",
        "two words",
        "100%s of it, %d %%s",
        'it\'s "quoted" & $HOME; `x` | *',
        "für 2 € 😀 你好",
        "",
    ):
        handset.device.act(InputText(element=FIELD, text=text))
        assert handset.android.text == text
    handset.device.act(InputText(text="!", clear=False))
    assert handset.device.observe().elements[FIELD].value == handset.android.text == "!"


def test_without_a_keyboard_for_it_other_texts_are_refused_in_words() -> None:
    android = FakeAndroid()
    server = AdbServer(FakeShell(android, keyboard=False))
    device = AndroidDevice(AdbDriver(server.serial), WIDTH, HEIGHT, settle_time=0)
    try:
        device.reset(SETUP)
        with pytest.raises(ActionError, match="ADBKeyboard"):
            device.act(InputText(element=FIELD, text="ü"))
        device.act(InputText(text="u", clear=False))
        assert android.text == "u"
    finally:
        device.close()
        server.close()


MISTAKES: list[tuple[Action, str]] = [
    (Tap(element=17), "no element 17"),
    (InputText(text="x"), "no text field has the focus"),
    (InputText(element=SAVE, text="x"), "is not a text field"),
    (OpenApp(app="Camera"), "there is no app 'Camera'"),
    (Navigate(url="nothing"), "complete address"),
]


def test_mistakes_are_refused_in_words(handset: Handset) -> None:
    handset.device.reset(SETUP)
    for action, words in MISTAKES:
        with pytest.raises(ActionError, match=words):
            handset.device.act(action)
    assert not handset.android.touches


def test_apps_are_opened_by_name_package_or_its_last_part(handset: Handset) -> None:
    handset.device.reset(AndroidSetup(apps=(("My Notes", PACKAGE),)))
    for name in ("my notes", PACKAGE, "Notes"):
        handset.device.act(OpenApp(app=name))
    assert handset.android.started == [PACKAGE] * 3


def test_a_task_sets_settings_up_and_reads_them_back(handset: Handset) -> None:
    setup = AndroidSetup(
        clear=(PACKAGE,),
        commands=(("settings", "put", "system", "volume", "7"),),
        state=(("volume", ("settings", "get", "system", "volume")),),
    )
    handset.device.reset(setup)
    assert handset.device.state()["volume"] == "7"


def test_a_task_gives_apps_permissions(handset: Handset) -> None:
    handset.device.reset(AndroidSetup(grants=((PACKAGE, "android.permission.CAMERA"),)))
    assert handset.android.granted == ["android.permission.CAMERA"]


@pytest.mark.parametrize("handset", [by_appium], indirect=True)
def test_appium_fills_the_clipboard(handset: Handset) -> None:
    handset.device.reset(AndroidSetup(clipboard="für 2 €"))
    assert handset.android.clipboard == "für 2 €"


@pytest.mark.parametrize("handset", [by_adb], indirect=True)
def test_adb_alone_cannot_fill_it_and_says_what_can(handset: Handset) -> None:
    with pytest.raises(ConfigError, match="use Appium"):
        handset.device.reset(AndroidSetup(clipboard="für 2 €"))


def test_a_tree_that_fails_once_is_asked_for_again(handset: Handset) -> None:
    handset.device.reset(SETUP)
    handset.android.failing["tree"] = 1
    handset.device.act(PressKey(key="back"))
    screen = handset.device.observe()
    assert len(screen.elements) == 3
    assert screen.messages == ()


@pytest.mark.parametrize("kind", ["tree", "torn tree"])
def test_without_a_tree_the_picture_is_left_and_the_agent_is_told(
    handset: Handset, kind: str
) -> None:
    handset.device.reset(SETUP)
    handset.android.failing[kind] = 100
    handset.device.act(PressKey(key="back"))
    screen = handset.device.observe()
    assert (screen.elements, screen.messages) == ((), (NO_TREE,))
    assert screen.screenshot.any()
    handset.android.failing.clear()
    handset.device.act(PressKey(key="back"))
    assert len(handset.device.observe().elements) == 3
    assert handset.device.observe().messages == ()


def test_a_frame_of_one_colour_is_looked_at_again_and_a_screen_of_one_is_a_failure(
    handset: Handset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentenv.devices.android.device.BLANK_TIME", 0.5)
    handset.device.reset(SETUP)
    handset.android.failing["blank"] = 2
    handset.device.act(PressKey(key="back"))
    assert handset.device.observe().screenshot.any()
    handset.android.failing["blank"] = 10_000
    handset.device.act(PressKey(key="back"))
    with pytest.raises(DeviceError) as caught:
        handset.device.observe()
    assert caught.value.cause == "blank_screen"


def test_a_dialog_of_an_app_that_hangs_is_answered(handset: Handset) -> None:
    handset.device.reset(SETUP)
    handset.android.failing["anr"] = 1
    handset.device.act(PressKey(key="back"))
    assert len(handset.device.observe().elements) == 3
    assert handset.device.failures["anr_dialog"] == 1
    handset.android.failing["anr"] = 10
    handset.device.act(PressKey(key="back"))
    with pytest.raises(DeviceError) as caught:
        handset.device.observe()
    assert caught.value.cause == "app_not_responding"


def test_a_lost_connection_is_made_anew_and_nothing_else_is_lost(handset: Handset) -> None:
    handset.device.reset(SETUP)
    handset.device.act(InputText(element=FIELD, text="kept"))
    handset.cut()
    handset.device.act(Tap(element=SAVE))
    assert handset.android.saved == ["kept"]


def test_a_device_that_hangs_is_a_failure_within_the_deadline(handset: Handset) -> None:
    handset.device.reset(SETUP)
    handset.android.hang.set()
    with pytest.raises(DeviceError) as caught:
        handset.device.act(Tap(element=SAVE))
    assert caught.value.cause in ("adb_timeout", "appium_timeout")
    assert handset.device.failures[caught.value.cause] == 1
    threading.Timer(1, handset.android.hang.clear).start()
    handset.device.reset(SETUP)
    assert len(handset.device.observe().elements) == 3


def test_nothing_there_is_said_with_what_to_do() -> None:
    adb = Adb("127.0.0.1:1", timeout=5)
    adb.deadline = 0.0  # long past: there is one try
    with pytest.raises(DeviceError, match="adb devices"):
        adb.connect()


def test_without_adb_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ConfigError, match="apt-get install adb"):
        AdbDriver("127.0.0.1:5555").connect()
