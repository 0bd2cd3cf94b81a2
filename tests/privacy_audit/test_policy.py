"""Policy packs: the default is right, and what is wrong with another is told with its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentenv.cli.main import main
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


MINE = "id: mine\nversion: 1.0.0\nextends: default\n"


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_a_pack_that_extends_another_says_only_what_is_different(tmp_path: Path) -> None:
    default = load_policy()
    assert load_policy(written(tmp_path / "same.yaml", MINE)).rules == default.rules
    policy = load_policy(
        written(
            tmp_path / "mine.yaml",
            f"{MINE}classes:\n  health: {{weight: 1.0}}\n  biometry: {{weight: 0.9, label: Face}}\n"
            "rules:\n  invented-value: {factor: 0.2}\nsubmit_words: [go]\n",
        )
    )
    assert (policy.id, policy.version, policy.title) == ("mine", "1.0.0", default.title)
    assert (policy.classes["health"].weight, policy.classes["health"].label) == (1.0, "Health")
    assert policy.weight("biometry") == 0.9
    assert policy.rules["invented-value"].factor == 0.2
    assert policy.rules["invented-value"].title == default.rules["invented-value"].title
    assert policy.rules["unneeded-view"] == default.rules["unneeded-view"]
    assert policy.submit_words == ("go",)


def test_a_pack_written_before_there_was_a_rule_works_if_it_extends_the_default(
    tmp_path: Path,
) -> None:
    before, rest = TEXT.split("  unneeded-view:\n")
    old = before + rest[rest.index("  sent-away:") :]
    with pytest.raises(ConfigError, match=r"unneeded-view is missing; with 'extends: default'"):
        load_policy(written(tmp_path / "old.yaml", old))
    extending = old.replace("id: default\n", "id: old\nextends: default\n")
    policy = load_policy(written(tmp_path / "old.yaml", extending))
    assert policy.rules == load_policy().rules


def test_a_pack_extends_a_file_beside_it(tmp_path: Path) -> None:
    written(tmp_path / "company.yaml", f"{MINE}classes: {{health: {{weight: 1.0}}}}\n")
    policy = load_policy(
        written(tmp_path / "team.yaml", "id: team\nversion: 2.0.0\nextends: company.yaml\n")
    )
    assert policy.weight("health") == 1.0
    written(tmp_path / "company.yaml", "id: c\nversion: 1.0.0\nextends: team.yaml\n")
    with pytest.raises(ConfigError, match="extends itself"):
        load_policy(tmp_path / "team.yaml")


@pytest.mark.parametrize(
    ("added", "message"),
    [
        ("rules: {unneded-view: {factor: 1}}\n", r"line 4: rules\.unneded-view"),
        ("classes: {biometry: {weight: 1}}\n", r"line 4: classes\.biometry\.label"),
        ("levels: {requested: 0.95}\n", "must not fall"),
        ("classes: [name]\n", "line 4: classes"),
        ("rules: {misplaced: {controls: [nis-2]}}\n", "unknown control 'nis-2'"),
    ],
)
def test_what_is_wrong_with_a_difference_is_told_with_its_line(
    added: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        load_policy(written(tmp_path / "mine.yaml", MINE + added))
    with pytest.raises(ConfigError, match=r"defalt.*default"):
        load_policy(written(tmp_path / "mine.yaml", MINE.replace("default", "defalt")))
    with pytest.raises(ConfigError, match="line 3: extends"):
        load_policy(written(tmp_path / "mine.yaml", MINE.replace("default", "[default]")))
    with pytest.raises(ConfigError, match="version: Field required"):
        load_policy(written(tmp_path / "mine.yaml", "id: mine\nextends: default\n"))


def test_the_check_tells_what_is_inherited(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(
        tmp_path / "mine.yaml",
        f"{MINE}classes:\n  health: {{weight: 1.0}}\n  face: {{weight: 1, label: Face}}\n",
    )
    assert main(["audit", "check-policy", str(path)]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "extends default 1.1.0" in told
    assert "classes face health.weight 0.9 -> 1 name, email" in told
    assert "unneeded-view" in told
