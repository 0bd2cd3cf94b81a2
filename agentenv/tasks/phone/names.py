"""The ids of the phone's templates, read without parsing: `import agentenv` is to be quick."""

from __future__ import annotations

import re
from functools import cache
from typing import Literal

from agentenv.data_files import data_file
from agentenv.errors import ConfigError

PAIRS = "tasks/phone_pairs.yaml"
"""Pairs of tasks, in ``data/``; see `agentenv.tasks.phone.pairs`."""
Session = Literal["save", "use", "ask"]
SESSIONS: tuple[Session, ...] = ("save", "use", "ask")
"""Endings of the names of a pair's templates."""
_ID = re.compile(r"^- id: ([a-z0-9-]+)$", re.MULTILINE)


@cache
def template_names() -> tuple[str, ...]:
    """Names of all templates; none where agentenv runs without its data."""
    try:
        folder = data_file("tasks/phone")
    except ConfigError:
        return ()
    texts = (path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.yaml")))
    names = [name for text in texts for name in _ID.findall(text)]
    pairs = _ID.findall(data_file(PAIRS).read_text(encoding="utf-8"))
    return (*names, *(f"{name}-{session}" for name in pairs for session in SESSIONS))
