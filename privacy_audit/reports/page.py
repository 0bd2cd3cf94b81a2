"""The report as one self-contained HTML page: no script, no requests."""

from __future__ import annotations

from importlib.resources import files

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from agentenv.reporting.charts import line_chart
from agentenv.reporting.content import Curve, Series
from agentenv.trajectories.viewer import data_url
from privacy_audit.events import Source
from privacy_audit.reports.content import DISCLAIMER, Line, RunAudit, item_in_words, place_in_words
from privacy_audit.reports.terminal import text_of

MOST_LINES = 500
"""Findings shown, the gravest; the page says how many are not."""
MOST_PICTURES = 60
_EVIDENCE: dict[Source, str] = {
    "log": "the device's event log, event",
    "trajectory": "the agent's steps, step",
    "screenshot": "what the screen showed, before step",
}


def to_html(run: RunAudit) -> str:
    """The page. All text in it is escaped: names and goals are untrusted."""
    environment = Environment(
        loader=PackageLoader("privacy_audit.reports"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = (files("agentenv.reporting") / "templates" / "report.css").read_text(encoding="utf-8")
    points = [(tau, share.value) for tau, share in run.curve if share.n]
    chart = Curve(
        "Privacy-qualified success over the threshold",
        [
            Series("privacy-qualified success", points),
            Series("success", [(tau, run.success.value) for tau, _ in points]),
        ],
        x_label="threshold on the minimisation score",
        y_label="share of trajectories",
        y_range=(0.0, 1.0),
    )
    return environment.get_template("audit.html.j2").render(
        run=run,
        style=Markup(style),
        lines=run.lines[:MOST_LINES],
        chart=line_chart(chart),
        text_of=text_of,
        picture=lambda line: _picture(run, line),
        disclaimer=DISCLAIMER,
        evidence=_EVIDENCE,
        item_in_words=item_in_words,
        place_in_words=place_in_words,
    )


def _picture(run: RunAudit, line: Line) -> str:
    """The address of a finding's picture; "" if it has none."""
    data = run.pictures.get((line.audit.episode, line.finding.fingerprint))
    return data_url(data) if data else ""
