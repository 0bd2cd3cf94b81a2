"""Tasks on Android's own apps, against a shell that answers as an emulator's does."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import gymnasium
import pytest

import agentenv  # noqa: F401 (registers the environments)
from agentenv.actions import Finish
from agentenv.devices.android.device import AndroidDevice
from agentenv.env import DeviceEnv
from agentenv.errors import ConfigError
from agentenv.phone.adb_server import Result
from agentenv.tasks import get_task, suite
from agentenv.tasks.android.clock import next_alarm
from agentenv.tasks.android.contacts import contacts_in
from agentenv.tasks.android.files import FOLDER
from agentenv.tasks.android.names import NAMES
from agentenv.tasks.android.settings import FONTS, TIMEOUTS
from emulators.verify import begin_tasks
from tests.devices.android_system import AndroidSystem, driver_of

NAME, PHONE = "vnd.android.cursor.item/name", "vnd.android.cursor.item/phone_v2"
Did = Callable[[AndroidSystem, Mapping[str, str]], None]


def put(space: str, name: str, values: Mapping[str, str]) -> Did:
    def did(system: AndroidSystem, drawn: Mapping[str, str]) -> None:
        system.android.settings[space, name] = values[drawn["wanted"]]

    return did


def dark(system: AndroidSystem, drawn: Mapping[str, str]) -> None:
    system.dark = {"on": "yes", "off": "no"}[drawn["wanted"]]


def alarm(system: AndroidSystem, drawn: Mapping[str, str]) -> None:
    system.set_alarm(drawn["time"])


def new_contact(system: AndroidSystem, drawn: Mapping[str, str]) -> None:
    digits = drawn["new_number"]
    shown = f"{digits[:3]}-{digits[3:6]}-{digits[6:]}"  # as the app writes it
    system.contacts[9] = [(PHONE, shown), (NAME, drawn["new"])]


def new_number(system: AndroidSystem, drawn: Mapping[str, str]) -> None:
    system.contacts[1] = [(NAME, drawn["name"]), (PHONE, drawn["new_number"])]


def no_contact(system: AndroidSystem, drawn: Mapping[str, str]) -> None:
    del system.contacts[1]


def files(remove: str, *added: str) -> Did:
    def did(system: AndroidSystem, drawn: Mapping[str, str]) -> None:
        if remove:
            system.paths.remove(f"{FOLDER}/{drawn[remove]}")
        if added:
            system.paths.add("/".join([FOLDER, *(drawn[one] for one in added)]))

    return did


DONE: dict[str, Did] = {
    "settings-screen-timeout": put("system", "screen_off_timeout", TIMEOUTS),
    "settings-adaptive-brightness": put(
        "system", "screen_brightness_mode", {"on": "1", "off": "0"}
    ),
    "settings-dark-theme": dark,
    "settings-location": put("secure", "location_mode", {"on": "3", "off": "0"}),
    "settings-clock-format": put("system", "time_12_24", {"24": "24", "12": "12"}),
    "settings-font-size": put("system", "font_scale", FONTS),
    "clock-alarm": alarm,
    "contacts-new": new_contact,
    "contacts-number": new_number,
    "contacts-delete": no_contact,
    "files-delete": files("file"),
    "files-rename": files("file", "new"),
    "files-move": files("file", "folder", "file"),
    "files-new-folder": files("", "new_folder"),
}
"""What its app does to the device, where somebody carries a task out."""


def something_else(system: AndroidSystem) -> None:
    """What no task asks for."""
    system.contacts[7] = [(NAME, "Stranger")]
    system.paths.add(f"{FOLDER}/stranger.txt")


class DeafSystem(AndroidSystem):
    """Whatever is set, the clock shows 24 hours and has always shown them."""

    def run(self, line: str) -> Result:
        if "time_12_24" in line:
            return Result(b"24\n" if " get " in line else b"")
        return super().run(line)


@pytest.fixture
def system() -> AndroidSystem:
    return AndroidSystem()


@pytest.fixture
def device(system: AndroidSystem) -> AndroidDevice:
    return AndroidDevice(driver_of(system), 360, 640, settle_time=0)


def reward(device: AndroidDevice, name: str, did: Callable[[Mapping[str, str]], None]) -> float:
    """What somebody gets who does that, and then says so."""
    task = get_task(f"android/{name}")
    env = DeviceEnv(task, device, split="test")
    env.begin(task.instance("test", 0))
    did(env.instance.parameters)
    return env.advance(Finish(success=True)).reward


@pytest.mark.parametrize("name", NAMES)
def test_a_task_begins_undone_and_what_it_asks_for_does_it(
    name: str, system: AndroidSystem, device: AndroidDevice
) -> None:
    assert reward(device, name, lambda drawn: None) == 0
    assert reward(device, name, lambda drawn: DONE[name](system, drawn)) == 1


@pytest.mark.parametrize("name", [one for one in NAMES if one.startswith(("contacts", "files"))])
def test_who_changes_something_else_too_has_not_done_it(
    name: str, system: AndroidSystem, device: AndroidDevice
) -> None:
    def did(drawn: Mapping[str, str]) -> None:
        DONE[name](system, drawn)
        something_else(system)

    assert reward(device, name, did) == 0


def test_every_instance_asks_for_what_is_not_so_yet_and_no_two_goals_are_one() -> None:
    assert sorted(name.partition("/")[2] for name in suite("android")) == sorted(NAMES)
    for task in suite("android").values():
        instances = [task.instance("train", index) for index in range(20)]
        assert "{" not in "".join(one.goal for one in instances)
        assert len({one.goal for one in instances}) > 1
        assert instances == [task.instance("train", index) for index in range(20)]


def test_what_erases_data_is_refused_on_a_handset(
    system: AndroidSystem, device: AndroidDevice
) -> None:
    system.properties = {"sys.boot_completed": "1", "ro.hardware": "qcom"}
    with pytest.raises(ConfigError, match="no emulator"):
        reward(device, "contacts-delete", lambda drawn: None)
    assert not system.cleared
    assert reward(device, "files-delete", lambda drawn: None) == 0


def test_the_clock_is_set_for_a_task_and_everything_put_back_at_the_end(
    system: AndroidSystem, device: AndroidDevice
) -> None:
    reward(device, "clock-alarm", lambda drawn: None)
    assert system.clock.isoformat() == "2026-01-15T09:00:00+00:00"
    assert system.properties["persist.sys.timezone"] == "UTC"
    assert system.android.settings["global", "window_animation_scale"] == "0"
    device.close()
    assert system.clock.year > 2025
    assert system.properties["persist.sys.timezone"] == "Europe/Berlin"
    assert system.android.settings["global", "window_animation_scale"] == "1.0"


def test_a_clock_that_cannot_be_set_leaves_the_rest_as_it_should_be(
    system: AndroidSystem, device: AndroidDevice, caplog: pytest.LogCaptureFixture
) -> None:
    system.is_rooted = False
    assert reward(device, "settings-dark-theme", lambda drawn: dark(system, drawn)) == 1
    assert "clock cannot be set" in caplog.text
    assert system.clock.year == 2031


def test_what_the_device_prints_is_read_whatever_it_holds() -> None:
    printed = (
        "Row: 0 raw_contact_id=1, mimetype=vnd.android.cursor.item/name, data1=Lee, data1=Ann\n"
        "Row: 1 raw_contact_id=1, mimetype=vnd.android.cursor.item/phone_v2, data1=+1 (55) 5-0\n"
        "Row: 2 raw_contact_id=1, mimetype=vnd.android.cursor.item/note, data1=two\nlines\n"
        "Row: 3 raw_contact_id=2, mimetype=vnd.android.cursor.item/name, data1=NULL\n"
    )
    assert contacts_in(printed) == {"Lee, data1=Ann": {"15550"}, "NULL": set()}
    assert contacts_in("No result found.\n") == contacts_in("Error while accessing provider") == {}
    dump = "Next alarm clock information: \n    user:0 pendingSend:false time:1768462200000 = x\n"
    assert next_alarm(dump, "Europe/Berlin\n") == "08:30"
    assert next_alarm(dump, "No/Such") == next_alarm(dump, "../etc") == "07:30"
    assert next_alarm("", "UTC") == ""


def test_an_emulator_is_verified_by_beginning_every_task(
    device: AndroidDevice,
) -> None:
    begin_tasks(device)
    with pytest.raises(AssertionError, match="done before it begins"):
        begin_tasks(AndroidDevice(driver_of(DeafSystem()), 360, 640, settle_time=0))


def test_the_environments_are_registered() -> None:
    for name in NAMES:
        assert f"agentenv/Android-{name}-v0" in gymnasium.registry
    with pytest.raises(ConfigError, match="adb:SERIAL"):
        gymnasium.make("agentenv/Android-files-move-v0", engine="lockstep").reset(seed=0)
