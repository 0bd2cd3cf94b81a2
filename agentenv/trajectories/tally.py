"""What episodes add up to, counted one at a time: the numbers behind a dataset card."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from agentenv.actions import TARGET_FIELDS, Action, Invalid
from agentenv.observations import Observation
from agentenv.statistics import SuccessRate
from agentenv.trajectories.episode import Episode

Digest = bytes
"""Of content: equal exactly if what was hashed is."""
InstanceKey = tuple[str, str, int]
"""(task, split, index)."""


@dataclass
class Tally:
    """Counts of episodes. Those that the infrastructure failed are counted as such only."""

    success: SuccessRate = field(default_factory=SuccessRate)
    infra_causes: Counter[str] = field(default_factory=Counter)
    """Cause of an infrastructure failure -> episodes."""
    policies: Counter[str] = field(default_factory=Counter)
    """"policy (version)" -> episodes."""
    splits: Counter[str] = field(default_factory=Counter)
    """Split -> episodes."""
    returns: float = 0.0
    """Sum of the episodes' returns, undiscounted."""
    lengths: Counter[int] = field(default_factory=Counter)
    """Steps of an episode -> episodes."""
    at_limit: int = 0
    """Episodes that the step limit ended."""
    actions: Counter[str] = field(default_factory=Counter)
    """Type of an action -> steps."""
    pairs: set[Digest] = field(default_factory=set)
    """Every (state, action) of a task once."""
    contents: set[Digest] = field(default_factory=set)
    """Every sequence of a task's states, actions and rewards once."""
    first_states: dict[InstanceKey, Digest] = field(default_factory=dict)
    """Instance -> the state that its first episode began in."""

    def add(self, episode: Episode) -> None:
        """Count one episode more; nothing of it is kept but digests."""
        self.success += SuccessRate.of(episode)
        if episode.infra_error:
            self.infra_causes[episode.infra_error] += 1
            return
        self.policies[f"{episode.policy} ({episode.policy_version})"] += 1
        self.splits[episode.split] += 1
        self.returns += episode.reward
        self.lengths[len(episode.steps)] += 1
        self.at_limit += episode.truncated and not episode.terminated
        self.actions.update(step.action.type for step in episode.steps)
        self._add_content(episode)

    def _add_content(self, episode: Episode) -> None:
        content = hashlib.sha256(episode.task.encode())
        states = [state_digest(step.observation) for step in episode.steps]
        for state, step in zip(states, episode.steps, strict=True):
            pair = _digest(episode.task.encode(), state, action_text(step.action).encode())
            self.pairs.add(pair)
            content.update(_digest(pair, repr(step.reward).encode()))
        if episode.final_observation is not None:
            states.append(state_digest(episode.final_observation))
            content.update(states[-1])
        self.contents.add(content.digest())
        if states:
            key = (episode.task, episode.split, episode.index)
            self.first_states.setdefault(key, states[0])


def tally_by_task(episodes: Iterable[Episode]) -> dict[str, Tally]:
    """Count episodes in one pass; sorted by task."""
    tallies: defaultdict[str, Tally] = defaultdict(Tally)
    for episode in episodes:
        tallies[episode.task].add(episode)
    return dict(sorted(tallies.items()))


def state_digest(seen: Observation) -> Digest:
    """A state is what the agent sees: the screenshot's pixels, the elements and the goal.

    Not the screenshot's bytes: two stores may have compressed the same picture in two ways.
    The location is left out (a local server's port would make every state new), and so
    are the step's number and error: the same screen later is the same state.
    """
    goal = seen.goal.encode(errors="surrogatepass")
    return _digest(*_pixels(seen), repr(seen.elements).encode(), goal)


def action_text(action: Action) -> str:
    """One text for what does the same thing.

    A label does not decide where an action lands; output that is no action does nothing,
    whatever it says.
    """
    if isinstance(action, Invalid):
        return action.type
    labels = {label for label, _, _ in TARGET_FIELDS}
    return json.dumps(action.model_dump(exclude=labels, exclude_none=True), sort_keys=True)


def _pixels(seen: Observation) -> tuple[bytes, bytes]:
    """Shape and content of the screenshot; of one that nothing can show, its bytes."""
    try:
        picture = seen.screenshot
    except OSError:
        return b"", seen.png
    return repr(picture.shape).encode(), picture.tobytes()


def _digest(*parts: bytes) -> Digest:
    """Of the parts in order; where one ends counts."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()
