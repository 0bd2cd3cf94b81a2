"""Which addresses a page may reach, and how Chromium is told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from agentenv.devices.base import NetworkPolicy

__all__ = ["NetworkPolicy", "browser_flags", "is_allowed", "is_local"]

_LOCAL_SCHEMES = ("data", "blob", "about")
_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_NOWHERE = "socks5://blocked.invalid:1"
"""A proxy that does not exist, for everything that must not get out."""


def is_allowed(url: str, policy: NetworkPolicy, page: str) -> bool:
    """Whether a page may reach an address.

    Args:
        url: the address, as the browser writes it.
        policy: its `replay` plays no part here.
        page: the address of the setup; the files beside a file are allowed with it.
    """
    if is_local(url, page):
        return True
    of_host = urlsplit(url).scheme in ("ws", "wss")
    return any(_expression(pattern, of_host).match(url) for pattern in policy.allow)


def is_local(url: str, page: str) -> bool:
    """Whether an address is part of the page itself, which every policy allows."""
    scheme = urlsplit(url).scheme
    return scheme in _LOCAL_SCHEMES or (scheme == "file" and _is_beside(url, page))


def browser_flags(policy: NetworkPolicy) -> tuple[str, ...]:
    """Flags that close what cannot be decided request by request.

    Those are name look-ups, connections made in advance, WebSockets, WebRTC, WebTransport
    and speculative loads. The browser finds no host but the allowed ones, goes to all
    others through a proxy that does not exist, and sends no datagrams.
    """
    if "*" in policy.allow and policy.replay is None:
        return ()
    patterns = policy.allow if policy.replay is None else ()
    sites = sorted({site for pattern in patterns for site in _sites(pattern)})
    hosts = sorted({_host_and_port(site.partition("://")[2])[0].strip("[]") for site in sites})
    rules = [*(f"EXCLUDE {host}" for host in hosts), "MAP * ~NOTFOUND"]
    return (
        f"--host-resolver-rules={','.join(rules)}",
        f"--proxy-server={_NOWHERE}",
        f"--proxy-bypass-list={';'.join(['<-loopback>', *sites])}",
        # The first is for chromium-headless-shell, the second for ordinary Chromium.
        "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
        "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    )


def _sites(pattern: str) -> Iterator[str]:
    """A pattern's "scheme://host:port", once for each scheme it means."""
    wanted, host, port, _ = _parts(pattern)
    for scheme, usual in _PORTS.items():
        if fnmatchcase(scheme, wanted):
            yield f"{scheme}://{host}" + ("" if port == "*" else f":{port or usual}")


@cache
def _expression(pattern: str, of_host: bool) -> re.Pattern[str]:
    """What the whole address must match, or only what comes before its path."""
    if pattern == "*":
        return re.compile("")
    scheme, host, port, path = _parts(pattern)
    site = _with_stars(scheme, "[a-z]*") + "://" + _with_stars(host, "[^/?#@:\\\\]*")
    site += f":{_with_stars(port, '[0-9]*')}" if port else ""
    return re.compile(site + "/" + ("" if of_host else _with_stars(path, ".*") + r"\Z"), re.DOTALL)


def _parts(pattern: str) -> tuple[str, str, str, str]:
    """Scheme, host, port (may be empty) and path of a pattern, the path without its slash."""
    scheme, _, rest = pattern.partition("://")
    site, slash, path = rest.partition("/")
    host, port = _host_and_port(site)
    if port == str(_PORTS.get(scheme.lower(), "")):
        port = ""  # as browsers write addresses
    return scheme.lower(), host.lower(), port, path if slash else "*"


def _host_and_port(site: str) -> tuple[str, str]:
    host, colon, port = site.rpartition(":")
    if not colon or port.endswith("]"):
        return site, ""
    return host, port


def _with_stars(text: str, star: str) -> str:
    return star.join(re.escape(part) for part in text.split("*"))


def _is_beside(url: str, page: str) -> bool:
    """Whether both are files, and the first lies in the second's folder."""
    if urlsplit(page).scheme != "file":
        return False
    path, folder = (Path(url2pathname(urlsplit(one).path)).resolve() for one in (url, page))
    return path.is_relative_to(folder.parent)
