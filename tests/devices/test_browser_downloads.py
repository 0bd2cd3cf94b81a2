"""Downloads end in a folder of the browser's own, on both engines."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentenv.actions import Navigate, Tap
from agentenv.devices.base import BrowserSetup
from agentenv.devices.browser import BrowserDevice, downloads
from agentenv.devices.browser.downloads import Downloads
from agentenv.devices.browser.notices import Notices
from agentenv.errors import DeviceError
from tests.devices.browser_pages import find, open_page, write_page


def test_a_finished_download_is_listed_and_told(browser: BrowserDevice, tmp_path: Path) -> None:
    body = """<a href='data:text/csv,a%2Cb' download='report.csv'>Save</a>
    <button onclick="Object.assign(document.createElement('a'), {download: '../../.evil.txt',
    href: window.URL.createObjectURL(new Blob(['12345']))}).click()">Export</button>"""
    open_page(browser, tmp_path, body)
    assert browser.downloads == []
    save = find(browser, "Save").index
    browser.act(Tap(element=save))
    assert browser.observe().messages == ("downloaded report.csv, 3 bytes",)
    browser.act(Tap(element=save))
    browser.act(Tap(element=find(browser, "Export").index))
    first, second, third = browser.downloads
    assert (first.name, second.name) == ("report.csv", "report (1).csv")
    assert first.read_text() == "a,b"
    assert third.parent == first.parent
    assert third.read_text() == "12345"

    open_page(browser, tmp_path, "<p>Next</p>")
    assert browser.downloads == []
    assert not first.exists()


def test_an_address_of_a_file_is_downloaded(
    browser: BrowserDevice, tmp_path: Path, sites: tuple[str, str]
) -> None:
    here, _ = sites
    (tmp_path / "data.bin").write_bytes(b"x" * 1000)
    write_page(tmp_path, "<p>Here</p><a href='data.bin' target=_blank>Get</a>")
    browser.reset(BrowserSetup(f"{here}/page.html"))
    browser.act(Tap(element=find(browser, "Get").index))
    browser.act(Navigate(url=f"{here}/data.bin"))
    assert [path.name for path in browser.downloads] == ["data.bin", "data (1).bin"]
    assert browser.downloads[1].stat().st_size == 1000
    find(browser, "Here")
    with pytest.raises(DeviceError) as caught:
        browser.reset(BrowserSetup(f"{here}/data.bin"))
    assert caught.value.cause == "download"


def test_a_download_that_is_too_large_is_stopped(
    browser: BrowserDevice,
    tmp_path: Path,
    sites: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(downloads, "MAX_BYTES", 1000)
    (tmp_path / "large.bin").write_bytes(b"x" * 3_000_000)
    write_page(tmp_path, "<a href='large.bin'>Get</a>")
    browser.reset(BrowserSetup(f"{sites[0]}/page.html"))
    browser.act(Tap(element=find(browser, "Get").index))
    [message] = browser.observe().messages
    assert message.startswith("the download of large.bin")
    assert browser.downloads == []


@pytest.mark.parametrize(
    ("suggested", "name"),
    [
        ("report.csv", "report.csv"),
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\a.exe", "a.exe"),
        (".bashrc", "bashrc"),
        ("a\x00\n/", "download"),
        ("", "download"),
        ("..", "download"),
        ("漢" * 200 + ".pdf", "漢" * 47 + ".pdf"),
        ("x." + "y" * 300, "x." + "y" * 48),
    ],
)
def test_no_name_leads_out_of_the_folder(tmp_path: Path, suggested: str, name: str) -> None:
    kept = Downloads(Notices())
    kept.behavior(tmp_path / "downloads")
    kept.begin({"guid": "1", "suggestedFilename": suggested})
    (tmp_path / "downloads" / "1").write_text("x")
    kept.progress({"guid": "1", "state": "completed", "receivedBytes": 1, "totalBytes": 1})
    assert kept.finished == [tmp_path / "downloads" / name]
    assert kept.finished[0].read_text() == "x"
