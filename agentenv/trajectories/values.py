"""What a critic and two policies say of an episode's states, as the viewer shows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from agentenv.actions import Action
from agentenv.observations import Observation
from agentenv.trajectories.drawing import value_colours
from agentenv.trajectories.episode import Episode
from agentenv.trajectories.marks import Mark, describe, mark_of

_DIGITS = 4


@dataclass(frozen=True)
class Estimate:
    """A value by an ensemble."""

    value: float
    """What its members agree on (their mean, say)."""
    low: float
    """The lowest that any member says."""
    high: float


@dataclass(frozen=True)
class JudgedAction:
    """A candidate action of a state; samples that do the same are one."""

    text: str
    """As a policy writes it."""
    action: Action
    q: Estimate | None
    """None for an invalid action: what a critic says of it means nothing."""
    log_prob: float
    """Of the text under the policy before training, natural logarithm, temperature 1."""
    log_prob_after: float | None = None
    """The same under the policy after training; None if none is compared."""
    count: int = 1
    """Candidates that are this action, the logged one included."""
    logged: bool = False
    """It was taken."""
    imitated: bool = False
    """Best-of-N would imitate it."""


@dataclass(frozen=True)
class StateValues:
    """One state: V and the candidates."""

    v: Estimate
    actions: tuple[JudgedAction, ...] = ()
    """By falling Q, invalid ones last; none for the state after a time-out."""
    followed: float | None = None
    """The discounted return that followed; None where nothing could."""


@dataclass(frozen=True)
class EpisodeValues:
    """One episode."""

    states: tuple[StateValues, ...]
    """One for each step."""
    final: StateValues | None = None
    """The state after the last step, where the episode could have gone on (a time-out)."""


class Valuer(Protocol):
    """A critic that looks at episodes."""

    critic: str
    """Its name."""
    before: str
    """Name of the policy before training."""
    after: str
    """Name of the policy after training; empty if there is none to compare with."""
    rule: str
    """What Best-of-N imitates, in words."""

    def read(self, episodes: Iterable[Episode]) -> Iterator[tuple[Episode, EpisodeValues | None]]:
        """Each episode with its values, in order, some of them read at a time.

        The values are None where nothing can be said: no step was taken, or the
        infrastructure failed.
        """
        ...


def state_data(state: StateValues, observation: Observation) -> dict[str, Any]:
    """A state's values as the page's script reads them."""
    valued = [action.q.value for action in state.actions if action.q is not None]
    colours = ["rgb({},{},{})".format(*colour) for colour in value_colours(valued)]
    colours += [""] * (len(state.actions) - len(colours))
    before, after = favourites(state.actions)
    return {
        "v": _estimate_data(state.v),
        "followed": _rounded(state.followed),
        "before": before,
        "after": after,
        "actions": [
            {
                "mark": _mark_data(mark_of(judged.action, observation.elements)),
                "words": describe(judged.action),
                "text": judged.text,
                "colour": colour,
                "q": None if judged.q is None else _estimate_data(judged.q),
                "logProb": _rounded(judged.log_prob),
                "logProbAfter": _rounded(judged.log_prob_after),
                "count": judged.count,
                "logged": judged.logged,
                "imitated": judged.imitated,
            }
            for judged, colour in zip(state.actions, colours, strict=True)
        ],
    }


def favourites(actions: Sequence[JudgedAction]) -> tuple[int | None, int | None]:
    """Which valid candidate is the most probable, before training and after.

    Returns:
        Positions in `actions`; None where there is none.
    """
    valid = [i for i, judged in enumerate(actions) if judged.q is not None]
    before = max(valid, key=lambda i: actions[i].log_prob, default=None)
    scored = [(actions[i].log_prob_after, i) for i in valid]
    known = [(score, i) for score, i in scored if score is not None]
    after = max(known, key=lambda pair: pair[0])[1] if known else None
    return before, after


def _estimate_data(estimate: Estimate) -> list[float | None]:
    return [_rounded(part) for part in (estimate.value, estimate.low, estimate.high)]


def _mark_data(mark: Mark) -> dict[str, Any]:
    def rounded(point: tuple[float, ...] | None) -> list[float | None] | None:
        return None if point is None else [_rounded(part) for part in point]

    places = {name: rounded(getattr(mark, name)) for name in ("start", "end", "bounds")}
    return asdict(mark) | places


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, _DIGITS)
