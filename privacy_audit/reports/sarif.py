"""The report as SARIF 2.1.0, which code hosts show beside a change."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import Any

from privacy_audit.levels import Severity
from privacy_audit.reports.content import DISCLAIMER, Line, RunAudit

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS: dict[Severity, str] = {
    "note": "note",
    "low": "note",
    "medium": "warning",
    "high": "error",
    "critical": "error",
}


def to_sarif(run: RunAudit) -> str:
    """The report's text."""
    rules = list(run.policy.rules)
    content = {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "agentenv audit",
                        "semanticVersion": version("agentenv"),
                        "rules": [_rule(run, rule) for rule in rules],
                    }
                },
                "automationDetails": {"id": f"agentenv-audit/{run.policy.id}"},
                "invocations": [
                    {
                        "executionSuccessful": not run.incomplete,
                        "toolExecutionNotifications": [
                            {
                                "level": "error",
                                "message": {"text": f"{one.purpose}: {one.failure or one.cut}"},
                            }
                            for one in run.incomplete
                        ],
                    }
                ],
                "results": [_result(run, line, rules.index(line.finding.rule))
                            for line in run.lines],
                "properties": {"note": DISCLAIMER},
            }
        ],
    }  # fmt: skip
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _rule(run: RunAudit, rule: Any) -> dict[str, Any]:
    text = run.policy.rules[rule]
    return {
        "id": rule,
        "shortDescription": {"text": text.title},
        "help": {"text": text.enough},
        "properties": {"tags": [run.policy.controls[one].title for one in text.controls]},
    }


def _result(run: RunAudit, line: Line, rule: int) -> dict[str, Any]:
    finding, flow = line.finding, line.finding.flow
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": rule,
        "level": _LEVELS[finding.severity],
        "message": {"text": f"{line.message}. {line.enough}"},
        "locations": [
            {
                "physicalLocation": {
                    # A line of a trajectory's evidence: its event or step, counted from 1.
                    "artifactLocation": {"uri": f"trajectories/{line.audit.episode}.jsonl"},
                    "region": {"startLine": flow.events[0] + 1},
                },
                "logicalLocations": [{"fullyQualifiedName": flow.place.id, "kind": "member"}],
            }
        ],
        "partialFingerprints": {"agentenvAudit/v1": finding.fingerprint},
        "baselineState": "unchanged" if line.status == "known" else "new",
        "properties": {
            "security-severity": f"{10 * finding.gravity:.1f}",
            "severity": finding.severity,
            "exposure": flow.level,
            "evidence": flow.evidence,
            "value": run.value(finding),
        },
    }
    if line.status == "waived":
        result["suppressions"] = [{"kind": "external", "status": "accepted"}]
    return result
