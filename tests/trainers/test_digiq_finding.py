"""What a Digi-Q report says first."""

from __future__ import annotations

from agentenv.statistics import PairedDifference, SuccessRate, Summary
from trainers.digiq.report import finding


def summaries(**successes: int) -> dict[str, Summary]:
    return {
        label: Summary(SuccessRate(n, 100), by_task={}, infra_causes={})
        for label, n in successes.items()
    }


def difference(points: float, low: float, high: float) -> PairedDifference:
    return PairedDifference(points / 100, (low / 100, high / 100), 10, 100, 0)


def test_the_last_method_is_meant_and_not_the_way_that_a_policy_was_evaluated() -> None:
    said = finding(
        summaries(base=40, awr=45, base_greedy=50, base_rerank=60),
        {"awr": difference(5, -3, 12)},
    )
    assert "awr is not clearly different: +5.0 points [-3.0, 12.0] on the same instances." in said
    assert "awr succeeds in 45% of 100 episodes" in said
    assert "samples of the base policy succeeds in 60%, the base policy's likeliest" in said
    assert "likeliest actions in 50%" in said
    assert "rounds" not in said


def test_what_rounds_of_fresh_episodes_gained_is_told_last() -> None:
    said = finding(
        summaries(base=40, digiq=80, digiq_rerank=85, digiq_online3=90),
        {"digiq": difference(40, 31, 49)},
    )
    assert "Digi-Q is better: +40.0 points [31.0, 49.0]" in said
    assert said.endswith("digiq after 3 rounds of fresh episodes succeeds in 90% of 100.")
