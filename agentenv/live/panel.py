"""One device on the live page: its screen, its episode, and the person's hand on it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

from agentenv.actions import Action
from agentenv.live.board import Board, Diverted, OrderError, ViewClosedError
from agentenv.observations import Observation
from agentenv.tasks.targets import aimed
from agentenv.trajectories.marks import describe, mark_of
from agentenv.trajectories.viewer import element_data

if TYPE_CHECKING:
    from agentenv.env import DeviceEnv
    from agentenv.live.orders import Order
    from agentenv.transition import Transition

Phase = Literal["starting", "thinking", "acting", "yours", "ended"]
"""Nothing to see yet; the policy decides; an action is shown before it is carried out;
the person is to act; the episode is over."""


class Panel:
    """What one device shows. One thread runs its episodes; the server's threads read it.

    Args:
        board: it belongs to.
        number: its place there.
        person: whether the person acts, and not a policy.
    """

    def __init__(self, board: Board, number: int, *, person: bool = False) -> None:
        self.person = person
        self.png = b""
        self.tickets = 0
        """Steps the person allows while the board is paused."""
        self.version = 0
        self.state: dict[str, Any] = {"id": number, "screen": 0, "phase": "starting"}
        """What the page shows of it, as JSON values; replaced as a whole."""
        self._board = board
        self._observation: Observation | None = None
        self._action_types: tuple[str, ...] = ()
        self._action: Action | None = None
        self._kept = False
        self._wish: Literal["again", "next"] | None = None

    def began(self, env: DeviceEnv, policy: str = "") -> None:
        """An episode starts."""
        self._action_types = env.action_types
        with self._board.condition:
            self._wish, self._kept = None, False
            self._publish(
                phase="thinking",
                task=env.instance.task,
                instance=f"{env.instance.split} {env.instance.index}",
                policy=policy,
                goal=env.observation.goal,
                limit=env.max_steps,
                actions=list(env.action_types),
                log=[],
                reward=0.0,
                raw=None,
                outcome="",
                infra="",
                **self._decided(None),
                **self._seen(env.observation),
            )

    def thinking(self) -> None:
        """The policy is about to decide."""
        with self._board.condition:
            self._publish(phase="thinking", **self._decided(None))

    def acting(self, action: Action, text: str = "") -> bool:
        """Show an action on the screen it is meant for, and wait for its turn.

        Returns:
            False if the person took over meanwhile: the action is not to be carried out.

        Raises:
            Diverted: the person wants the episode over.
            ViewClosedError: the view was closed.
        """
        with self._board.condition:
            self._publish(phase="acting", **self._decided(action, text))
        return self._board.pace(self, stop=self._taken_over)

    def advanced(self, result: Transition, action: Action, *, by_person: bool = False) -> None:
        """Show what came of an action."""
        over = result.terminated or result.truncated
        entry = {
            "words": describe(action),
            "refused": result.sent is None,
            "error": result.observation.last_action_error,
            "person": by_person,
        }
        with self._board.condition:
            self._publish(
                phase="ended" if over else "thinking",
                log=[*self.state.get("log", []), entry],
                reward=result.reward,
                raw=result.raw_reward,
                outcome=_outcome(result) if over else "",
                infra=result.infra_error,
                **({"mark": None, "target": None} if over else self._decided(None)),
                **self._seen(result.observation),
            )

    def failed(self, cause: str, instance: str) -> None:
        """The device could not be reset."""
        with self._board.condition:
            self._wish, self._kept = None, False
            shown = {"phase": "ended", "outcome": "infra", "infra": cause, "instance": instance}
            self._publish(**shown, **self._decided(None))

    def linger(self) -> None:
        """Give the person time to see how an episode ended, until they want to go on.

        Raises:
            ViewClosedError: the view was closed.
        """
        self._board.pace(self, stop=self._seen_enough)

    def await_action(self) -> Action | None:
        """The person's next action, aimed at elements; None once they have handed back.

        Raises:
            Diverted: they want the episode over.
            ViewClosedError: the view was closed.
        """
        with self._board.condition:
            self._action = None
            self._publish(phase="yours", **self._decided(None))
            while self._action is None and self.person:
                self._check()
                self._board.condition.wait()
            self._check()
            action, self._action = self._action, None
            if action is not None:
                self._publish(phase="acting", **self._decided(action))
            return action

    def await_verdict(self) -> None:
        """Wait until the person keeps the episode that has ended.

        Raises:
            Diverted: they do not.
            ViewClosedError: the view was closed.
        """
        with self._board.condition:
            while not self._kept:
                self._check()
                self._board.condition.wait()

    def complain(self, problem: str) -> None:
        """Tell the person why their action was not taken."""
        with self._board.condition:
            self._publish(error=problem)

    def obey(self, order: Order) -> None:
        """Take one of the person's orders. Call with the board's condition held.

        Raises:
            OrderError: it is not possible now.
        """
        match order.order:
            case "take_over" | "hand_back":
                self._require_offer("take_over")
                self.person = order.order == "take_over"
                self._publish()
            case "again" | "next":
                self._require_offer(order.order)
                self._wish = order.order
            case "keep":
                if self.state["phase"] != "ended":
                    raise OrderError("the episode is not over yet")
                self._kept = True
            case "act":
                self._act(order)

    def _check(self) -> None:
        """Raise what ends a wait: `Diverted` or `ViewClosedError`."""
        if self._board.closed:
            raise ViewClosedError("the live view was closed")
        if self._wish is not None:
            raise Diverted(self._wish)

    def _taken_over(self) -> bool:
        self._check()
        return self.person

    def _seen_enough(self) -> bool:
        if self._board.closed:
            raise ViewClosedError("the live view was closed")
        return self._wish is not None

    def _act(self, order: Order) -> None:
        if self.state["phase"] != "yours" or self._action is not None or not self._observation:
            raise OrderError("it is not your turn")
        if order.screen != self.state["screen"]:
            raise OrderError("the screen has changed meanwhile; look again")
        if order.action is None or order.action.type not in self._action_types:
            raise OrderError(f"choose one of these actions: {', '.join(self._action_types)}")
        self._action = aimed(order.action, self._observation.elements)

    def _require_offer(self, offer: Literal["take_over", "again", "next"]) -> None:
        if offer not in self._board.offers:
            raise OrderError("this view is for looking only")

    def _seen(self, observation: Observation) -> dict[str, Any]:
        self._observation, self.png = observation, observation.png
        return {
            "screen": self.state["screen"] + 1,
            "step": observation.step,
            "location": observation.location,
            "error": observation.last_action_error,
            "elements": [
                [*element_data(element), element.description] for element in observation.elements
            ],
        }

    def _decided(self, action: Action | None, text: str = "") -> dict[str, Any]:
        if action is None or self._observation is None:
            return {"mark": None, "words": "", "target": None, "text": ""}
        return {
            "mark": asdict(mark_of(action, self._observation.elements)),
            "words": describe(action),
            "target": getattr(action, "element", None),
            "text": text,
        }

    def _publish(self, **fields: Any) -> None:
        # A new mapping each time: the server's threads may still be reading the old one.
        self.state = {**self.state, **fields, "person": self.person}
        self.version = self._board.changed()


def _outcome(result: Transition) -> str:
    if result.infra_error:
        return "infra"
    return "success" if result.success else "failure"
