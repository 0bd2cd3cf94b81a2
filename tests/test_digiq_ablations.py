"""The ablations change one choice each, reuse what it does not touch, and are compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentenv.config import config_to_mapping, read_yaml
from agentenv.errors import ConfigError
from benchmarks import digiq_ablations
from benchmarks.digiq_ablations import PEER, BenchmarkConfig, changed
from benchmarks.digiq_success import load_settings
from benchmarks.results_file import Row, load_results
from trainers.digiq.config import DigiQConfig

FOLDER = Path(digiq_ablations.__file__).parent
VARIANTS = read_yaml(FOLDER / "digiq_ablations.yaml")


def settings() -> DigiQConfig:
    return load_settings(FOLDER / "digiq_comparison.yaml")


def leaves(values: object, path: str = "") -> dict[str, object]:
    if not isinstance(values, dict):
        return {path: values}
    return {
        name: leaf
        for key, value in values.items()
        for name, leaf in leaves(value, f"{path}.{key}").items()
    }


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_changes_what_it_names_and_nothing_else(name: str) -> None:
    before = leaves(config_to_mapping(settings()))
    after = leaves(config_to_mapping(changed(settings(), VARIANTS[name], name)))
    assert {key for key in after if after[key] != before[key]} == set(
        leaves(VARIANTS[name]) if VARIANTS[name] else {}
    )


def test_a_field_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match="wrong: critic: unknown field 'kind'"):
        changed(settings(), {"critic": {"kind": "mc"}}, "wrong")


def test_an_unknown_variant_is_refused_with_those_there_are(tmp_path: Path) -> None:
    config = BenchmarkConfig(variants=("n_3",), out=tmp_path, results=tmp_path)
    with pytest.raises(ConfigError, match="no variant n_3; there are reference, off_the_shelf"):
        digiq_ablations.run(config)


def test_variants_start_from_the_comparison_and_are_compared_with_the_reference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished = tmp_path / "digiq_comparison" / "seed-0"
    finished.mkdir(parents=True)
    (finished / "candidates.parquet").write_text("of the comparison")

    def measure(name: str, variant: DigiQConfig) -> list[Row]:
        assert (variant.out / "candidates.parquet").read_text() == "of the comparison"
        value = {"td": 0.6, "mc": 0.45}[variant.critic.critic]
        return [Row(label=name, metric="success", value=value, unit="fraction", n=20)]

    monkeypatch.setattr(digiq_ablations, "measure", measure)
    variants = (PEER, "monte_carlo")
    config = BenchmarkConfig(variants=variants, out=tmp_path, results=tmp_path)
    results = load_results(digiq_ablations.run(config))
    assert [(row.label, row.value, row.vs) for row in results.rows] == [
        (PEER, 0.6, {}),
        ("monte_carlo", 0.45, {PEER: 0.75}),
    ]
    assert results.command.endswith("digiq_ablations --variants reference monte_carlo")


def test_a_run_hands_on_all_but_how_its_own_policies_did(tmp_path: Path) -> None:
    first, other = tmp_path / "first", tmp_path / "other"
    for name in ("evaluation/base-1/x", "evaluation/digiq-2/x", "models/digiq/x", "report.html"):
        (first / name).parent.mkdir(parents=True, exist_ok=True)
        (first / name).touch()
    digiq_ablations.inherit(first, other)
    kept = {str(path.relative_to(other)) for path in other.rglob("*") if path.is_file()}
    assert kept == {"evaluation/base-1/x", "models/digiq/x"}
