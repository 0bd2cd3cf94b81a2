"""A page recorded once is answered from its HAR file for ever, and nothing else is."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentenv.actions import Tap
from agentenv.devices.base import BrowserSetup
from agentenv.devices.browser import BrowserDevice
from agentenv.devices.browser.har import Archive
from agentenv.devices.browser.network import NetworkPolicy
from agentenv.errors import ConfigError
from tests.devices.browser_pages import find
from tests.devices.local_sites import Site

PAGE = """<!DOCTYPE html><title>Shop</title><script>
var log = [];
const note = async (path, options) => {
  try { log.push(await (await fetch(path, options)).text()); } catch (error) { log.push('failed'); }
};
const data = new FormData();
data.append('file', new Blob(['x']), 'x');
(async () => {
  await note('/count'); await note('/count');
  await note('/echo', { method: 'POST', body: 'first é' });
  await note('/echo', { method: 'POST', body: 'second' });
  await note('/form', { method: 'POST', body: data });
  const bytes = new Uint8Array(await (await fetch('/data.bin')).arrayBuffer());
  log.push([...bytes].join());
  window.done = true;
})();
</script><script src=/script.js></script><button onclick="note('/other')">Other</button>
<a href=/moved>Moved</a>"""


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    count = iter(range(1000))
    site.pages |= {
        "/": PAGE,
        "/script.js": "document.title = 'Shop'; document.body.style.background = 'teal';",
        "/data.bin": bytes([0, 255, 254, 128]),
        "/count": lambda _: str(next(count)),
        "/echo": lambda body: "got " + body.decode(),
        "/form": lambda _: "form",
        "/moved": "-> /arrived",
        "/arrived": "<p>Arrived</p>",
    }
    yield site
    site.close()


def shop(site: Site, policy: NetworkPolicy) -> BrowserSetup:
    state = "{log, done: window.done}"
    return BrowserSetup(
        site.url + "/", network=policy, ready="window.done", state=state, reload=True
    )


def test_what_was_recorded_is_replayed_without_the_network(
    browser: BrowserDevice, site: Site, tmp_path: Path
) -> None:
    har = tmp_path / "deep" / "shop.har"
    everything = ["0", "1", "got first é", "got second", "form", "0,255,254,128"]
    browser.reset(shop(site, NetworkPolicy(allow=(site.url + "/*",), record=har)))
    assert browser.state()["log"] == everything
    browser.act(Tap(element=find(browser, "Moved", "link").index))
    find(browser, "Arrived")
    assert not har.exists()
    browser.close()
    assert stat.S_IMODE(har.stat().st_mode) == 0o600
    reached = list(site.reached)
    site.close()

    setup = shop(site, NetworkPolicy(replay=har))
    screens = []
    for _ in range(2):
        browser.reset(setup)
        assert browser.state()["log"] == everything
        screens.append(browser.observe().png)
        browser.act(Tap(element=find(browser, "Other").index))
        assert browser.state()["log"] == [*everything, "failed"]
        assert browser.blocked == [site.url + "/other"]
        browser.act(Tap(element=find(browser, "Moved", "link").index))
        find(browser, "Arrived")
        assert browser.observe().location == site.url + "/arrived"
    assert screens[0] == screens[1]
    assert site.reached == reached


def test_a_page_that_was_not_recorded_cannot_be_opened(
    lockstep: BrowserDevice, tmp_path: Path
) -> None:
    har = write_har(tmp_path, entry("http://shop.test/", text="<p>Shop</p>"))
    policy = NetworkPolicy(replay=har)
    with pytest.raises(ConfigError, match="no reply"):
        lockstep.reset(BrowserSetup("http://shop.test/no", network=policy))
    lockstep.reset(BrowserSetup("http://shop.test/", network=policy))
    find(lockstep, "Shop")


def entry(
    url: str, *, method: str = "GET", sent: str | None = None, **content: Any
) -> dict[str, Any]:
    """An entry with only the fields that a browser's developer tools always write."""
    request: dict[str, Any] = {"method": method, "url": url, "headers": []}
    if sent is not None:
        request["postData"] = {"mimeType": "text/plain", "text": sent}
    response = {
        "status": 200,
        "headers": [
            {"name": "Content-Type", "value": "text/html"},
            {"name": "Content-Encoding", "value": "gzip"},
        ],
        "content": {"size": 1, "mimeType": "text/html", **content},
    }
    return {"request": request, "response": response}


def write_har(folder: Path, *entries: Any) -> Path:
    path = folder / "site.har"
    path.write_text(json.dumps({"log": {"version": "1.2", "entries": entries}}))
    return path


def test_replies_come_in_order_and_by_method_address_and_body(tmp_path: Path) -> None:
    url = "http://shop.test/a"
    archive = Archive(
        write_har(
            tmp_path,
            entry(url, text="one"),
            entry(url, text="dHdv", encoding="base64"),
            entry(url, method="POST", sent="x", text="posted x"),
            entry(url, method="POST", sent="y", text="posted y"),
            entry("http://shop.test/gone"),
        )
    )

    def ask(method: str, body: str = "", address: str = url) -> bytes | None:
        reply = archive.reply(method, address, body)
        return None if reply is None else reply.body

    assert [ask("GET") for _ in range(3)] == [b"one", b"two", b"two"]
    archive.rewind()
    assert ask("GET", address=url + "#part") == b"one"
    assert ask("POST", "y") == b"posted y"
    assert ask("POST", "x") == b"posted x"
    assert ask("POST", "z") is None
    assert ask("GET", address=url + "?q") is None
    gone = archive.reply("GET", "http://shop.test/gone", "")
    assert gone is not None
    assert gone.body is None
    assert gone.headers == (("Content-Type", "text/html"),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\x1f\x8b not JSON", "not JSON"),
        ("[]", "log.entries"),
        ('{"log": {"entries": {}}}', "log.entries"),
        ('{"log": {"entries": [7]}}', "entry 0"),
        ('{"log": {"entries": [{"request": {"method": "GET"}}]}}', "response"),
        (json.dumps({"log": {"entries": [entry("http://a.test/", text=7)]}}), "http://a.test/"),
        (
            json.dumps({"log": {"entries": [entry("http://a.test/", text="", encoding="gzip")]}}),
            "gzip",
        ),
        (
            json.dumps(
                {"log": {"entries": [entry("http://a.test/", text="?", encoding="base64")]}}
            ),
            "base64",
        ),
    ],
)
def test_a_broken_archive_is_named_with_its_entry(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.har"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        Archive(path)
    assert "bad.har" in str(caught.value)


def test_a_missing_archive_is_a_config_error(tmp_path: Path, lockstep: BrowserDevice) -> None:
    policy = NetworkPolicy(replay=tmp_path / "none.har")
    with pytest.raises(ConfigError, match=r"none\.har"):
        lockstep.reset(BrowserSetup("http://shop.test/", network=policy))
