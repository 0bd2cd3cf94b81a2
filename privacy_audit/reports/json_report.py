"""The report as JSON: everything, for programs; ``--baseline`` reads it."""

from __future__ import annotations

import json
import math
from typing import Any

from privacy_audit.auditing import Audit
from privacy_audit.reports.content import DISCLAIMER, Line, RunAudit
from privacy_audit.scores import Mean, Share

FORMAT = "agentenv-audit/1"


def to_json(run: RunAudit) -> str:
    """The report's text."""
    lines: dict[int, list[Line]] = {}
    for line in run.lines:
        lines.setdefault(line.audit.episode, []).append(line)
    reached, offered = run.exposure
    content = {
        "format": FORMAT,
        "name": run.name,
        "note": DISCLAIMER,
        "policy": {"id": run.policy.id, "version": run.policy.version},
        "summary": {
            "trajectories": len(run.audits),
            "incomplete": len(run.incomplete),
            "success": _measured(run.success),
            "minimisation": _measured(run.minimisation),
            "tau": run.tau,
            "pqsr": _measured(run.pqsr),
            "pqsr_curve": [[tau, _measured(value)] for tau, value in run.curve],
            "disqualified": _measured(run.disqualified),
            "myphonebench_pqsr": _measured(run.protocol),
            "opportunities": {"reached": reached, "offered": offered},
            "unread_screenshots": run.unread,
            "findings": run.by_severity(),
        },
        "trajectories": [_trajectory(run, one, lines.get(one.episode, [])) for one in run.audits],
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _trajectory(run: RunAudit, audit: Audit, lines: list[Line]) -> dict[str, Any]:
    protocol = audit.protocol
    return {
        "episode": audit.episode,
        "instance": audit.purpose,
        "success": audit.success,
        "evidence": audit.evidence,
        "failure": audit.failure,
        "cut": audit.cut,
        "score": round(audit.score, 6),
        "disqualified": audit.disqualified,
        "myphonebench": {
            "over_permissioning": protocol.over_permissioning,
            "trap_resistance": protocol.trap_resistance,
            "form_minimisation": protocol.form_minimisation,
            "privacy": protocol.privacy,
        },
        "verdicts": {one.opportunity: one.verdict for one in audit.judgements},
        "findings": [_finding(run, line) for line in lines],
    }


def _finding(run: RunAudit, line: Line) -> dict[str, Any]:
    finding, flow = line.finding, line.finding.flow
    return {
        "fingerprint": finding.fingerprint,
        "rule": finding.rule,
        "severity": finding.severity,
        "gravity": round(finding.gravity, 6),
        "status": line.status,
        "item": flow.item,
        "class": flow.category,
        "subject": flow.subject,
        "source": flow.source,
        "recipient": flow.recipient,
        "place": flow.place.id,
        "level": flow.level,
        "cleared": flow.cleared,
        "recognised": flow.how,
        "grant": flow.grant,
        "evidence": flow.evidence,
        "box": flow.box and {"step": flow.boxed, "bounds": list(flow.box)},
        "events": list(flow.events),
        "message": line.message,
        "enough": line.enough,
        "controls": list(run.policy.rules[finding.rule].controls),
        "value": run.value(finding),
    }


def _measured(measured: Share | Mean) -> dict[str, Any]:
    """Null where nothing could be measured."""
    low, high = measured.interval
    known = not math.isnan(measured.value)
    return {
        "value": measured.value if known else None,
        "ci95": [low, high] if known else None,
        "n": measured.n,
    }
