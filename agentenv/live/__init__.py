"""A live view of devices in the user's own browser, from which a person can also act."""

from agentenv.live.board import Board, Diverted, OrderError, ViewClosedError
from agentenv.live.panel import Panel
from agentenv.live.view import LiveView, open_in_browser

__all__ = [
    "Board",
    "Diverted",
    "LiveView",
    "OrderError",
    "Panel",
    "ViewClosedError",
    "open_in_browser",
]
