"""The phone's clock, and the notifications that come as it runs."""

from __future__ import annotations

from datetime import datetime

from agentenv.phone.setup import later
from agentenv.phone.state import State
from agentenv.phone.words import clock_text, in_language


def run_clock(state: State, seconds: int) -> bool:
    """Let time pass; whether the screen shows it: another minute, or a notification."""
    before = state.now
    state.database.set("time", later(state.database.get("time"), seconds))
    due = state.database.rows(
        "SELECT * FROM sys_arrivals WHERE due <= ? ORDER BY due, id", state.database.get("time")
    )
    for notice in due:
        time = clock_text(datetime.fromisoformat(notice["due"]), state.language)
        texts = {name: notice[name] for name in ("app", "title", "body")}
        state.database.insert("sys_notifications", {**texts, "time": time})
        state.database.delete("sys_arrivals", notice["id"])
        app = in_language(state.apps[notice["app"]].name, state.language)
        state.database.set("toast", f"{app}: {notice['title']}")
    return bool(due) or before.minute != state.now.minute
