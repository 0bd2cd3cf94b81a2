"""Policy packs: the default is right, and what is wrong with another is told with its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentenv.data_files import data_file
from agentenv.errors import ConfigError
from agentenv.phone.apps import APPS, load_app
from privacy_audit.levels import LEVELS, SEVERITIES
from privacy_audit.policy import RULES, load_policy

TEXT = (data_file("policies") / "default.yaml").read_text(encoding="utf-8")


def test_the_default_pack_covers_everything_the_apps_ask_for() -> None:
    policy = load_policy()
    asked = {
        field.personal.category
        for name in APPS
        for entity in load_app(name).entities.values()
        for field in entity.fields.values()
        if field.personal
    }
    assert asked <= policy.classes.keys()
    assert {one for rule in policy.rules.values() for one in rule.controls} == set(policy.controls)


def test_more_exposure_is_never_less_grave() -> None:
    policy = load_policy()
    for rule in RULES:
        for category in policy.classes:
            grave = [policy.gravity(rule, category, level) for level in LEVELS]
            assert grave == sorted(grave)
            assert all(policy.severity(one) in SEVERITIES for one in grave)
    plain = policy.gravity("unneeded-disclosure", "health", "submitted")
    assert policy.gravity("prohibited-flow", "health", "submitted") > plain
    assert policy.weight("unheard of") == policy.weight("other")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("weight: 0.9, label: H", "weight: 2, label: H", r"line 14: classes\.health\.weight"),
        ("version: 1.1.0", "version: one", "line 4: version"),
        ("requested: 0.25, ", "", "levels: requested is missing"),
        ("submitted: 0.9", "submitted: 0.5", "levels: the values must not fall"),
        ("note: 0.0", "note: 0.05", "note begins at 0"),
        ("id: default", "id: default\ntypo: 1", "line 4: typo"),
        ("factor: 0.6\n", "factor: 0.6\n    hue: 1\n", r"line \d+: rules\.invented-value\.hue"),
        ("controls: [gdpr-25, masvs-privacy-1]", "controls: [nis-2]", "unknown control 'nis-2'"),
        ("classes:", "classes: [", "not YAML"),
        ("  other: {weight: 0.3, label: Other personal data}\n", "", "classes: other is missing"),
    ],
)  # fmt: skip
def test_a_wrong_pack_is_refused_with_its_line(
    old: str, new: str, message: str, tmp_path: Path
) -> None:
    assert old in TEXT
    path = tmp_path / "pack.yaml"
    path.write_text(TEXT.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        load_policy(path)


def test_a_missing_pack_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"defualt.*default"):
        load_policy("defualt")
    with pytest.raises(ConfigError, match=r"none\.yaml"):
        load_policy(tmp_path / "none.yaml")


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_a_garbled_pack_is_right_or_refused(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    start = data.draw(st.integers(0, len(TEXT)))
    end = min(len(TEXT), start + data.draw(st.integers(0, 40)))
    inserted = data.draw(st.text(max_size=10))
    path = tmp_path_factory.getbasetemp() / "garbled.yaml"
    path.write_text(TEXT[:start] + inserted + TEXT[end:], encoding="utf-8", errors="replace")
    problem = ""
    try:
        load_policy(path)
    except ConfigError as error:  # and nothing else may be raised
        problem = str(error)
    assert not problem or re.search(r"line \d+", problem)
