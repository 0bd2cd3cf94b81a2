"""The embedded phone as the real adb sees it."""

from __future__ import annotations

import base64
import io
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import gymnasium
import pytest
from gymnasium.utils.env_checker import check_env
from PIL import Image

import agentenv  # noqa: F401 (registers the environments)
from agentenv.devices.adb.phone import AdbPhone
from agentenv.devices.android.tree import parse_tree
from agentenv.devices.browser.launch import CHROMIUM, HEADLESS_SHELL, find_browser
from agentenv.devices.phone import HEIGHT, WIDTH, open_phone
from agentenv.env import DeviceEnv
from agentenv.phone.setup import PhoneSetup
from tests.devices.adb import adb, connect, needs_adb
from tests.devices.oracles import solve

pytestmark = [
    needs_adb,
    pytest.mark.usefixtures("adb_server"),
    pytest.mark.skipif(
        not any(find_browser(kind) for kind in (HEADLESS_SHELL, CHROMIUM)), reason="no Chromium"
    ),
]
SETUP = PhoneSetup(seed="test")


@pytest.fixture(scope="module")
def plugged(adb_server: None) -> Iterator[AdbPhone]:
    phone = AdbPhone(open_phone())
    phone.reset(SETUP)
    connect(phone.serial)
    yield phone
    phone.close()


@pytest.fixture
def phone(plugged: AdbPhone) -> AdbPhone:
    plugged.reset(SETUP)
    return plugged


def shell(phone: AdbPhone, line: str) -> str:
    """What a command prints, which must succeed."""
    result = adb(phone.serial, "shell", line)
    assert result.returncode == 0, result
    return result.stdout.decode()


def location(phone: AdbPhone) -> str:
    return phone.call(lambda device: device.phone.location)


def test_adb_lists_the_phone_and_its_questions_are_answered(phone: AdbPhone) -> None:
    listed = subprocess.run(["adb", "devices", "-l"], capture_output=True, text=True, check=True)
    assert f"{phone.serial}        device product:agentenv model:agentenv_phone" in listed.stdout
    assert shell(phone, "wm size") == f"Physical size: {WIDTH}x{HEIGHT}\n"
    assert shell(phone, "wm density") == "Physical density: 160\n"
    assert shell(phone, "getprop ro.build.version.sdk") == "34\n"
    assert "package:org.agentenv.notes\n" in shell(phone, "pm list packages")
    assert shell(phone, "pm list packages notes") == "package:org.agentenv.notes\n"
    focus = shell(phone, "dumpsys window | grep -E 'mCurrentFocus|mNothing'")
    assert focus.split()[-1] == "org.agentenv.launcher/org.agentenv.launcher.home}"
    failed = adb(phone.serial, "shell", "no-such-program --now")
    assert failed.returncode == 127
    assert b"not found" in failed.stderr


def test_a_note_is_written_with_taps_text_and_keys(phone: AdbPhone) -> None:
    shell(phone, "am start -n org.agentenv.notes/.main")
    assert location(phone) == "notes/home"
    press(phone, "tap-open-write")
    press(phone, "field-title")
    shell(phone, "input text 'Milk%sand;%sbread'; input keyevent 67 KEYCODE_DEL DEL")
    shell(phone, "input keyevent KEYCODE_ENTER")
    coded = base64.b64encode("für 2 € 😀".encode()).decode()
    shell(phone, f"am broadcast -a ADB_INPUT_B64 --es msg {coded}")
    press(phone, "tap-next")
    [change] = phone.call(lambda device: device.state())["changes"].rows
    assert change.columns["title"] == "Milk and; br"
    assert change.columns["body"] == "für 2 € 😀"
    shell(phone, "input keyevent 3")
    assert location(phone) == "home"


def press(phone: AdbPhone, resource_id: str) -> None:
    """Tap an element as a client does: by the bounds in the tree."""
    tree = adb(phone.serial, "exec-out", "uiautomator dump /dev/tty").stdout
    xml = tree[: tree.rindex(b">") + 1]
    found = [one for one in parse_tree(xml, WIDTH, HEIGHT) if one.resource_id == resource_id]
    x, y = found[0].center
    shell(phone, f"input tap {int(x * WIDTH)} {int(y * HEIGHT)}")


def test_the_tree_is_what_the_device_lists(phone: AdbPhone) -> None:
    shell(phone, "monkey -p org.agentenv.restaurants -c android.intent.category.LAUNCHER 1")
    shell(phone, "input swipe 180 500 180 300 400")
    assert "dumped to: /sdcard/window_dump.xml" in shell(phone, "uiautomator dump")
    tree = shell(phone, "cat /storage/emulated/0/window_dump.xml")
    theirs = parse_tree(tree, WIDTH, HEIGHT)
    ours = phone.call(lambda device: device.observe()).elements
    assert [replace(one, bounds=(0, 0, 0, 0)) for one in theirs] == [
        replace(one, bounds=(0, 0, 0, 0)) for one in ours
    ]
    for one, other in zip(theirs, ours, strict=True):
        assert one.bounds == pytest.approx(other.bounds, abs=1 / WIDTH)


def test_pictures_come_by_every_way_the_same(phone: AdbPhone, tmp_path: Path) -> None:
    picture = adb(phone.serial, "exec-out", "screencap", "-p").stdout
    assert picture == phone.call(lambda device: device.observe()).png
    assert adb(phone.serial, "shell", "-T", "screencap -p").stdout == picture
    shell(phone, "screencap -p /sdcard/shot.png")
    assert adb(phone.serial, "pull", "/sdcard/shot.png", str(tmp_path)).returncode == 0
    assert (tmp_path / "shot.png").read_bytes() == picture
    raw = adb(phone.serial, "exec-out", "screencap").stdout
    rgba = Image.frombytes("RGBA", (WIDTH, HEIGHT), raw[16:])
    assert rgba.convert("RGB").tobytes() == Image.open(io.BytesIO(picture)).tobytes()


def test_files_are_pushed_listed_and_pulled(phone: AdbPhone, tmp_path: Path) -> None:
    sent, got = tmp_path / "sent", tmp_path / "got"
    sent.write_bytes(bytes(range(256)) * 2000)
    assert adb(phone.serial, "push", str(sent), "/sdcard/a b.bin").returncode == 0
    assert shell(phone, "ls /sdcard") == "a b.bin\n"
    assert adb(phone.serial, "pull", "/sdcard/a b.bin", str(got)).returncode == 0
    assert got.read_bytes() == sent.read_bytes()
    missing = adb(phone.serial, "pull", "/sdcard/none", str(got))
    assert missing.returncode != 0
    shell(phone, "rm '/sdcard/a b.bin'")
    assert shell(phone, "ls /sdcard") == ""


WRONG = (
    "input tap 1",
    "input tap a b",
    "input tap 1e999 1",
    "input keyevent NO_SUCH",
    "input text",
    "am start -n org.evil/.Main",
    "monkey -p org.evil 1",
    "am",
    "wm reset",
    "settings get x",
    "am broadcast -a ADB_INPUT_B64 --es msg '***'",
    "echo 'open",
    "cat /sdcard/none",
    "| ls",
)


def test_wrong_commands_are_errors_in_words_and_change_nothing(phone: AdbPhone) -> None:
    before = phone.call(lambda device: device.observe())
    for line in WRONG:
        result = adb(phone.serial, "shell", line)
        assert result.returncode == 1, line
        assert result.stderr, line
    assert phone.call(lambda device: device.observe()) == before


def test_hundreds_of_commands_of_many_clients_are_all_answered(phone: AdbPhone) -> None:
    picture = adb(phone.serial, "exec-out", "screencap", "-p").stdout

    def ask(number: int) -> bool:
        if number % 10 == 0:
            return adb(phone.serial, "exec-out", "screencap", "-p").stdout == picture
        return adb(phone.serial, "shell", f"echo {number}").stdout == f"{number}\n".encode()

    with ThreadPoolExecutor(8) as clients:
        assert all(clients.map(ask, range(200)))


def test_a_client_that_is_killed_disturbs_nobody(phone: AdbPhone) -> None:
    silent = subprocess.DEVNULL
    for _ in range(5):
        command = ["adb", "-s", phone.serial, "shell", "screencap -p && screencap -p"]
        clients = [subprocess.Popen(command, stdout=silent, stderr=silent) for _ in range(3)]
        time.sleep(0.02)
        for client in clients:
            client.kill()
            client.wait()
        assert shell(phone, "echo alive") == "alive\n"


def test_who_does_not_speak_adb_is_cut_off(phone: AdbPhone) -> None:
    for greeting in (
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        bytes(24),
        b"CNXN" + b"\xff" * 20,
    ):
        with socket.create_connection(("127.0.0.1", phone.server.port), timeout=10) as client:
            client.sendall(greeting)
            assert client.recv(100) == b""
    assert shell(phone, "echo alive") == "alive\n"


def test_what_a_person_does_meanwhile_is_seen(phone: AdbPhone) -> None:
    phone.call(lambda device: device.phone.open_app("notes"))
    assert "notes/org.agentenv.notes.home}" in shell(phone, "dumpsys window | grep mCurrentFocus")
    assert b"tap-open-write" in adb(phone.serial, "exec-out", "uiautomator dump /dev/tty").stdout


def test_one_argument_makes_a_task_one_for_adb() -> None:
    env = gymnasium.make("agentenv/Phone-notes-write-v0", engine="adb").unwrapped
    assert isinstance(env, DeviceEnv)
    try:
        check_env(env, skip_render_check=True)
        assert solve(env, "phone/notes-write").reward == 1
    finally:
        env.close()
