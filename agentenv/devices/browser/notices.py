"""What a page tells beside its picture: dialogs, and how they were answered."""

from __future__ import annotations

import logging

logger = logging.getLogger(__name__)

_MOST = 20
"""Messages kept for one observation; a page may open dialogs in a loop."""
_LONGEST = 300


class Notices:
    """Answers the dialogs of an engine's page and keeps what the agent is to be told."""

    def __init__(self) -> None:
        self.accept = True
        """Whether confirm, prompt and beforeunload dialogs are accepted or dismissed."""
        self._messages: list[str] = []

    def clear(self) -> None:
        """Forget the messages, and accept dialogs until told otherwise."""
        self.accept = True
        self._messages.clear()

    def add(self, message: str) -> None:
        """Tell the agent something with its next observation."""
        logger.debug("the page said: %s", message)
        if len(self._messages) < _MOST:
            self._messages.append(" ".join(message.split())[:_LONGEST])

    def answer(self, kind: str, text: str, default: str) -> tuple[bool, str]:
        """How to answer a dialog; it becomes a message.

        Args:
            kind: "alert", "confirm", "prompt" or "beforeunload".
            text: what the dialog says.
            default: what a prompt's field holds.

        Returns:
            whether to accept it, and the text to answer a prompt with.
        """
        outcome = "accepted" if self.accept else "dismissed"
        match kind:
            case "alert":
                self.add(f"alert: {text}")
            case "prompt" if self.accept:
                self.add(f"prompt, answered {default!r}: {text}")
            case "beforeunload":
                self.add(f"the page asked whether to leave it: {outcome}")
            case _:
                self.add(f"{kind}, {outcome}: {text}")
        return self.accept, default if kind == "prompt" else ""

    def take(self) -> tuple[str, ...]:
        """The messages since the last time, the oldest first."""
        messages = tuple(self._messages)
        self._messages.clear()
        return messages
