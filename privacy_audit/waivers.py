"""What is known and borne with: waivers with an owner and an end, and an earlier report."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from agentenv.errors import ConfigError
from privacy_audit.auditing import Audit
from privacy_audit.findings import Finding
from privacy_audit.levels import SEVERITIES, Severity
from privacy_audit.policy import Rule
from privacy_audit.yaml_file import read_yaml_file

Status = Literal["new", "known", "waived"]


class Waiver(BaseModel):
    """One decision to bear with findings."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    owner: str = Field(min_length=1)
    """Who answers for it."""
    reason: str = Field(min_length=1)
    expires: date
    """The last day on which it counts."""
    fingerprint: str = ""
    """Of one finding; or else all findings of these:"""
    rule: Rule | None = None
    item: str = ""
    place: str = ""

    def covers(self, finding: Finding, today: date) -> bool:
        """Whether it counts for a finding on a day."""
        if today > self.expires:
            return False
        if self.fingerprint:
            return self.fingerprint == finding.fingerprint
        return (
            bool(self.rule or self.item or self.place)
            and self.rule in (None, finding.rule)
            and self.item in ("", finding.flow.item)
            and self.place in ("", finding.flow.place.id)
        )


@dataclass(frozen=True)
class Gate:
    """Decides which findings count."""

    waivers: tuple[Waiver, ...] = ()
    baseline: frozenset[str] = frozenset()
    """Fingerprints of an earlier report."""
    today: date = date.max

    def status(self, finding: Finding) -> Status:
        """Whether a finding is new."""
        if any(waiver.covers(finding, self.today) for waiver in self.waivers):
            return "waived"
        return "known" if finding.fingerprint in self.baseline else "new"

    def expired(self) -> tuple[Waiver, ...]:
        """Waivers that count no more."""
        return tuple(one for one in self.waivers if self.today > one.expires)

    def reasons(self, audits: Iterable[Audit], fail_on: Severity) -> list[str]:
        """Why these audits do not pass; empty if they do. An audit that failed never passes."""
        worst = SEVERITIES.index(fail_on)
        failed, grave = 0, 0
        for audit in audits:
            failed += bool(audit.failure or audit.cut)
            grave += sum(
                SEVERITIES.index(one.severity) >= worst and self.status(one) == "new"
                for one in audit.findings
            )
        reasons = [f"{grave} new findings of severity {fail_on} or worse"] if grave else []
        return [*reasons, f"{failed} audits failed or are incomplete"] if failed else reasons


def read_waivers(path: Path) -> tuple[Waiver, ...]:
    """A YAML list of waivers.

    Raises:
        ConfigError: it cannot be read, or one is wrong; names the line.
    """
    waivers: list[Waiver] = read_yaml_file(path, list[Waiver], "waivers")
    return tuple(waivers)


def read_baseline(path: Path) -> frozenset[str]:
    """Fingerprints of the findings of an earlier ``--format json`` report.

    Raises:
        ConfigError: it is no such report.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return frozenset(
            finding["fingerprint"] for one in content["trajectories"] for finding in one["findings"]
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{path} is no report of agentenv audit --format json ({error})"
        ) from error
