"""Oracles of the pages that are a mailbox."""

from __future__ import annotations

import re

from agentenv.actions import Action
from agentenv.observations import Observation
from agentenv.tasks.miniwob.oracles.screen import fields, fill, named, quoted, tap, with_id

BUTTONS = {"delete": "trash", "important": "star", "reply": "Reply", "forward": "Forward"}
"""A word of the goal -> the button of an open e-mail."""


def mail(now: Observation) -> Action:
    """Find the email by Tammi and delete it, star it, forward it or reply to it."""
    sender, wish = re.findall(r"email by (\w+) and (.+)", now.goal)[0]
    send = with_id(now, "send-reply") or with_id(now, "send-forward")
    if send:
        text = quoted(wish)[0] if "reply" in wish else re.findall(r"to (\w+)", wish)[0]
        return fill([(fields(now)[0], text)], send)
    if with_id(now, "close-email") is None:
        return tap(named(now, sender))
    button = next(button for word, button in BUTTONS.items() if word in wish)
    return tap(next((e for e in now.elements if button in (e.name, e.description)), None))
