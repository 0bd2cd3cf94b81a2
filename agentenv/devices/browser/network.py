"""Which addresses a page may reach."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from agentenv.devices.base import NetworkPolicy

__all__ = ["NetworkPolicy", "is_allowed"]

_LOCAL_SCHEMES = ("data", "blob", "about")


def is_allowed(url: str, policy: NetworkPolicy, page: str) -> bool:
    """Whether a page may reach an address.

    Args:
        url: the address, as the browser writes it.
        policy: its `replay` plays no part here.
        page: the address of the setup; the files beside a file are allowed with it.
    """
    scheme = urlsplit(url).scheme
    if scheme in _LOCAL_SCHEMES:
        return True
    if scheme == "file" and _is_beside(url, page):
        return True
    return any(_expression(pattern).fullmatch(url) for pattern in policy.allow)


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    """A pattern as a regular expression; its host must not reach over into the path."""
    if pattern == "*":
        return re.compile(".*", re.DOTALL)
    scheme, _, rest = pattern.partition("://")
    host, slash, path = rest.partition("/")
    parts = (
        _with_stars(scheme, "[a-z]*") + "://" + _with_stars(host.lower(), "[^/?#@\\\\]*"),
        "/" + (_with_stars(path, ".*") if slash else ".*"),
    )
    return re.compile("".join(parts), re.DOTALL)


def _with_stars(text: str, star: str) -> str:
    return star.join(re.escape(part) for part in text.split("*"))


def _is_beside(url: str, page: str) -> bool:
    """Whether both are files, and the first lies in the second's folder."""
    if urlsplit(page).scheme != "file":
        return False
    path, folder = (Path(url2pathname(urlsplit(one).path)).resolve() for one in (url, page))
    return path.is_relative_to(folder.parent)
