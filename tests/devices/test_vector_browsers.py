"""The vector environment on real browsers."""

from __future__ import annotations

import gymnasium
import psutil
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode

from agentenv.actions import Finish, Wait
from agentenv.vector import DeviceVectorEnv, make_vector
from tests.devices.conftest import open_test_browser

TASK = "agentenv/MiniWob-click-test-2-v0"


def browsers() -> set[psutil.Process]:
    """The main processes of Chromium that this process has started."""
    children = psutil.Process().children(recursive=True)
    return {
        one
        for one in children
        if "chrom" in one.name() and "--type=" not in " ".join(one.cmdline())
    }


def test_the_same_seeds_and_actions_give_the_same_bytes_as_gymnasiums_vector() -> None:
    open_test_browser("lockstep").close()
    ours = gymnasium.make_vec(TASK, num_envs=2, engine="lockstep")
    theirs = gymnasium.make_vec(TASK, num_envs=2, engine="lockstep", vectorization_mode="sync")
    assert isinstance(ours, DeviceVectorEnv)
    try:
        assert data_equivalence(ours.reset(seed=3), theirs.reset(seed=3), exact=True)
        ours.action_space.seed(1)
        for _ in range(5):
            actions = ours.action_space.sample()
            assert data_equivalence(ours.step(actions)[:4], theirs.step(actions)[:4], exact=True)
    finally:
        ours.close()
        theirs.close()


def test_a_killed_browser_is_one_truncated_episode_and_no_process_is_left() -> None:
    open_test_browser("lockstep").close()
    before = browsers()
    tasks = ["miniwob/click-test-2", "miniwob/click-link"]
    envs = make_vector(tasks, engine="lockstep", autoreset_mode=AutoresetMode.SAME_STEP)
    try:
        envs.reset(seed=0)
        mine = browsers() - before
        assert len(mine) == len(tasks)
        mine.pop().kill()
        observations, _, _, truncated, infos = envs.step([Wait(seconds=0.1)] * 2)
        assert truncated.sum() == 1
        broken = int(truncated.argmax())
        assert infos["final_info"]["infra_error"][broken] == "browser_crashed"
        assert observations["screenshot"].any(axis=(1, 2, 3)).all(), "another browser was started"
        _, _, terminated, truncated, _ = envs.step([Finish()] * 2)
        assert terminated.all()
        assert not truncated.any()
        assert envs.infra_errors == {"browser_crashed": 1}
    finally:
        envs.close()
    assert not browsers() - before
