from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentenv.config import (
    config_defaults,
    config_from_mapping,
    config_hash,
    config_to_mapping,
    load_config,
    save_config,
)
from agentenv.errors import ConfigError


@dataclass(frozen=True)
class Optimizer:
    learning_rate: float = 1e-4
    betas: tuple[float, float] = (0.9, 0.999)


@dataclass(frozen=True)
class Settings:
    name: str
    optimizer: Optimizer = Optimizer()
    stages: tuple[Optimizer, ...] = ()
    split: Literal["train", "test"] = "train"
    out: Path = Path("runs")
    limit: int | None = None
    tags: dict[str, int] = field(default_factory=dict)


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_a_config_survives_the_round_trip_through_yaml(tmp_path: Path) -> None:
    config = Settings(
        name="naïve: 1",
        optimizer=Optimizer(3e-5, (0.8, 0.9)),
        stages=(Optimizer(1.0), Optimizer(2.0)),
        split="test",
        out=tmp_path / "a b",
        limit=3,
        tags={"yes": 1},
    )
    save_config(config, tmp_path / "nested" / "config.yaml")
    assert load_config(Settings, tmp_path / "nested" / "config.yaml") == config


@given(
    name=st.text(max_size=20),
    rate=st.floats(allow_nan=False),
    limit=st.none() | st.integers(-(2**31), 2**31),
)
def test_any_value_survives_the_round_trip_through_plain_values(
    name: str, rate: float, limit: int | None
) -> None:
    config = Settings(name=name, optimizer=Optimizer(rate), limit=limit)
    assert config_from_mapping(Settings, config_to_mapping(config)) == config


def test_an_unknown_field_is_named_with_the_likely_one(tmp_path: Path) -> None:
    path = written(tmp_path / "c.yaml", "name: x\nlimt: 3\n")
    with pytest.raises(ConfigError, match=r"'limt'.*did you mean limit"):
        load_config(Settings, path)


@pytest.mark.parametrize(
    "text",
    [
        "name: x\noptimizer:\n  learning_rat: 1.0\n",
        "name: x\nstages:\n  - learning_rat: 1.0\n",
    ],
)
def test_an_unknown_nested_field_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"learning_rat'.*did you mean learning_rate"):
        load_config(Settings, written(tmp_path / "c.yaml", text))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("name: 3\n", "name"),
        ("name: x\nlimit: '3'\n", "limit"),
        ("name: x\nlimit: true\n", "limit"),
        ("name: x\noptimizer: {learning_rate: fast}\n", "optimizer.learning_rate"),
        ("name: x\noptimizer: {betas: [0.9]}\n", "optimizer.betas"),
        ("limit: 3\n", "name"),
    ],
)
def test_a_wrong_or_missing_value_is_an_error_naming_the_field(
    tmp_path: Path, text: str, named: str
) -> None:
    with pytest.raises(ConfigError, match=named.replace(".", r"\.")):
        load_config(Settings, written(tmp_path / "c.yaml", text))


def test_a_wrong_choice_is_answered_with_the_valid_ones(tmp_path: Path) -> None:
    path = written(tmp_path / "c.yaml", "name: x\nsplit: holdout\n")
    with pytest.raises(ConfigError, match=r"split.*'train' or 'test'"):
        load_config(Settings, path)


def test_scientific_notation_without_a_point_is_a_number(tmp_path: Path) -> None:
    path = written(tmp_path / "c.yaml", "name: x\noptimizer: {learning_rate: 1e-5}\n")
    assert load_config(Settings, path).optimizer.learning_rate == 1e-5


@pytest.mark.parametrize("text", ["- a\n- b\n", "", "a: [", "\x00"])
def test_a_file_that_is_not_a_mapping_is_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError):
        load_config(Settings, written(tmp_path / "c.yaml", text))


def test_a_missing_file_is_an_error_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.yaml"):
        load_config(Settings, tmp_path / "absent.yaml")


def test_yaml_tags_cannot_create_objects(tmp_path: Path) -> None:
    path = written(tmp_path / "c.yaml", "name: !!python/object/apply:os.getcwd []\n")
    with pytest.raises(ConfigError):
        load_config(Settings, path)


def test_the_hash_changes_with_any_value_and_with_nothing_else() -> None:
    base = Settings(name="x")
    others: list[Any] = [
        Settings(name="y"),
        Settings(name="x", optimizer=Optimizer(2e-4)),
        Settings(name="x", out=Path("elsewhere")),
    ]
    assert config_hash(base) == config_hash(Settings(name="x"))
    assert len({config_hash(config) for config in [base, *others]}) == 4


def test_defaults_for_a_command_line_leave_required_fields_open() -> None:
    config = config_defaults(Settings, {"limit": 3}, missing="open")
    assert (config.name, config.limit, config.split) == ("open", 3, "train")
