"""The browser as a device, whichever engine draws the page."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agentenv.actions import BROWSER_ACTIONS, Action, Navigate
from agentenv.devices.base import BrowserSetup, DeviceFeatures, Setup
from agentenv.devices.browser.clock import pass_time
from agentenv.devices.browser.elements import Look, checked_expression, look_at, look_expression
from agentenv.devices.browser.engine import LOAD_TIMEOUT, Engine, ScriptError, call_page
from agentenv.devices.browser.guard import NetworkGuard
from agentenv.devices.browser.input import Hands
from agentenv.devices.browser.storage_state import load_storage_state, save_storage_state
from agentenv.devices.browser.viewports import Viewport
from agentenv.errors import ActionError, ConfigError, DeviceError
from agentenv.observations import Screen

logger = logging.getLogger(__name__)

SETTLE_MS = 480.0
"""Page time that passes after each action: enough for handlers, jQuery's effects (400 ms)
and short transitions."""
_LOAD_STEP_MS = 10.0
"""Page time between two looks at whether the page is ready."""
_LOADED_AGE_MS = 500.0
"""A page's age when it is started is a multiple of this."""
Evaluate = Callable[[str], Any]
"""Gives the JSON value of a JavaScript expression in the page."""
BROWSER_DEVICE_ACTIONS: tuple[str, ...] = tuple(
    name for name in BROWSER_ACTIONS if name not in ("answer", "finish")
)


class BrowserDevice:
    """One page. The browser starts at the first `reset`.

    Between calls the page stands still: its clock runs only in `act` (for `SETTLE_MS`, twice
    that where something begins to move, and as long as a `Wait` says) and while a page loads.
    After a `DeviceError` the browser is gone, and the next `reset` starts another. Not for
    several threads at once.
    """

    def __init__(
        self,
        viewport: Viewport,
        make_engine: Callable[[], Engine],
        load_timeout: float = LOAD_TIMEOUT,
        *,
        still: bool = False,
    ) -> None:
        """
        Args:
            viewport: the page's screen.
            make_engine: creates an engine, not yet opened.
            load_timeout: seconds a page may take to become ready.
            still: its pages do at once all that they do, and nothing during a gesture that they
                do not at its end: no frames are drawn for it, what scrolls does so at once,
                and no time is given after an action.
        """
        self.deadline: float | None = None
        width, height = viewport.screenshot_size
        self._features = DeviceFeatures("browser", height, width, BROWSER_DEVICE_ACTIONS)
        self._viewport = viewport
        self._make_engine = make_engine
        self._still = still
        self._load_timeout = load_timeout
        self._engine: Engine | None = None
        self._hands: Hands | None = None
        self._guard: NetworkGuard | None = None
        self._setup: BrowserSetup | None = None
        self._page = ""
        self._state_expression = ""
        self._png = b""
        self._seen: Look | None = None
        self._messages: tuple[str, ...] = ()

    @property
    def features(self) -> DeviceFeatures:
        return self._features

    @property
    def url(self) -> str:
        """The page that was opened by the last reset; empty if the browser is gone."""
        return "" if self._setup is None else self._setup.url

    @property
    def downloads(self) -> list[Path]:
        """Files downloaded since the reset, in the order in which they were finished. They
        lie in a folder of the browser's own until the next reset, or until it is closed."""
        if self._engine is None:
            return []
        self._look()  # waits for those that were just asked for
        return list(self._engine.downloads.finished)

    def reset(self, setup: Setup) -> None:
        """Open the page, or only start it over where it is open already.

        Raises:
            DeviceError: "page_not_loaded", "page_not_ready", "start_failed", "page_hung",
                "browser_crashed", "browser_start".
            ConfigError: not a `BrowserSetup`, or no browser is installed.
        """
        if not isinstance(setup, BrowserSetup):
            raise ConfigError(f"a browser is set up by BrowserSetup, not {type(setup).__name__}")
        with self._guarded():
            self._adopt(setup)
            engine, hands = self._connect()
            self._seen = None
            engine.notices.clear()
            engine.discard_downloads()
            hands.chooser.offer(setup.files)
            deadline = time.monotonic() + self._load_timeout
            is_open = self._is_open(engine, hands, setup)
            hands.rest()  # draws a frame, in which a page that is open is hidden
            if not is_open:
                self._renew(engine, setup)
                deadline = time.monotonic() + self._load_timeout
                self._load(engine, hands, setup, deadline)
            self._start(engine, setup, deadline)
            if self._setup is None or setup.state != self._setup.state:
                self._state_expression = checked_expression(engine, setup.state)
            engine.notices.accept = setup.dialogs == "accept"
            self._setup = setup

    def observe(self) -> Screen:
        seen = self._look()
        return Screen(self._png, seen.elements, seen.location, messages=self._messages)

    def act(self, action: Action, then: Callable[[Evaluate], None] | None = None) -> Action:
        """Carry out an action; elements are those that `observe` gives, wherever they lie now.

        Args:
            action: what to do.
            then: what follows before the page settles, for a page that asks nobody else: it is
                given the page, to evaluate JavaScript in.

        Raises:
            ActionError: it cannot be carried out on this page.
            DeviceError: "page_hung", "browser_crashed", "not_connected".
        """
        with self._guarded():
            engine, hands = self._connected()
            was_moving = self._look().moves
            self._seen = None
            refusal: ActionError | None = None
            try:
                sent = self._perform(hands, action)
            except ActionError as error:
                refusal = error  # of an action that may be half done
            if then is not None:
                then(engine.evaluate)
            given = 0.0 if self._still else SETTLE_MS
            seen = self._settle(engine, hands, was_moving=was_moving, milliseconds=given)
            if hands.chooser.is_open():
                engine.notices.add(hands.chooser.hint())
            self._seen, self._messages = seen, engine.notices.take()
            if refusal is not None:
                raise refusal
            return sent

    def run(self, script: str) -> None:
        """Run JavaScript in the page as an action of its own, and let the page settle.

        Raises:
            DeviceError: it failed ("page_broken"), "page_hung", "browser_crashed".
        """
        with self._guarded():
            engine, hands = self._connected()
            self._seen = None
            engine.evaluate(f"void ({script})")
            self._seen = self._settle(engine, hands, was_moving=False, milliseconds=SETTLE_MS)
            self._messages = engine.notices.take()

    def state(self) -> Mapping[str, Any]:
        """What the setup's `state` expression gives.

        Raises:
            DeviceError: it threw or is not an object ("state_failed").
        """
        seen = self._look()
        if seen.problem:
            raise DeviceError(f"the state expression failed: {seen.problem}", "state_failed")
        if not isinstance(seen.state, dict):
            raise DeviceError("the state expression gave no JSON object", "state_failed")
        return seen.state

    def snapshot(self) -> str:
        raise DeviceError("a browser device has no snapshots", "unsupported")

    def restore(self, token: str) -> None:
        raise DeviceError("a browser device has no snapshots", "unsupported")

    def close(self) -> None:
        engine, self._engine, self._hands = self._engine, None, None
        self._setup, self._page, self._seen = None, "", None
        try:
            if engine is not None:
                engine.close()
        finally:
            if self._guard is not None:
                self._guard.save()

    @property
    def blocked(self) -> list[str]:
        """Addresses that the network policy has blocked since the reset (the first 1000)."""
        return [] if self._guard is None else list(self._guard.blocked)

    def save_storage_state(self, path: Path) -> None:
        """Write cookies and localStorage, for a later setup's `storage_state`.

        The file holds secrets; only its owner may read it.

        Raises:
            ConfigError: it cannot be written.
            DeviceError: "not_connected", "page_hung", "browser_crashed".
        """
        with self._guarded():
            engine, _ = self._connected()
            save_storage_state(engine.storage_state(), path)

    def _adopt(self, setup: BrowserSetup) -> None:
        """Take on a setup's network policy; another one needs another browser."""
        policy = None if self._guard is None else self._guard.policy
        if setup.network != policy:
            self.close()
            self._guard = None if setup.network is None else NetworkGuard(setup.network)
        if self._guard is not None:
            self._guard.begin(setup.url)

    def _renew(self, engine: Engine, setup: BrowserSetup) -> None:
        path = setup.storage_state
        engine.renew(None if path is None else load_storage_state(path))
        if self._guard is not None:
            self._guard.rewind()

    def _perform(self, hands: Hands, action: Action) -> Action:
        blocked = len(self.blocked)
        try:
            return hands.perform(action)
        except ActionError as error:
            if isinstance(action, Navigate) and len(self.blocked) > blocked:
                raise ActionError(f"this task does not allow {self.blocked[-1]}") from error
            raise

    def _connect(self) -> tuple[Engine, Hands]:
        if self._engine is None:
            engine = self._make_engine()
            self._engine = engine
            engine.open(self._guard)
            self._hands = Hands(engine, self._viewport, still=self._still)
        return self._connected()

    def _connected(self) -> tuple[Engine, Hands]:
        if self._engine is None or self._hands is None:
            raise DeviceError("the browser is not open; reset the device first", "not_connected")
        return self._engine, self._hands

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Whatever fails but the agent's action leaves no half-alive browser behind."""
        if self._engine is not None:
            self._engine.deadline = self.deadline
        try:
            yield
        except (ActionError, ConfigError):
            raise
        except DeviceError as error:
            if error.cause not in ("not_connected", "state_failed"):
                logger.warning("closing the browser: %s", error)
                self.close()
            raise
        except ScriptError as error:
            self.close()
            raise DeviceError(
                f"the page is in no state to be used: {error}", "page_broken"
            ) from error
        except BaseException:
            self.close()
            raise

    def _look(self) -> Look:
        """The page as it stands since the last reset or action, looked at once."""
        if self._seen is None:
            with self._guarded():
                engine, hands = self._connected()
                self._seen = look_at(engine, hands.frames, self._state_expression)
                self._messages = engine.notices.take()
        return self._seen

    def _settle(
        self, engine: Engine, hands: Hands, *, was_moving: bool, milliseconds: float
    ) -> Look:
        """Let an action take effect in that time: a picture and a look at the page once it has.

        Most pages need no frames for it, and frames are dear. A page that turns out to need
        them, though it did not move before the action, is given the time once more.
        """
        if not was_moving:
            if milliseconds:
                engine.advance(milliseconds)
            seen = self._shoot(engine, hands)
            if not seen.moves:
                return seen
        pass_time(engine, SETTLE_MS)
        return self._shoot(engine, hands)

    def _shoot(self, engine: Engine, hands: Hands) -> Look:
        # Right after the action and not in `observe`, because drawing moves the page on.
        self._png = engine.screenshot(then=look_expression(self._state_expression))
        return look_at(engine, hands.frames, self._state_expression)

    def _is_open(self, engine: Engine, hands: Hands, setup: BrowserSetup) -> bool:
        """Whether the page need not be loaded again; if so, it has been put to rest."""
        if self._setup is None or setup.url != self._setup.url:
            return False
        if setup.reload or setup.storage_state is not None or self._setup.storage_state is not None:
            return False
        try:
            return self._rest(engine, hands)
        except ScriptError:
            return False

    def _load(self, engine: Engine, hands: Hands, setup: BrowserSetup, deadline: float) -> None:
        self._setup = None
        self._open_page(engine, setup.url)
        while not self._is_ready(engine, setup):
            if time.monotonic() > deadline:
                raise DeviceError(
                    f"{setup.url} was not ready within {self._load_timeout:g} s ({setup.ready})",
                    "page_not_ready",
                )
            engine.advance(_LOAD_STEP_MS)
            engine.draw()
        engine.call("Page.resetNavigationHistory")
        self._page = str(engine.evaluate("location.href"))
        # How much page time loading took depends on the machine; how old a page is when it
        # starts must not, or its timers and animations would stand differently.
        age = float(engine.evaluate("performance.now()"))
        engine.advance(_LOADED_AGE_MS - age % _LOADED_AGE_MS)
        engine.draw()
        self._rest(engine, hands)

    def _rest(self, engine: Engine, hands: Hands) -> bool:
        """Turn the page's clocks back, and more; False where another page is open."""
        rested = call_page(engine, "rest", self._page)
        if rested and rested["frames"]:
            hands.frames.rest()
        return rested is not None

    def _open_page(self, engine: Engine, url: str) -> None:
        try:
            engine.navigate(url)
        except DeviceError as error:
            if not self.blocked:
                raise
            hint = f"{error}; the network policy blocked {self.blocked[-1]}"
            raise DeviceError(hint, error.cause) from error

    def _is_ready(self, engine: Engine, setup: BrowserSetup) -> bool:
        try:
            return bool(engine.evaluate(f"Boolean({setup.ready})"))
        except ScriptError:
            return False

    def _start(self, engine: Engine, setup: BrowserSetup, deadline: float) -> None:
        left = max(0.1, deadline - time.monotonic())
        script = f"(async () => {{ window.__agentenv.show(); {setup.start}\n }})()"
        try:
            engine.evaluate(script, timeout=left)
        except ScriptError as error:
            raise DeviceError(f"the start script failed: {error}", "start_failed") from error
        engine.advance(_LOAD_STEP_MS)
        self._png = engine.screenshot()
