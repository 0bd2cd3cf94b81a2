"""Which addresses a policy allows."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentenv.devices.base import BrowserSetup
from agentenv.devices.browser.network import NetworkPolicy, is_allowed
from agentenv.errors import ConfigError

PAGE = "https://shop.example/start"


@pytest.mark.parametrize(
    ("pattern", "url", "expected"),
    [
        ("https://shop.example/*", "https://shop.example/", True),
        ("https://shop.example/*", "https://shop.example/a?b=c/d", True),
        ("https://shop.example/*", "http://shop.example/", False),
        ("https://shop.example/*", "wss://shop.example/", False),
        ("https://shop.example/*", "https://shop.example:8443/", False),
        ("https://shop.example/*", "https://shop.example.evil.test/", False),
        ("https://shop.example/*", "https://evil.test/https://shop.example/", False),
        ("https://shop.example", "https://shop.example/any/path", True),
        ("https://shop.example", "https://shop.example.evil.test/", False),
        ("https://SHOP.example/a", "https://shop.example/a", True),
        ("https://shop.example/a", "https://shop.example/ab", False),
        ("https://*.shop.example/*", "https://img.shop.example/1.png", True),
        ("https://*.shop.example/*", "https://evil.test/x.shop.example/", False),
        ("https://*.shop.example/*", "https://evil.test?.shop.example/", False),
        ("https://shop*/", "https://shop@evil.test/", False),
        ("*://shop.example/*", "wss://shop.example/live", True),
        ("*", "https://anything.test/", True),
        ("https://shop.example/(", "https://shop.example/(", True),
    ],
)
def test_a_pattern_allows_what_it_says(pattern: str, url: str, expected: bool) -> None:
    assert is_allowed(url, NetworkPolicy(allow=(pattern,)), PAGE) is expected


def test_a_page_always_has_what_it_carries_itself() -> None:
    for url in ("data:text/plain,hi", "blob:https://shop.example/1-2", "about:blank"):
        assert is_allowed(url, NetworkPolicy(), PAGE)


def test_a_page_that_is_a_file_has_the_files_of_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "my site"
    folder.mkdir()
    (folder / "away").symlink_to(tmp_path)
    page = (folder / "index.html").as_uri()
    policy = NetworkPolicy()
    assert is_allowed(page, policy, page)
    assert is_allowed((folder / "img" / "1 2.png").as_uri(), policy, page)
    for other in ("../secret", "%2e%2e/secret", "..%2fsecret", "away/secret", "../my site2/a"):
        assert not is_allowed(folder.as_uri() + "/" + other, policy, page)
    assert not is_allowed(page, policy, PAGE)


def test_a_policy_that_cannot_be_meant_is_refused() -> None:
    for wrong in ("https://shop.example/*", ("shop.example",)):
        with pytest.raises(ConfigError, match=r"shop\.example"):
            NetworkPolicy(allow=wrong)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="not both"):
        NetworkPolicy(replay=Path("a.har"), record=Path("b.har"))


def test_setups_have_no_policy_unless_they_say_so() -> None:
    setup = BrowserSetup("about:blank")
    assert (setup.network, setup.storage_state, setup.files) == (None, None, ())
