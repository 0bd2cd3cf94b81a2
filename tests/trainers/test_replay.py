"""Going on with fresh data: shares of batches, and a critic that the logged data misled."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.trainers.test_td import ACTIONS, GAMMA, STATES, corridor
from trainers.digiq.critic import Critic, CriticShape
from trainers.digiq.critic_config import CriticConfig
from trainers.digiq.replay import Replay, mixture
from trainers.digiq.td import train_critic
from trainers.digiq.transitions import TransitionFeatures


@pytest.mark.parametrize(("share", "fresh"), [(0.0, 0), (0.25, 2), (0.5, 4), (1.0, 8)])
def test_every_batch_has_the_asked_share_of_fresh_rows(share: float, fresh: int) -> None:
    rows = mixture(range(100), range(100, 103), 8, share, seed=0)
    for step in range(20):
        batch = rows(step)
        assert len(batch) == 8
        assert sum(row >= 100 for row in batch) == fresh
        assert batch == rows(step)
    assert rows(0) != rows(1)


def test_without_rows_of_one_kind_all_are_of_the_other() -> None:
    assert set(mixture([], range(5, 9), 16, 0.5, seed=0)(0)) <= set(range(5, 9))
    assert set(mixture(range(4), [], 16, 0.5, seed=0)(0)) <= set(range(4))


def falling_pays(features: TransitionFeatures) -> TransitionFeatures:
    """Falling in the first state brings a little, going on to the end of the corridor 1."""
    pair = features.candidate_features[:, 0].argmax(dim=1)
    return replace(features, rewards=features.rewards + 0.1 * (pair == 2))


def first_state(critic: Critic) -> list[float]:
    """Q of going on and of falling in the first state."""
    pairs = torch.eye(STATES * ACTIONS)[None, [0, 2]]
    with torch.no_grad():
        q = critic.q(torch.eye(STATES)[:1], pairs, torch.zeros(1, 2, 1))
    return [float(value) for value in q.mean(dim=0)[0]]


def test_fresh_episodes_put_right_a_critic_that_never_saw_the_end_of_the_corridor() -> None:
    logged = [[2], [0, 2], [0, 1, 2], [1, 2]]
    fresh = [*[[0, 0, 0, 0]] * 6, [2]]
    before = falling_pays(corridor(logged))
    both = falling_pays(corridor([*logged, *fresh]))
    config = CriticConfig(
        gamma=GAMMA,
        validation_share=0.0,
        dropout=0.0,
        weight_decay=0.0,
        ensemble=2,
        hidden=16,
        layers=1,
        lr=0.03,
        batch=32,
        steps=80,
    )
    offline, _ = train_critic(before, config)
    kept = first_state(offline)
    sizes = [len(before), len(both) - len(before)]
    online, _ = train_critic(both, config, replay=Replay(offline, sizes, 0.5))
    go_on, fall = first_state(offline)
    assert go_on < fall
    assert fall == pytest.approx(0.1, abs=0.03)
    go_on, fall = first_state(online)
    assert go_on > fall
    assert fall == pytest.approx(0.1, abs=0.03)
    assert first_state(offline) == kept


def test_what_was_held_out_of_the_logged_data_stays_held_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[set[int]] = []
    plans = [[0, 0, 0, 0], [0, 2], [1, 1], [0, 0, 2], [2]]
    logged, both = corridor(plans), corridor([*plans, *plans])

    def look(_: Critic, features: TransitionFeatures, *__: object, rows: torch.Tensor) -> None:
        seen.append({int(row) for row in rows if row < len(logged)})
        raise InterruptedError

    monkeypatch.setattr("trainers.digiq.td.diagnose", look)
    config = CriticConfig(steps=1, hidden=4, ensemble=1, evaluate_every=1)
    start = Critic(CriticShape(STATES, STATES * ACTIONS, 1, ensemble=1, hidden=4))
    for replay in (None, Replay(start, [len(logged), len(both) - len(logged)], 0.5)):
        with pytest.raises(InterruptedError):
            train_critic(logged if replay is None else both, config, replay=replay)
    assert seen[0]
    assert seen[0] == seen[1]
