"""A model behind an OpenAI-compatible endpoint as a policy: screens leave this machine for it."""

from __future__ import annotations

import base64
import hashlib
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from agentenv.dialects import get_dialect
from agentenv.endpoints import chat, content_of, persistently
from agentenv.errors import ConfigError
from agentenv.observations import Observation
from agentenv.policies.base import Decision, Egress, Hidden, History
from agentenv.policies.prompts import PROMPT_VERSION, Prompt, PromptFormat, render

logger = logging.getLogger(__name__)

KEY_VARIABLE = "AGENTENV_API_KEY"
"""Environment variable that holds the API key, where one is needed."""
RETRIES = 3
TIMEOUT = 120.0
"""Seconds to wait for an answer."""
MAX_TOKENS = 512
"""Of an answer."""


@dataclass(frozen=True)
class Redacted:
    """A screen from which what is sensitive was taken."""

    observation: Observation
    hidden: tuple[Hidden, ...]


Redact = Callable[[History], Redacted]
"""Makes what may leave of a history's last screen."""


def is_endpoint(spec: str) -> bool:
    """Whether a policy's name is an address."""
    return spec.startswith(("http://", "https://"))


class EndpointPolicy:
    """Asks a model for each decision; what left is recorded with it.

    Args:
        spec: the endpoint's address up to and with /v1, and the model's name there:
            "http://127.0.0.1:8000/v1#my-model".
        dialect: name of the text form it answers in.
        temperature: of sampling; 0 is greedy.
        seed: of sampling, for endpoints that take one.
        action_types: what the devices can do, for the instructions.
        redact: takes what is sensitive from each screen before it leaves; None sends all.

    Raises:
        ConfigError: the address names no model.
    """

    def __init__(
        self,
        spec: str,
        *,
        dialect: str = "json",
        temperature: float = 1.0,
        seed: int = 0,
        action_types: tuple[str, ...],
        redact: Redact | None = None,
    ) -> None:
        self.url, _, self.model = spec.partition("#")
        self.host = urlsplit(self.url).netloc.rpartition("@")[2]
        if not self.model or not self.host:
            raise ConfigError(
                f"policy {spec!r}: write the endpoint's address up to /v1, #, and the model's "
                "name there, as http://127.0.0.1:8000/v1#my-model"
            )
        self.dialect = get_dialect(dialect)
        self.temperature = temperature
        self.name = self.model
        redacted = "-redacted" if redact else ""
        self.version = f"{self.host}-p{PROMPT_VERSION}-t{temperature:g}-s{seed}{redacted}"
        self._seed = seed
        self._action_types = action_types
        self._redact = redact
        self._said: dict[str, tuple[str, ...]] = {}

    def act(self, histories: Sequence[History]) -> list[Decision]:
        """One decision for each history; all are asked for at the same time.

        Raises:
            DeviceError: the endpoint refuses, or does not answer (`model_failed`).
            ConfigError: a screen cannot be redacted.
        """
        if not histories:
            return []
        shown = [self._shown(history) for history in histories]
        with ThreadPoolExecutor(len(histories)) as threads:
            return list(threads.map(self._ask, histories, shown))

    def _shown(self, history: History) -> Redacted:
        if self._redact is None:
            return Redacted(history.observation, ())
        redacted = self._redact(history)
        names = tuple(sorted({one.what for one in redacted.hidden}))
        if names != self._said.get(history.instance, ()):
            self._said[history.instance] = names
            step = history.observation.step
            what = ", ".join(names) or "nothing any more"
            logger.info("%s, step %d: redacted %s", history.instance, step, what)
        return redacted

    def _ask(self, history: History, shown: Redacted) -> Decision:
        seen = replace(history, observation=shown.observation)
        prompt = render(seen, self.dialect, PromptFormat(), self._action_types)
        question = self._question(prompt)

        def attempt() -> str:
            return content_of(
                chat(self.url, question, who="model", key_variable=KEY_VARIABLE, timeout=TIMEOUT)
            )

        text = persistently(attempt, who="model", retries=RETRIES)
        image = hashlib.sha256(prompt.png).hexdigest() if prompt.png else ""
        egress = Egress(self.host, image, shown.hidden)
        return Decision(text=text, action=self.dialect.parse(text), egress=egress)

    def _question(self, prompt: Prompt) -> dict[str, Any]:
        content: list[dict[str, Any]] = [{"type": "text", "text": prompt.text}]
        if prompt.png:
            picture = f"data:image/png;base64,{base64.b64encode(prompt.png).decode()}"
            content.append({"type": "image_url", "image_url": {"url": picture}})
        return {
            "model": self.model,
            "messages": [{"role": "user", "content": content}],
            "temperature": self.temperature,
            "seed": self._seed,
            "max_tokens": MAX_TOKENS,
        }
