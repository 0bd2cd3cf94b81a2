"""The settings of `agentenv train digiq` as flags and as YAML."""

from __future__ import annotations

from pathlib import Path

import pytest
import tyro

from agentenv.config import load_config, save_config
from agentenv.errors import ConfigError
from trainers.digiq.config import DigiQConfig

REQUIRED = ["--tasks", "miniwob/click-link", "--base", "model"]


def parsed(*flags: str) -> DigiQConfig:
    return tyro.cli(DigiQConfig, args=[*REQUIRED, *flags])


def test_every_choice_of_the_method_has_a_short_flag() -> None:
    config = parsed(
        *("--method", "digirl", "reinforce", "awr", "--critic", "iql", "--layer", "3"),
        *("--representation", "off_the_shelf", "--n-candidates", "8"),
        *("--aggregation", "max", "--threshold", "0.05", "--rerank", "4"),
    )
    assert config.methods == ("digirl", "reinforce", "awr")
    assert config.critic.critic == "iql"
    assert (config.representation.kind, config.representation.layer) == ("off_the_shelf", 3)
    assert config.candidates.n == 8
    assert (config.actor.aggregation, config.actor.threshold) == ("max", 0.05)
    assert config.evaluation.rerank == 4


def test_the_long_flags_name_the_same_settings() -> None:
    assert parsed("--critic.critic", "nstep", "--methods", "awr") == parsed(
        "--critic", "nstep", "--method", "awr"
    )


def test_settings_survive_yaml_and_an_unknown_method_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    config = parsed("--method", "digiq", "awr")
    save_config(config, path)
    assert load_config(DigiQConfig, path) == config
    path.write_text(path.read_text().replace("- awr", "- ppo"))
    with pytest.raises(ConfigError, match=r"methods\.1"):
        load_config(DigiQConfig, path)


@pytest.mark.parametrize(
    ("flags", "labels"),
    [
        ((), ("base", "filtered_bc", "digiq")),
        (("--method", "awr", "--rerank", "2"), ("base", "awr", "base_rerank")),
        (("--rerank", "2", "--method", "digiq"), ("base", "digiq", "base_rerank", "digiq_rerank")),
        (
            ("--rerank", "2", "--evaluation.reranked", "filtered_bc", "awr"),
            ("base", "filtered_bc", "digiq", "filtered_bc_rerank"),
        ),
        (
            ("--evaluation.greedy", "digiq", "base", "--method", "digiq", "--rerank", "2"),
            ("base", "digiq", "base_greedy", "digiq_greedy", "base_rerank", "digiq_rerank"),
        ),
    ],
)
def test_what_is_evaluated_follows_from_the_methods(
    flags: tuple[str, ...], labels: tuple[str, ...]
) -> None:
    assert parsed(*flags).labels == labels


def test_filtered_bc_alone_asks_no_critic() -> None:
    assert not parsed("--method", "filtered_bc").uses_critic
    assert parsed("--method", "filtered_bc", "--rerank", "2").uses_critic
