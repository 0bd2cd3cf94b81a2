"""`agentenv phone ...`: a new app works as it is written, and a broken one is explained."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentenv.cli.main import main


def test_a_new_app_passes_its_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "cinema.yaml"
    words = ["phone", "new-app", "cinema", "--item", "film", "--record", "ticket"]
    assert main([*words, "--out", str(path)]) == 0
    assert main(["phone", "check-app", str(path)]) == 0
    assert "5 screens, 50 rows" in capsys.readouterr().out
    assert main([*words, "--out", str(path)]) == 1  # nothing is overwritten


def test_what_is_wrong_with_an_app_is_said_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "cinema.yaml"
    assert main(["phone", "new-app", "cinema", "--out", str(path)]) == 0
    path.write_text(path.read_text().replace("opens: detail", "opens: nowhere"))
    assert main(["phone", "check-app", str(path)]) == 1
    assert "there is no screen 'nowhere'" in capsys.readouterr().err
    assert main(["phone", "new-app", "../evil"]) == 1
