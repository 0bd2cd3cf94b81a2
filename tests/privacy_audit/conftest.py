"""What the tests of the audit share."""

from __future__ import annotations

import pytest

from privacy_audit.ocr import CACHE, ScreenReader


@pytest.fixture(scope="session")
def read(tmp_path_factory: pytest.TempPathFactory) -> ScreenReader:
    """A real reader of screenshots: loading its models takes longer than a screen."""
    return ScreenReader(tmp_path_factory.mktemp("screens") / CACHE)
