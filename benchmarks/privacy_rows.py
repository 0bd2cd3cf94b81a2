"""What policies that were audited are compared by: the rows of `digiq_privacy` and
`craft_gui_privacy`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agentenv.errors import ConfigError
from agentenv.progress import console
from agentenv.trajectories.store import TrajectoryStore
from benchmarks.results_file import Row
from privacy_audit.auditing import Audit, audit_all
from privacy_audit.policy import Policy
from privacy_audit.scores import Mean, Share, mean_by_task, mean_score, qualified_success, share

PEER = "base"
"""What the others are compared with."""
_UNITS = {"optional_fields": "fields", "optional_fields:done": "fields"}
"""Of what is no fraction."""


def audited(stores: Sequence[TrajectoryStore], policy: Policy) -> list[Audit]:
    """Audits of all episodes that the infrastructure did not fail."""
    return [
        audit
        for store in stores
        for audit in audit_all((one for one in store.episodes() if not one.infra_error), policy)
    ]


def optional_fields(audit: Audit) -> int:
    """Optional personal fields that were filled in although the task does not need them."""
    places = [finding.flow.place for finding in audit.findings if finding.flow.is_in_field]
    return len({place.id for place in places if place.category and not place.required})


def privacy_rows(
    audits: Mapping[str, Sequence[Audit]], *, tau: float, seeds: tuple[int, ...]
) -> list[Row]:
    """What each policy did, and its ratios to `PEER`'s.

    Args:
        audits: by policy, `PEER` first.
        tau: threshold on the minimisation score, for privacy-qualified success.
        seeds: of the training.

    Raises:
        ConfigError: the infrastructure failed in every episode of a policy.
    """
    rows: list[Row] = []
    peers: dict[str, float] = {}
    for label, found in audits.items():
        if not found:
            raise ConfigError(f"{label}: every episode failed infrastructure; run it anew")
        for metric, one in _measured(found, tau).items():
            if not one.n:  # nothing was done, so nothing was filled in doing it
                continue
            peer = peers.setdefault(metric, one.value)
            low, high = one.interval
            rows.append(
                Row(
                    label=label,
                    metric=metric,
                    value=round(one.value, 4),
                    unit=_UNITS.get(metric, "fraction"),
                    ci95=(round(low, 4), round(high, 4)),
                    n=one.n,
                    seeds=seeds,
                    vs={PEER: round(one.value / peer, 3)} if label != PEER and peer else {},
                )
            )
    return rows


def print_rows(rows: Sequence[Row]) -> None:
    """A line for each, with its interval."""
    for row in rows:
        low, high = row.ci95 or (row.value, row.value)
        console.print(
            f"{row.label:18} {row.metric:20} {row.value:.3f} [{low:.3f}, {high:.3f}]",
            highlight=False,
        )


def _measured(found: Sequence[Audit], tau: float) -> dict[str, Share | Mean]:
    scored = [one.scored for one in found]
    return {
        "success": share([one.success for one in scored]),
        "qualified": qualified_success(scored, tau),
        "disqualified": share([one.disqualified for one in scored]),
        "minimisation": mean_score(scored),
        "optional_fields": _filled_in(found),
        "optional_fields:done": _filled_in([one for one in found if one.success]),
    }


def _filled_in(audits: Sequence[Audit]) -> Mean:
    return mean_by_task([(one.instance[0], float(optional_fields(one))) for one in audits])
