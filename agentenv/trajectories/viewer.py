"""One self-contained HTML page to step through episodes."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from agentenv.observations import ELEMENT_FLAGS, Observation, UIElement
from agentenv.trajectories.durable import write_durably
from agentenv.trajectories.episode import Episode, Step
from agentenv.trajectories.marks import describe, mark_of
from agentenv.trajectories.schema import action_to_json
from agentenv.trajectories.values import EpisodeValues, Valuer, state_data

DEFAULT_LIMIT = 500
"""Episodes in one page: some thousands of small screenshots still open at once."""
_NAMES = ("critic", "before", "after", "rule")
"""What the page says of a `Valuer`."""


def write_viewer(
    episodes: Iterable[Episode],
    path: Path | str,
    *,
    title: str = "Trajectories",
    limit: int | None = DEFAULT_LIMIT,
    values: Valuer | None = None,
    progress: Callable[[], None] = lambda: None,
) -> int:
    """Write a page that shows every step of `episodes`: screenshot, action, reward.

    The page works from `file://` and asks nothing of the network; whatever the
    episodes hold (goals, page text, model output) is shown as text, never as markup.

    Args:
        episodes: read one at a time, `limit` of them at most (None: all).
        path: the HTML file; replaced if it exists, its directory made if it does not.
        title: heading of the page.
        limit: the page says so when it leaves episodes out.
        values: shown beside the steps: candidates by Q, V along the episode, and where
            two policies differ.
        progress: told of each episode.

    Returns:
        How many episodes the page shows.
    """
    images = _Images()
    remaining = iter(episodes)
    chosen = islice(remaining, limit)
    valued = values.read(chosen) if values else ((episode, None) for episode in chosen)
    shown = []
    for episode, found in valued:
        shown.append(_episode_data(episode, found, images))
        progress()
    data = {
        "title": title,
        "values": values and {name: getattr(values, name) for name in _NAMES},
        "more": next(remaining, None) is not None,
        "images": images.urls,
        "episodes": shown,
    }
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    write_durably(Path(path), _render(title, data).encode())
    return len(shown)


def json_for_html(value: Any) -> Markup:
    """JSON that cannot end the script element that holds it; pure ASCII.

    NaN and infinities, for which JSON has no words, become null.
    """
    plain = json.loads(json.dumps(value), parse_constant=lambda name: None)
    text = json.dumps(plain, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def data_url(image: bytes) -> str:
    """An image as a URL that holds all of it."""
    kind = "webp" if image[8:12] == b"WEBP" else "png"
    return f"data:image/{kind};base64,{base64.b64encode(image).decode()}"


class _Images:
    """Screenshots by content: a screen that did not change is kept once."""

    def __init__(self) -> None:
        self.urls: list[str] = []
        self._position: dict[bytes, int] = {}

    def add(self, image: bytes) -> int:
        digest = hashlib.sha256(image).digest()
        if digest not in self._position:
            self._position[digest] = len(self.urls)
            self.urls.append(data_url(image))
        return self._position[digest]


def assets(*names: str) -> str:
    """The shared and own files of a page (style sheets or scripts), one after the other."""
    folder = files("agentenv.trajectories") / "templates"
    return "\n".join((folder / name).read_text(encoding="utf-8") for name in names)


def script_hash(script: str) -> str:
    """What a content security policy must say to allow this script and no other."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def _render(title: str, data: dict[str, Any]) -> str:
    script = assets("screen.js", "values.js", "viewer.js")
    environment = Environment(
        loader=PackageLoader("agentenv.trajectories"), autoescape=True, keep_trailing_newline=True
    )
    return environment.get_template("viewer.html.j2").render(
        title=title,
        style=Markup(assets("look.css", "viewer.css", "values.css")),
        script=Markup(script),
        script_hash=Markup(script_hash(script)),
        data=json_for_html(data),
    )


def _episode_data(
    episode: Episode, values: EpisodeValues | None, images: _Images
) -> dict[str, Any]:
    final = episode.final_observation
    seen = [step.observation for step in episode.steps] + ([] if final is None else [final])
    frames = [_observation_data(observation, images) for observation in seen]
    following = [*seen[1:], None] if final is None else seen[1:]
    for frame, step, after in zip(frames, episode.steps, following, strict=False):
        frame |= _decision_data(step, after)
    if values is not None:
        states = values.states if values.final is None else (*values.states, values.final)
        for frame, observation, state in zip(frames, seen, states, strict=False):
            frame["values"] = state_data(state, observation)
    outcome = "infra" if episode.infra_error else "success" if episode.success else "failure"
    return {
        "task": episode.task,
        "instance": f"{episode.split} {episode.index}",
        "attempt": episode.attempt,
        "after": episode.after,
        "policy": f"{episode.policy} {episode.policy_version}",
        "goal": episode.goal,
        "outcome": outcome,
        "ended": "terminated" if episode.terminated else "truncated" if episode.truncated else "",
        "infra": episode.infra_error,
        "reward": episode.reward,
        "raw": episode.raw_reward,
        "steps": len(episode.steps),
        "frames": frames,
    }


def _observation_data(observation: Observation, images: _Images) -> dict[str, Any]:
    return {
        "image": images.add(observation.png),
        "location": observation.location,
        "messages": list(observation.messages),
        "elements": [element_data(element) for element in observation.elements],
    }


def element_data(element: UIElement) -> list[Any]:
    """An element as the pages' scripts read it."""
    flags = [flag for flag in ELEMENT_FLAGS if getattr(element, flag) and flag != "enabled"]
    if not element.enabled:
        flags.append("disabled")
    name = element.name or element.description
    return [element.index, element.role, name, element.value, flags, element.bounds]


def _decision_data(step: Step, following: Observation | None) -> dict[str, Any]:
    return {
        "mark": asdict(mark_of(step.action, step.observation.elements, step.sent)),
        "words": describe(step.action),
        "kind": step.action.type,
        "target": getattr(step.action, "element", None),
        "text": step.text,
        "action": action_to_json(step.action),
        "sent": None if step.sent is None else action_to_json(step.sent),
        "reward": step.reward,
        "error": following.last_action_error if following else "",
        "tokens": len(step.token_ids),
        "logProb": sum(step.log_probs) if step.log_probs else None,
    }
