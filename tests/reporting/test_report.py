from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from agentenv.actions import Finish, Tap
from agentenv.reporting import (
    CandidateState,
    Curve,
    Diagnostic,
    RankedAction,
    Report,
    ResultRow,
    Series,
    render_report,
    result_rows,
    series_from_metrics,
    task_rows,
    write_report,
)
from agentenv.reporting.charts import WIDTH, line_chart, running_mean, ticks
from agentenv.statistics import PairedDifference, SuccessRate, Summary

ATTACK = "<script>alert(1)</script>"
BASE = Summary(SuccessRate(4, 10, 1), {"a": SuccessRate(4, 5, 1), "b": SuccessRate(0, 5)}, {})
BETTER = Summary(SuccessRate(8, 10), {"a": SuccessRate(5, 5), "b": SuccessRate(3, 5)}, {})


def screenshot() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (80, 100), "white").save(buffer, "PNG")
    return buffer.getvalue()


def state(candidates: Sequence[RankedAction], goal: str = "Click ONE.") -> CandidateState:
    return CandidateState("miniwob/click-test-2", goal, screenshot(), candidates, value=0.25)


def full_report() -> Report:
    return Report(
        title=f"Report {ATTACK}",
        summary=f"It worked {ATTACK}",
        results=result_rows({"base": BASE, "digiq": BETTER}, {"digiq": ATTACK}),
        tasks=task_rows({"base": BASE, "digiq": BETTER}),
        differences={"digiq - base": PairedDifference(0.4, (0.1, 0.7), 2, 10, 1)},
        curves=[Curve(ATTACK, [Series(ATTACK, [(0, 1), (1, 2)]), Series("b", [(0, 0), (1, 1)])])],
        states=[state([RankedAction(ATTACK, Tap(point=(0.5, 0.5)), 0.5, 0.25)], goal=ATTACK)],
        diagnostics=[Diagnostic(ATTACK, 0.75, ATTACK)],
        configuration=f"goal: {ATTACK}",
        command=f"agentenv {ATTACK}",
        facts={"machine": ATTACK},
    )


def words_of(html: str) -> str:
    """What a reader sees, roughly: the page without its tags, in one line."""
    return " ".join(re.sub(r"<style>.*?</style>|<[^>]+>", " ", html, flags=re.DOTALL).split())


def test_the_main_table_gives_rate_interval_count_and_infrastructure_failures() -> None:
    words = words_of(render_report(full_report()))
    assert "base 40.0 % 16.8 % – 68.7 % 4 / 10 1" in words
    assert "80.0 % 49.0 % – 94.3 % 8 / 10 0" in words
    assert "+40.0 points [10.0, 70.0]" in words


def test_a_policy_without_scored_episodes_has_no_rate() -> None:
    report = Report("t", "s", results=[ResultRow("base", SuccessRate(0, 0, infra_errors=3))])
    words = words_of(render_report(report))
    assert "nan" not in words
    assert "base - 0.0 % – 100.0 % 0 / 0 3" in words


def test_tasks_that_a_policy_was_not_tried_on_show_a_dash() -> None:
    other = Summary(SuccessRate(1, 1), {"c": SuccessRate(1, 1)}, {})
    words = words_of(render_report(Report("t", "s", tasks=task_rows({"x": BASE, "y": other}))))
    assert "task x y a 80 % 4/5 +1 – b 0 % 0/5 – c – 100 % 1/1" in words


def test_nothing_in_a_report_becomes_markup() -> None:
    html = render_report(full_report())
    assert "<script" not in html
    assert html.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 11


def test_the_page_asks_nothing_of_the_network(tmp_path: Path) -> None:
    write_report(full_report(), tmp_path / "run" / "report.html")
    html = (tmp_path / "run" / "report.html").read_text()
    assert "default-src 'none'" in html
    assert not re.search(r"(src|href)=[\"']?(https?:)?//|url\(|@import", html)


def test_sections_without_content_are_left_out() -> None:
    html = render_report(Report("Title", "Summary"))
    assert "<section>" not in html


def test_candidates_are_ranked_by_q_and_equal_ones_are_shown_once() -> None:
    low = RankedAction("tap TWO", Tap(element=1), 0.1, -0.15, logged=True)
    high = RankedAction("tap ONE", Tap(element=0), 0.9, 0.65)
    again = replace(high, q=0.8, chosen=True)
    words = words_of(render_report(Report("t", "s", states=[state([low, high, again])])))
    assert "1 tap ONE ×2 chosen +0.900 +0.650 2 tap TWO logged +0.100 −0.150" in words


def test_of_many_candidates_the_best_and_the_logged_one_are_shown() -> None:
    many = [
        RankedAction(f"candidate {i}", Tap(element=i), 1 - i / 20, 0.0, logged=i == 15)
        for i in range(16)
    ]
    words = words_of(render_report(Report("t", "s", states=[state(many)])))
    assert "candidate 7" in words
    assert "candidate 8" not in words
    assert "16 candidate 15 logged" in words
    assert "and 7 more" in words


def test_states_whose_candidates_have_no_place_are_shown_too() -> None:
    report = Report(
        "t", "s", states=[state([RankedAction("finish", Finish(), 0.0, 0.0)]), state([])]
    )
    assert render_report(report).count("<article") == 2


def test_metrics_rows_without_the_number_are_skipped() -> None:
    rows: list[dict[str, object]] = [
        {"step": 2, "loss": 0.5},
        {"step": 1, "loss": 1.0},
        {"step": 3, "loss": math.nan},
        {"step": 4},
        {"loss": 0.1},
        {"step": 5, "loss": "n/a"},
    ]
    assert series_from_metrics(rows, "loss") == Series("loss", [(1.0, 1.0), (2.0, 0.5)])


def test_ticks_are_round_and_span_the_data() -> None:
    assert ticks(0.0, 1.0, 6) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert ticks(13.0, 87.0, 5) == pytest.approx([0, 20, 40, 60, 80, 100])


finite = st.floats(-1e9, 1e9)


@given(st.lists(st.tuples(finite, finite), max_size=90))
def test_any_finite_points_can_be_drawn(points: list[tuple[float, float]]) -> None:
    chart = line_chart(Curve("title", [Series("a", sorted(points)), Series("empty", [])]))
    assert "nan" not in chart
    coordinates = re.findall(r'points="([^"]*)"', str(chart))
    for pair in " ".join(coordinates).split():
        x, y = map(float, pair.split(","))
        assert -1 <= x <= 521
        assert -1 <= y <= 261


def test_the_running_mean_follows_a_straight_line_exactly() -> None:
    line = [(float(x), 3.0 * x) for x in range(100)]
    means = running_mean(line)
    assert [x for x, _ in means] == [x for x, _ in line]
    assert [y for _, y in means] == pytest.approx([y for _, y in line])


def test_long_curves_are_thinned_and_keep_their_end() -> None:
    chart = str(line_chart(Curve("t", [Series("a", [(i, i) for i in range(10_000)])])))
    assert len(chart) < 15_000
    assert chart.count("polyline") == 2
    assert re.search(r'496,\S+"/>$', chart.removesuffix("</svg>"))


def test_the_last_number_below_a_chart_is_not_cut_off() -> None:
    chart = str(line_chart(Curve("t", [Series("a", [(0, 0), (10_000, 1)])])))
    middle = re.search(r'<text x="(\S+)" [^>]*>10,000<', chart)
    assert middle
    assert float(middle[1]) + len("10,000") * 6.5 / 2 <= WIDTH  # digits of 11.5 px are 6.5 px wide
