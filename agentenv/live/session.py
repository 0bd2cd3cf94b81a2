"""Episodes run under a person's eyes: by a policy, by the person, or by both in turn."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field

from agentenv.devices.base import Device
from agentenv.dialects import get_dialect
from agentenv.env import DeviceEnv
from agentenv.errors import ActionError, ConfigError
from agentenv.live.board import Diverted, ViewClosedError
from agentenv.live.panel import Panel
from agentenv.live.view import LiveView
from agentenv.policies.base import Decision, Policy
from agentenv.policies.scripted import say
from agentenv.recording import EpisodeRecorder
from agentenv.tasks.base import Task, TaskInstance
from agentenv.trajectories.episode import Episode

HUMAN = "human"
"""The person's name as a policy, and as the actor of a step they took over."""
VERSION = "1"


@dataclass
class Session:
    """What the devices of a live view do.

    An episode is given to `on_episode` when it ends; with `policy` None, once the person
    keeps it. One that they start over or skip is forgotten.
    """

    view: LiveView
    policy: Policy | None
    """None: the person acts, always."""
    on_episode: Callable[[Episode], None]
    """Called by one thread at a time."""
    dialect: str = "json"
    person_first: bool = False
    """The person acts first, and hands over to the policy."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def name(self) -> str:
        """Of who acts, as episodes and stores say it; a person may join any policy."""
        return HUMAN if self.policy is None else f"{self.policy.name}+{HUMAN}"

    @property
    def version(self) -> str:
        """Of who acts."""
        return VERSION if self.policy is None else self.policy.version

    def run(
        self,
        items: Iterable[tuple[Task, TaskInstance]],
        make_device: Callable[[], Device],
        devices: int = 1,
    ) -> None:
        """Run every item on the next free device; the view and the devices are closed then.

        Raises:
            Exception: what the policy or `on_episode` raised.
        """
        work = iter(items)
        panels = [
            self.view.panel(person=self.policy is None or self.person_first) for _ in range(devices)
        ]

        def take() -> tuple[Task, TaskInstance] | None:
            with self._lock:
                return next(work, None)

        # A thread for each device: drivers such as Playwright's must stay in theirs.
        with ThreadPoolExecutor(devices, thread_name_prefix="live") as pool:
            try:
                threads = [pool.submit(self._play_all, take, make_device, one) for one in panels]
                for thread in as_completed(threads):
                    thread.result()
            finally:
                self.view.close()

    def _play_all(
        self,
        take: Callable[[], tuple[Task, TaskInstance] | None],
        make_device: Callable[[], Device],
        panel: Panel,
    ) -> None:
        device = make_device()
        try:
            while (item := take()) is not None:
                self._play(*item, device, panel)
        except ViewClosedError:
            pass
        finally:
            device.close()

    def _play(self, task: Task, instance: TaskInstance, device: Device, panel: Panel) -> None:
        """One instance, as often as the person wants to try it again."""
        while True:
            env = DeviceEnv(task, device, self.dialect, split=instance.split)
            recorder = EpisodeRecorder(env, instance)
            try:
                self._run(recorder, panel)
                if self.policy is None:
                    panel.await_verdict()
            except Diverted as diverted:
                if diverted.wish == "again":
                    continue
                return
            except ViewClosedError:
                if recorder.last is not None and recorder.last.success:
                    self._keep(recorder)  # done, though nobody pressed the button any more
                raise
            self._keep(recorder)
            if self.policy is not None:
                panel.linger()
            return

    def _keep(self, recorder: EpisodeRecorder) -> None:
        if self.policy is None and recorder.infra_error:
            return
        with self._lock:
            self.on_episode(recorder.episode(self.name, self.version))

    def _run(self, recorder: EpisodeRecorder, panel: Panel) -> None:
        recorder.begin()
        if recorder.infra_error:
            panel.failed(recorder.infra_error, recorder.instance.key)
            return
        panel.began(recorder.env, HUMAN if self.policy is None else self.policy.name)
        while not recorder.over:
            by_person = panel.person
            decision = self._ask(recorder, panel) if by_person else self._decide(recorder, panel)
            if decision is None:
                continue
            recorder.advance(decision, HUMAN if by_person and self.policy else "")
            assert recorder.last is not None
            panel.advanced(recorder.last, decision.action, by_person=by_person)

    def _decide(self, recorder: EpisodeRecorder, panel: Panel) -> Decision | None:
        """The policy's decision; None if the person took over before it was carried out."""
        assert self.policy is not None
        panel.thinking()
        with self._lock:
            (decision,) = self.policy.act([recorder.history()])
        return decision if panel.acting(decision.action, decision.text) else None

    def _ask(self, recorder: EpisodeRecorder, panel: Panel) -> Decision | None:
        """The person's decision; None if they handed back, or it cannot be said."""
        action = panel.await_action()
        if action is None:
            return None
        try:
            return say(action, recorder.env.observation, get_dialect(self.dialect))
        except (ActionError, ConfigError) as error:
            panel.complain(str(error))
            return None
