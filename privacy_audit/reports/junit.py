"""The report as JUnit XML: a test case for every trajectory."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from privacy_audit.auditing import Audit
from privacy_audit.reports.content import Line, RunAudit

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML cannot carry."""


def to_junit(run: RunAudit) -> str:
    """The report's text. New findings are failures; an audit that failed is an error."""
    lines: dict[int, list[Line]] = {}
    for line in run.lines:
        if line.status == "new":
            lines.setdefault(line.audit.episode, []).append(line)
    suite = ElementTree.Element(
        "testsuite",
        name=_plain(f"agentenv audit: {run.name}"),
        tests=str(len(run.audits)),
        failures=str(sum(one.episode in lines for one in run.audits if not _error(one))),
        errors=str(len(run.incomplete)),
    )
    for audit in run.audits:
        case = ElementTree.SubElement(
            suite,
            "testcase",
            classname=_plain(audit.instance[0].replace("/", ".") or "trajectory"),
            name=_plain(audit.purpose),
        )
        if _error(audit):
            ElementTree.SubElement(case, "error", message=_plain(_error(audit)))
        elif audit.episode in lines:
            found = lines[audit.episode]
            failure = ElementTree.SubElement(
                case, "failure", type=found[0].finding.rule, message=_plain(found[0].message)
            )
            failure.text = _plain("\n".join(f"[{one.finding.severity}] {one.message}. {one.enough}"
                                            for one in found))  # fmt: skip
    suites = ElementTree.Element("testsuites")
    suites.append(suite)
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _error(audit: Audit) -> str:
    return audit.failure or audit.cut


def _plain(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)
