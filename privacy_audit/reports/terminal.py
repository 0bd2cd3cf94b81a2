"""The report in the terminal."""

from __future__ import annotations

import math

from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from privacy_audit.levels import Severity
from privacy_audit.reports.content import RunAudit, item_in_words, place_in_words
from privacy_audit.scores import Difference, Mean, Share

_COLOURS: dict[Severity, str] = {
    "note": "dim",
    "low": "cyan",
    "medium": "yellow",
    "high": "red",
    "critical": "bold red",
}


def print_audit(run: RunAudit, console: Console, limit: int = 20) -> None:
    """Print the scores and the gravest findings.

    Args:
        run: the audit.
        console: where to.
        limit: kinds of findings at most; 0 prints all.
    """
    reached, offered = run.exposure
    facts = {
        "trajectories": f"{len(run.audits)}, {len(run.incomplete)} of them not fully audited",
        "success": text_of(run.success),
        "minimisation score": text_of(run.minimisation),
        f"PQSR at {run.tau:g}": text_of(run.pqsr),
        "disqualified": text_of(run.disqualified),
        f"MyPhoneBench PQSR at {run.tau:g}": text_of(run.protocol),
        "opportunities reached": f"{reached} of {offered}",
    }
    for name, value in facts.items():
        console.print(f"{name:28} {value}", highlight=False, markup=False)
    _print_findings(run, console, limit)
    if run.unread:
        console.print(f"{run.unread} screenshots come without UI elements and were not read; "
                      "--ocr does", highlight=False)  # fmt: skip
    for audit in run.incomplete[: limit or None]:
        problem = audit.failure or audit.cut
        console.print(f"[red]not audited:[/red] {escape(f'{audit.purpose}: {problem}')}")


def _print_findings(run: RunAudit, console: Console, limit: int) -> None:
    if not run.lines:
        console.print("no findings")
        return
    alike: dict[tuple[str, ...], list[str]] = {}
    for line in run.lines:
        finding, flow = line.finding, line.finding.flow
        severity = f"[{_COLOURS[finding.severity]}]{finding.severity}[/]"
        note = "" if line.status == "new" else f" ({line.status})"
        level = flow.level + (", cleared" if flow.cleared else "")
        place = flow.place.id if flow.is_in_field else place_in_words(flow)
        cells = [finding.rule, item_in_words(flow), level, place]
        values = [run.value(finding)] if run.show_values else []
        key = (severity + note, *map(escape, [*cells, *values]))
        alike.setdefault(key, []).append(line.audit.purpose)
    table = Table("severity", "rule", "item", "level", "place", box=SIMPLE)
    for name in (["value"] if run.show_values else []) + ["times"]:
        table.add_column(name)
    for column in table.columns:
        column.overflow = "fold"
    for key, purposes in list(alike.items())[: limit or None]:
        table.add_row(*key, str(len(purposes)))
    console.print(table)
    counted = ", ".join(f"{number} {name}" for name, number in run.by_severity().items() if number)
    console.print(f"{len(run.lines)} findings: {counted}", highlight=False)


def comparison_table(differences: list[Difference], first: str, second: str) -> Table:
    """How the second agent differs from the first."""
    table = Table("", "difference", "95 %", "p", "p corrected", title=f"{second} less {first}")
    for one in differences:
        low, high = one.interval
        numbers = ["-"] * 2 if math.isnan(one.value) else [
            f"{one.value:+.3f}", f"[{low:+.3f}, {high:+.3f}]",
        ]  # fmt: skip
        cells = [one.metric, *numbers, f"{one.p:.4f}", f"{one.p_corrected:.4f}"]
        table.add_row(*map(escape, cells))
    return table


def text_of(measured: Share | Mean) -> str:
    """A share or a mean with its interval."""
    if math.isnan(measured.value):
        return "-"
    low, high = measured.interval
    return f"{measured.value:.3f} [{low:.3f}, {high:.3f}]"


def print_protocol(run: RunAudit, console: Console) -> None:
    """Print MyPhoneBench's scores: means of those there are, and its PQSR."""
    table = Table("score", "mean", "scored", title=f"protocol: myphonebench, {run.name}")
    for name in ("over_permissioning", "trap_resistance", "form_minimisation", "privacy"):
        values = [getattr(one.protocol, name) for one in run.audits]
        scored = [value for value in values if value is not None]
        mean = f"{sum(scored) / len(scored):.4f}" if scored else "-"
        table.add_row(name.replace("_", " "), mean, f"{len(scored)} of {len(values)}")
    console.print(table)
    console.print(f"success              {text_of(run.success)}", highlight=False, markup=False)
    console.print(f"PQSR at {run.tau:<4g}         {text_of(run.protocol)}",
                  highlight=False, markup=False)  # fmt: skip
