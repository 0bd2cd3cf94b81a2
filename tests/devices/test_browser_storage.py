"""A page begins with the storage its setup names, and with nothing of the last episode."""

from __future__ import annotations

import json
import logging
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentenv.actions import Navigate
from agentenv.devices.base import BrowserSetup
from agentenv.devices.browser import BrowserDevice, open_browser
from agentenv.devices.browser.network import NetworkPolicy
from agentenv.errors import ConfigError
from tests.devices.browser_pages import write_page
from tests.devices.local_sites import Site

# What the page finds when it opens, and what it then leaves behind.
PAGE = """<!DOCTYPE html><script>
window.found = (async () => {
  const databases = (await indexedDB.databases()).length;
  const cached = window.caches ? (await caches.keys().catch(() => [])).length : 0;
  const found = {
    cookie: document.cookie, local: { ...localStorage }, session: { ...sessionStorage },
    databases, cached,
  };
  document.cookie = 'left=1; max-age=1000';
  localStorage.left = sessionStorage.left = 1;
  await new Promise((done) => { indexedDB.open('left', 1).onsuccess = done; });
  if (window.caches) await caches.open('left').catch(() => 0);
  window.seen = found;
})();
</script>"""
NOTHING = {"cookie": "", "local": {}, "session": {}, "databases": 0, "cached": 0}


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    site.pages["/"] = PAGE
    yield site
    site.close()


def found_at(device: BrowserDevice, setup: BrowserSetup) -> object:
    device.reset(setup)
    return device.state()


def setup_at(url: str, **options: object) -> BrowserSetup:
    return BrowserSetup(url, ready="window.seen", state="seen", **options)  # type: ignore[arg-type]


def test_a_page_loaded_anew_finds_nothing_of_the_last_episode(
    browser: BrowserDevice, site: Site, tmp_path: Path
) -> None:
    file = write_page(tmp_path, PAGE)
    for url in (file, site.url + "/"):
        setup = setup_at(url, reload=True)
        assert found_at(browser, setup) == NOTHING
        assert found_at(browser, setup) == NOTHING
    # The site is left behind on the way, not only at the end.
    browser.reset(setup_at(file, reload=True))
    browser.act(Navigate(url=site.url + "/"))
    browser.act(Navigate(url=file))
    assert found_at(browser, setup_at(file, reload=True)) == NOTHING
    assert found_at(browser, setup_at(site.url + "/", reload=True)) == NOTHING


def write_state(folder: Path, site: Site) -> Path:
    """As Playwright writes it."""
    cookie = {
        "name": "session",
        "value": "s3cret",
        "domain": "127.0.0.1",
        "path": "/",
        "expires": time.time() + 1000,
        "httpOnly": True,
        "secure": False,
        "sameSite": "Lax",
    }
    items = [{"name": "theme", "value": "dark é"}]
    state = {"cookies": [cookie], "origins": [{"origin": site.url, "localStorage": items}]}
    path = folder / "state.json"
    path.write_text(json.dumps(state))
    return path


@pytest.mark.parametrize("guarded", [False, True])
def test_every_reset_returns_to_the_storage_state(
    browser: BrowserDevice, site: Site, tmp_path: Path, guarded: bool
) -> None:
    # Nothing else is allowed, not even the address that localStorage belongs to.
    site.pages["/page"] = PAGE
    url = site.url + "/page"
    policy = NetworkPolicy(allow=(url,)) if guarded else None
    state = write_state(tmp_path, site)
    setup = setup_at(url, storage_state=state, network=policy)
    for _ in range(2):
        assert found_at(browser, setup) == NOTHING | {"local": {"theme": "dark é"}}
    assert [cookies for path, cookies in site.cookies if path == "/page"] == 2 * ["session=s3cret"]
    assert [path for path in site.paths() if "icon" not in path] == 2 * ["GET /page"]
    assert found_at(browser, setup_at(url, network=policy)) == NOTHING


def test_the_storage_state_can_be_saved(
    browser: BrowserDevice, site: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    browser.reset(setup_at(site.url + "/", storage_state=write_state(tmp_path, site)))
    browser.act(Navigate(url="about:blank"))
    saved = tmp_path / "deep" / "saved.json"
    browser.save_storage_state(saved)
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    content = json.loads(saved.read_text())
    cookies = {cookie["name"]: cookie["value"] for cookie in content["cookies"]}
    assert cookies == {"session": "s3cret", "left": "1"}
    assert content["origins"][0]["origin"] == site.url
    assert site.paths().count("GET /") == 1
    found = found_at(browser, setup_at(site.url + "/", storage_state=saved))
    local = {"theme": "dark é", "left": "1"}
    assert found == NOTHING | {"cookie": "left=1", "local": local}
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize(
    "text",
    [
        "not JSON s3cret",
        '["s3cret"]',
        '{"cookies": [{"name": "a", "value": "s3cret", "domain": "x", "sameSite": "s3cret"}]}',
        '{"origins": [{"origin": "s3cret", "localStorage": []}]}',
        '{"cookies": {"a": "s3cret"}}',
    ],
)
def test_a_broken_storage_state_is_named_but_not_quoted(
    lockstep: BrowserDevice, tmp_path: Path, text: str
) -> None:
    path = tmp_path / "state.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"state\.json") as caught:
        lockstep.reset(BrowserSetup("about:blank", storage_state=path))
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_saving_needs_an_open_page(tmp_path: Path) -> None:
    device = open_browser(160, 210)
    with pytest.raises(Exception, match="reset the device first"):
        device.save_storage_state(tmp_path / "state.json")
