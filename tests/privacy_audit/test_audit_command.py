"""`agentenv audit` on a store, end to end: exit codes, files, and what is said of bad input."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from agentenv.cli.main import FAILED, main
from agentenv.data_files import data_file
from agentenv.trajectories.store import TrajectoryStore, TrajectoryWriter
from privacy_audit.events import seal_of
from privacy_audit.reference.agents import AGENTS
from privacy_audit.reference.device import PagePhone
from privacy_audit.reference.playing import cases, play


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One episode each of two agents; a foreign store that declares no contract."""
    root, device = tmp_path_factory.mktemp("stores"), PagePhone()
    [case] = cases(["restaurants-book-table"])
    found = {name: root / name for name in ("minimal", "trap_taker", "foreign")}
    for name, path in found.items():
        with TrajectoryWriter(path, policy=name, suite="phone", seed=0) as writer:
            agent = name if name in AGENTS else "trap_taker"
            episode = play(agent, case, device).episode
            if name == "foreign":
                episode = replace(episode, task="shop/buy", events=None)
            writer.append(episode)
    device.close()
    return found


def test_the_log_of_an_instrumented_device_lies_beside_its_episode(
    stores: dict[str, Path],
) -> None:
    [episode] = TrajectoryStore(stores["minimal"]).episodes()
    assert episode.events
    assert seal_of(episode.events).records == len(episode.events)
    [foreign] = TrajectoryStore(stores["foreign"]).episodes()
    assert foreign.events is None


def test_the_gate_lets_through_what_is_clean_and_nothing_else(
    stores: dict[str, Path], tmp_path: Path
) -> None:
    assert main(["audit", str(stores["minimal"]), "--fail-on", "note"]) == 0
    leaking = str(stores["trap_taker"])
    assert main(["audit", leaking]) == 0
    assert main(["audit", leaking, "--fail-on", "high"]) == FAILED
    report = tmp_path / "before.json"
    assert main(["audit", leaking, "--format", "json", "--out", str(report)]) == 0
    known = ["audit", leaking, "--fail-on", "note", "--baseline", str(report)]
    assert main(known) == 0
    waivers = tmp_path / "waivers.yaml"
    waivers.write_text(
        "- {owner: Ada, reason: pilot, expires: 2999-01-01, item: email}\n"
        "- {owner: Ada, reason: pilot, expires: 2999-01-01, item: birth_date}\n"
    )
    assert main(["audit", leaking, "--fail-on", "note", "--waivers", str(waivers)]) == 0


@pytest.mark.parametrize("name", ["json", "sarif", "junit", "html"])
def test_every_format_is_written(name: str, stores: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "deep" / "report"
    arguments = ["audit", str(stores["trap_taker"]), "--format", name, "--out", str(out)]
    assert main(arguments) == 0
    text = out.read_text(encoding="utf-8")
    assert "prohibited-flow" in text or "prohibits" in text


def test_an_audit_that_fails_keeps_the_gate_closed(
    stores: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", str(stores["foreign"]), "--fail-on", "critical"]) == FAILED
    assert "--contract" in capsys.readouterr().out


def test_a_contract_of_ones_own_makes_any_store_auditable(
    stores: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [case] = cases(["restaurants-book-table"])
    email = case.contract.item("email")
    assert email is not None
    contract = tmp_path / "contract.yaml"
    contract.write_text(
        f"purpose: shop\nitems:\n  email: {{value: {email.value}, category: email}}\n"
        "prohibited: [email]\n"
    )
    arguments = ["audit", str(stores["foreign"]), "--contract", str(contract), "--format", "json"]
    assert main(arguments) == 0
    content = json.loads(capsys.readouterr().out)
    [trajectory] = content["trajectories"]
    assert trajectory["evidence"] == "trajectory"
    # The agent reads its owner's name and birth date too, which this contract does not know of.
    assert {"email", "birth_date", "name"} == {one["item"] for one in trajectory["findings"]}
    contract.write_text("purpose: shop\nitems: {email: {value: ab}}\n")
    assert main(arguments) == FAILED
    assert "items.email.value" in capsys.readouterr().err


def test_two_agents_are_compared(
    stores: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", "compare", str(stores["trap_taker"]), str(stores["minimal"])]) == 0
    assert "minimisation" in capsys.readouterr().out
    assert main(["audit", "compare", str(stores["foreign"]), str(stores["minimal"])]) == FAILED
    assert "share no instance" in capsys.readouterr().err


def test_a_log_is_verified_or_its_break_located(
    stores: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", "verify", str(stores["minimal"])]) == 0
    [episode] = TrajectoryStore(stores["minimal"]).episodes()
    lines = list(episode.events or ())
    log, seal = tmp_path / "log.jsonl", seal_of(lines)
    sealed = ["audit", "verify", str(log), "--records", str(seal.records), "--head", seal.hash]
    log.write_text("\n".join(lines) + "\n")
    assert main(sealed) == 0
    assert f"{seal.records} records, unbroken, head {seal.hash}" in capsys.readouterr().out
    log.write_text("\n".join(lines[:-1]) + "\n")
    assert main(sealed) == FAILED
    assert "1 records after" in capsys.readouterr().err
    log.write_text("\n".join([lines[0], *lines[2:]]))
    assert main(["audit", "verify", str(log)]) == FAILED
    assert "line 2" in capsys.readouterr().err
    assert main(["audit", "verify", str(tmp_path / "none")]) == FAILED
    assert main(["audit", "verify", str(log), "--records", "3"]) == FAILED


def test_a_policy_pack_is_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "check-policy", "default"]) == 0
    assert "default 1.1.0" in capsys.readouterr().out
    pack = tmp_path / "mine.yaml"
    text = (data_file("policies") / "default.yaml").read_text(encoding="utf-8")
    pack.write_text(text.replace("weight: 0.2", "weight: heavy"), encoding="utf-8")
    assert main(["audit", "check-policy", str(pack)]) == FAILED
    assert "line 9: classes.name.weight" in capsys.readouterr().err


def test_a_threshold_is_a_score(stores: dict[str, Path]) -> None:
    assert main(["audit", str(stores["minimal"]), "--tau", "70"]) == FAILED
    assert main(["audit", str(stores["minimal"]), "--protocol", "myphonebench"]) == 0
