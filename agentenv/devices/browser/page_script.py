"""The script that every page runs first, put together from the `page` folder."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

START_OF_TIME = 1_735_732_800.0
"""Every page opens at this instant (Unix time: 2025-01-01 12:00 UTC)."""
_PARTS = (
    "environment.js",
    "windows.js",
    "tree.js",
    "frames.js",
    "describe.js",
    "elements.js",
    "targets.js",
)


@cache
def page_script() -> str:
    """JavaScript that defines `window.__agentenv`, once per document."""
    folder = files(__package__) / "page"
    parts = ",\n".join((folder / name).read_text(encoding="utf-8") for name in _PARTS)
    start = json.dumps(START_OF_TIME * 1000)
    return f"""(() => {{
  if (window.__agentenv) return;
  const agentenv = {{ startOfTime: {start} }};
  for (const part of [{parts}]) part(agentenv);
  Object.defineProperty(window, '__agentenv', {{ value: agentenv }});
}})()"""
