"""Reports on training runs: one self-contained HTML file, filled from plain values."""

from agentenv.reporting.content import (
    CandidateState,
    Curve,
    Diagnostic,
    RankedAction,
    Report,
    ResultRow,
    Series,
    TaskRow,
    result_rows,
    series_from_metrics,
    task_rows,
)
from agentenv.reporting.page import render_report, write_report

__all__ = [
    "CandidateState",
    "Curve",
    "Diagnostic",
    "RankedAction",
    "Report",
    "ResultRow",
    "Series",
    "TaskRow",
    "render_report",
    "result_rows",
    "series_from_metrics",
    "task_rows",
    "write_report",
]
