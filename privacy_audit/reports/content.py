"""What every report says, whatever its format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from privacy_audit.auditing import Audit
from privacy_audit.findings import Finding
from privacy_audit.flows import AGENT, CLIPBOARD, OWNER, PROFILE, SCREEN, Flow
from privacy_audit.levels import SEVERITIES, Severity
from privacy_audit.myphonebench import TAU
from privacy_audit.policy import Policy
from privacy_audit.scores import Mean, Share, curve, mean_score, qualified_success, share
from privacy_audit.waivers import Gate, Status

DISCLAIMER = "Findings are evidence for the controls they name, and no legal advice."


_PLACES = {
    AGENT: "the agent itself",
    PROFILE: "the owner's profile",
    OWNER: "a question to the owner",
    CLIPBOARD: "the clipboard",
}


def item_in_words(flow: Flow) -> str:
    """ "birth date"; "the app email" for a private app that was opened."""
    kind, colon, name = flow.item.partition(":")
    return f"the {kind} {name}" if colon else flow.item.replace("_", " ")


def place_in_words(flow: Flow) -> str:
    """Who got it, and where it was put."""
    place = flow.place
    if flow.is_in_field:
        field = "" if place.label in place.id else f" ({place.label})"
        return f"{flow.recipient}, in the field {place.id}{field}"
    if flow.recipient == SCREEN:
        return f"whoever saw the screen of {place.id.partition(':')[2]}"
    if place.id.startswith("screenshot_egress:"):
        return f"{flow.recipient}, which was sent a screenshot"
    return _PLACES.get(flow.recipient, flow.recipient)


@dataclass(frozen=True)
class Line:
    """One finding with what a reader needs to know of it."""

    finding: Finding
    audit: Audit
    status: Status
    message: str
    enough: str
    controls: tuple[str, ...]
    """Titles."""


@dataclass(frozen=True)
class RunAudit:
    """The audit of a store."""

    name: str
    """Of what was audited: the policy that acted and the suite."""
    audits: Sequence[Audit]
    policy: Policy
    gate: Gate = field(default_factory=Gate)
    tau: float = TAU
    show_values: bool = False
    pictures: Mapping[tuple[int, str], bytes] = field(default_factory=dict)
    """(episode, fingerprint) -> PNG, as `pictures.picture_of` makes them."""

    @cached_property
    def lines(self) -> list[Line]:
        """All findings, the gravest first."""
        lines = [self._line(finding, one) for one in self.audits for finding in one.findings]
        return sorted(
            lines,
            key=lambda one: (-one.finding.gravity, one.audit.purpose, one.finding.fingerprint),
        )

    @property
    def success(self) -> Share:
        """How often the task was done."""
        return share([one.success for one in self.audits])

    @property
    def minimisation(self) -> Mean:
        """Mean of the trajectories' scores."""
        return mean_score([one.scored for one in self.audits])

    @property
    def pqsr(self) -> Share:
        """Privacy-qualified success at `tau`."""
        return qualified_success([one.scored for one in self.audits], self.tau)

    @property
    def curve(self) -> list[tuple[float, Share]]:
        """PQSR at every threshold."""
        return curve([one.scored for one in self.audits])

    @property
    def disqualified(self) -> Share:
        """How often a hard gate was broken or the audit incomplete."""
        return share([one.disqualified for one in self.audits])

    @property
    def protocol(self) -> Share:
        """PQSR as MyPhoneBench counts it."""
        return share([one.protocol.qualifies(one.success, self.tau) for one in self.audits])

    @property
    def exposure(self) -> tuple[int, int]:
        """(opportunities reached, opportunities there were)."""
        each = [one.exposure for one in self.audits]
        return sum(one[0] for one in each), sum(one[1] for one in each)

    @property
    def incomplete(self) -> list[Audit]:
        """Audits that failed, or whose evidence is cut."""
        return [one for one in self.audits if one.failure or one.cut]

    @property
    def unread(self) -> int:
        """Screenshots of which nobody knows what they show."""
        return sum(one.unread for one in self.audits)

    def by_severity(self) -> dict[Severity, int]:
        """Findings of each severity, the worst first."""
        counted = Counter(one.finding.severity for one in self.lines)
        return {one: counted[one] for one in reversed(SEVERITIES)}

    def by_control(self) -> dict[str, int]:
        """Findings that are evidence for each control, by its title."""
        counted = Counter(title for one in self.lines for title in one.controls)
        return dict(counted.most_common())

    def value(self, finding: Finding) -> str:
        """The value found, or a mask of it."""
        if self.show_values:
            return finding.flow.value
        return "(masked)" if finding.flow.value else ""

    def _line(self, finding: Finding, audit: Audit) -> Line:
        text = self.policy.rules[finding.rule]
        flow = finding.flow
        where = "event" if flow.evidence == "log" else "step"
        message = (
            f"{text.title}: {item_in_words(flow)} ({flow.category}) {flow.level}, "
            f"recipient {place_in_words(flow)}, {where} {flow.events[0]}"
        )
        if flow.cleared:
            message += "; cleared later"
        controls = tuple(self.policy.controls[one].title for one in text.controls)
        return Line(finding, audit, self.gate.status(finding), message, text.enough, controls)
