"""What an audit found, for people and for other programs. Values are masked by default."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from privacy_audit.reports.content import RunAudit
from privacy_audit.reports.json_report import to_json
from privacy_audit.reports.junit import to_junit
from privacy_audit.reports.page import to_html
from privacy_audit.reports.sarif import to_sarif

Format = Literal["table", "json", "sarif", "junit", "html"]
WRITERS: dict[str, Callable[[RunAudit], str]] = {
    "json": to_json,
    "sarif": to_sarif,
    "junit": to_junit,
    "html": to_html,
}
"""Format -> what makes its text; "table" is printed, not written."""
