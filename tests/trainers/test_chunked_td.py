"""Chunked TD: values of several logged actions at once, beside those of single ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from tests.trainers.test_td import GAMMA, corridor, three_step_episode
from trainers.digiq.critic import Critic, CriticShape, evaluate
from trainers.digiq.critic_config import CriticConfig
from trainers.digiq.targets import batch_reader, critic_loss, learning_targets
from trainers.digiq.td import train_critic
from trainers.digiq.transitions import TransitionFeatures, lay_out


def test_chunk_targets_value_single_actions_by_one_step_and_chunks_by_their_length() -> None:
    config = CriticConfig(critic="chunk", chunk=2, gamma=GAMMA)
    features = three_step_episode(terminated=True)
    features = replace(
        features,
        rewards=torch.tensor([0.0, 0.3, 1.0]),
        candidate_geometry=torch.tensor([[[5.0], [0.0]], [[6.0], [0.0]], [[7.0], [0.0]]]),
    )
    batch = batch_reader(features, config)(torch.arange(3))
    assert batch.chunk is not None
    assert batch.chunk.following.tolist() == [[[6.0, 1.0]], [[7.0, 1.0]], [[0.0, 0.0]]]

    critic = Critic(CriticShape(1, 1, 1, ensemble=1, layers=0, chunk=2))
    with torch.no_grad():  # V(s) = s; Q(s, a) = a / 10, and 0.01 for an action that follows
        critic.v_heads.weights[0].copy_(torch.tensor([[[1.0]]]))
        critic.q_heads.weights[0].copy_(torch.tensor([0.0, 0.1, 0.0, 0.0, 0.01])[None, :, None])
    critic.update_targets(1.0)
    q_target, v_target = learning_targets(critic, batch, config)
    single = [0.9 * 0.4, 0.3 + 0.9 * 0.8, 1.0]
    chunks = [0.9 * 0.3 + 0.81 * 0.8, 0.3 + 0.9 * 1.0, 1.0]
    torch.testing.assert_close(q_target, torch.tensor([[*single, *chunks]]))
    torch.testing.assert_close(v_target, torch.tensor([[0.11, 0.11, 0.1]]))
    q_loss, _ = critic_loss(critic, batch, q_target, v_target, config)
    said = torch.tensor([0.1, 0.1, 0.1, 0.11, 0.11, 0.1])
    torch.testing.assert_close(q_loss.detach(), (said - q_target[0]).square().mean())


def test_a_chunk_does_not_run_into_the_next_episode() -> None:
    features = corridor([[0, 1], [0, 0, 0, 0]])
    flags = features.following_actions(torch.arange(6), 2)[..., -1]
    assert flags.tolist() == [[1, 0], [0, 0], [1, 1], [1, 1], [1, 0], [0, 0]]


def test_chunks_carry_a_reward_back_in_fewer_steps_than_single_actions() -> None:
    length = 12
    chain = TransitionFeatures(
        state_features=torch.eye(length),
        candidate_features=torch.eye(length)[:, None],
        candidate_geometry=torch.zeros(length, 1, 1),
        candidate_valid=torch.ones(length, 1, dtype=torch.bool),
        rewards=torch.eye(length)[-1],
        final_state_features=torch.zeros(0, length),
        **vars(lay_out([length], [True])),
    )
    exact = GAMMA ** torch.arange(length - 1, -1, -1)
    config = CriticConfig(
        chunk=4,
        gamma=GAMMA,
        validation_share=0.0,
        dropout=0.0,
        weight_decay=0.0,
        ensemble=2,
        hidden=32,
        layers=1,
        lr=0.03,
        batch=length,
        steps=100,
    )

    def error(critic: Any) -> float:
        q, _ = evaluate(train_critic(chain, replace(config, critic=critic))[0], chain)
        return float((q[:, :, 0] - exact).abs().max())

    assert error("chunk") < 0.05
    assert error("td") > 0.2
