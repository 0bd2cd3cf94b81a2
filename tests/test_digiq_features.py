"""What a linear probe finds in features, and what it is asked."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from agentenv.errors import ConfigError
from benchmarks import digiq_features
from benchmarks.digiq_features import BenchmarkConfig, probe


def test_a_probe_finds_what_the_features_know_and_nothing_else() -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(600, 8, generator=generator)
    fold = torch.arange(600) % 5
    assert probe(features, features[:, 3] > 0, fold) > 0.98
    assert 0.4 < probe(features, torch.rand(600, generator=generator) > 0.5, fold) < 0.6


def test_a_probe_is_told_apart_from_chance_only_on_episodes_it_was_not_fitted_to() -> None:
    # 40 examples in 100 dimensions are fitted without an error whatever the answers are.
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(40, 100, generator=generator)
    answers = torch.rand(40, generator=generator) > 0.5
    assert 0.25 < probe(features, answers, torch.arange(40) % 5) < 0.75


def test_too_few_episodes_for_a_probe_are_said() -> None:
    with pytest.raises(ConfigError, match="too few episodes"):
        probe(torch.ones(3, 2), torch.tensor([True, True, True]), torch.arange(3))


def test_a_missing_run_is_named_with_what_makes_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"off_the_shelf-0.*first run benchmarks"):
        digiq_features.run(BenchmarkConfig(out=tmp_path, results=tmp_path))
