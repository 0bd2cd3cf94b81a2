"""What every test shares."""

from __future__ import annotations

import webbrowser

import pytest
import torch

# Tests run beside browsers on few cores, where two threads of torch are slower than one.
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _no_window_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    """A live view opens in the user's browser; not in that of whoever runs the tests."""
    monkeypatch.setattr(webbrowser, "open", lambda url: False)
