from __future__ import annotations

import pytest

from agentenv.cli.main import main
from trainers.objectives.catalogue import PARTS, PUBLISHED


def test_every_objective_and_part_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["objectives"]) == 0
    first_words = {line.split()[0] for line in capsys.readouterr().out.splitlines() if line}
    assert first_words >= {*PUBLISHED, *(part for kind in PARTS.values() for part in kind)}


def test_an_objective_is_explained_with_its_paper_formulas_and_settings(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["objectives", "dapo"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "arXiv 2503.14476, Eq. 8" in out
    assert "-min(r A, clip(r," in out
    assert "high 0.28" in out


def test_a_name_of_both_an_objective_and_a_part_explains_both(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["objectives", "cispo"]) == 0
    out = capsys.readouterr().out
    assert "cispo (objective)" in out
    assert "cispo (clip)" in out
    assert "settings: low 1.0, high 4.0" in out


def test_an_unknown_objective_is_answered_with_the_likely_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["objectives", "grop"]) == 1
    assert "did you mean grpo" in capsys.readouterr().err


@pytest.mark.parametrize("kind", list(PARTS))
def test_every_part_has_a_formula_an_explanation_and_defaults_that_are_valid(kind: str) -> None:
    for part in PARTS[kind].values():  # type: ignore[index]
        assert part.formula
        assert part.explanation
        part.with_settings({})
