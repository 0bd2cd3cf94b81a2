"""The critic's networks: ensembles, standardised inputs, targets, files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional

from agentenv.actions import ACTION_MODELS, Drag, Invalid, PressKey, Scroll, Swipe, Tap
from agentenv.errors import ConfigError
from agentenv.observations import UIElement
from trainers.digiq.critic import Critic, CriticShape, Standardise
from trainers.digiq.geometry import GEOMETRY_NAMES, GEOMETRY_SIZE, action_geometry

SHAPE = CriticShape(state_size=3, candidate_size=4, geometry_size=2, ensemble=3, hidden=8)


def inputs(batch: int = 5, candidates: int = 6) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return (
        torch.randn(batch, 3),
        torch.randn(batch, candidates, 4),
        torch.randn(batch, candidates, 2),
    )


def test_q_and_v_have_one_value_for_each_member_state_and_action() -> None:
    critic = Critic(SHAPE)
    state, candidate, geometry = inputs()
    assert critic.q(state, candidate, geometry).shape == (3, 5, 6)
    assert critic.v(state).shape == (3, 5)


def test_a_member_of_the_ensemble_is_an_ordinary_network() -> None:
    critic = Critic(SHAPE)
    state = torch.randn(5, 3)
    heads = critic.v_heads
    value = state
    for layer, (weight, bias) in enumerate(zip(heads.weights, heads.biases, strict=True)):
        value = (functional.gelu(value) if layer else value) @ weight[1] + bias[1]
    torch.testing.assert_close(critic.v(state)[1], value[:, 0])


def test_members_start_out_different() -> None:
    values = Critic(SHAPE).v(torch.randn(5, 3))
    assert not torch.allclose(values[0], values[1])


def test_an_action_is_judged_alone_whatever_stands_beside_it() -> None:
    critic = Critic(SHAPE).eval()
    state, candidate, geometry = inputs()
    together = critic.q(state, candidate, geometry)[..., 2:3]
    alone = critic.q(state, candidate[:, 2:3], geometry[:, 2:3])
    torch.testing.assert_close(together, alone)


def test_targets_are_hard_copies_at_the_start_and_move_by_tau() -> None:
    critic = Critic(SHAPE)
    state, candidate, geometry = inputs()
    torch.testing.assert_close(critic.v(state, target=True), critic.v(state))
    q = critic.q(state, candidate, geometry)
    torch.testing.assert_close(critic.q(state, candidate, geometry, target=True), q)
    before = critic.target_v_heads.weights[0].clone()
    with torch.no_grad():
        critic.v_heads.weights[0] += 1.0
    critic.update_targets(0.1)
    torch.testing.assert_close(critic.target_v_heads.weights[0], before + 0.1)


def test_targets_get_no_gradient_and_no_dropout() -> None:
    critic = Critic(CriticShape(3, 4, 2, dropout=0.5)).train()
    state = torch.randn(5, 3)
    assert not critic.v(state, target=True).requires_grad
    torch.testing.assert_close(critic.v(state, target=True), critic.v(state, target=True))
    assert not torch.allclose(critic.v(state), critic.v(state))


def test_standardised_features_have_mean_zero_and_deviation_one() -> None:
    rows = torch.randn(500, 3) * torch.tensor([1.0, 50.0, 0.1]) + torch.tensor([0.0, 900.0, 5.0])
    standardise = Standardise(3)
    standardise.fit(rows)
    result = standardise(rows)
    torch.testing.assert_close(result.mean(dim=0), torch.zeros(3), atol=1e-3, rtol=0)
    torch.testing.assert_close(result.std(dim=0), torch.ones(3), atol=1e-2, rtol=0)


def test_a_constant_feature_does_not_blow_up() -> None:
    standardise = Standardise(2)
    standardise.fit(torch.tensor([[1.0, 7.0], [3.0, 7.0]]))
    assert standardise(torch.tensor([[1.0, 7.0]])).tolist() == [[-1.0, 0.0]]
    assert standardise(torch.tensor([[1.0, 1e9]])).isfinite().all()


def test_half_precision_features_are_taken_as_they_are() -> None:
    state, candidate, geometry = inputs()
    critic = Critic(SHAPE)
    half = critic.q(state.half(), candidate.half(), geometry.half())
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, critic.q(state, candidate, geometry), atol=0.01, rtol=0.01)


def test_a_saved_critic_comes_back_equal(tmp_path: Path) -> None:
    critic = Critic(SHAPE).eval()
    critic.standardise_state.fit(torch.randn(20, 3) * 5)
    critic.save(tmp_path / "critic.safetensors")
    loaded = Critic.load(tmp_path / "critic.safetensors")
    assert loaded.shape == SHAPE
    assert not loaded.training
    state, candidate, geometry = inputs()
    values = critic.q(state, candidate, geometry)
    assert torch.equal(loaded.q(state, candidate, geometry), values)


def test_another_safetensors_file_is_refused(tmp_path: Path) -> None:
    save_file({"weight": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(ConfigError, match="holds no critic"):
        Critic.load(tmp_path / "other.safetensors")


def named(vector: object) -> dict[str, float]:
    values = dict(zip(GEOMETRY_NAMES, map(float, vector), strict=True))  # type: ignore[call-overload]
    return {name: round(value, 4) for name, value in values.items() if value}


def test_geometry_says_where_and_which_way() -> None:
    elements = [UIElement(index=4, role="button", name="OK", bounds=(0.2, 0.4, 0.4, 0.8))]
    point = {"type_tap": 1.0, "has_point": 1.0, "x": 0.3, "y": 0.6}
    assert named(action_geometry(Tap(element=4), elements)) == point
    assert named(action_geometry(Tap(point=(0.3, 0.6)), [])) == point
    assert named(action_geometry(Tap(element=9), elements)) == {"type_tap": 1.0}
    swipe = named(action_geometry(Swipe(start=(0.5, 0.9), end=(0.5, 0.1)), []))
    assert (swipe["x"], swipe["y"], swipe["dy"]) == (0.5, 0.9, -0.8)
    drag = named(action_geometry(Drag(element=4, to_point=(0.3, 0.1)), elements))
    assert (drag["x"], drag["y"], drag["end_y"], drag["dy"]) == (0.3, 0.6, 0.1, -0.5)
    scroll = named(action_geometry(Scroll(direction="left"), []))
    assert scroll == {"type_scroll": 1.0, "scroll_left": 1.0}
    key = named(action_geometry(PressKey(key="enter"), []))
    assert key == {"type_press_key": 1.0, "key_enter": 1.0}
    key = named(action_geometry(PressKey(key="ctrl+a"), []))
    assert key == {"type_press_key": 1.0, "key_ctrl": 1.0}


def test_geometry_has_the_same_length_for_every_action() -> None:
    examples: dict[str, dict[str, Any]] = {
        "tap": {"element": 0},
        "long_press": {"element": 0},
        "double_tap": {"element": 0},
        "hover": {"element": 0},
        "swipe": {"start": (0, 0), "end": (1, 1)},
        "drag": {"element": 0, "to_element": 1},
        "choose_file": {"name": "a.pdf"},
        "scroll": {"direction": "up"},
        "input_text": {"text": "a" * 10_000},
        "press_key": {"key": "back"},
        "open_app": {"app": "Mail"},
        "navigate": {"url": "http://localhost"},
        "answer": {"text": ""},
        "request_permission": {"permission": "read_data", "resource": "contacts"},
        "read_profile": {"key": "name"},
        "save_profile": {"key": "name", "value": "Ann"},
        "ask_user": {"question": "Which?"},
    }
    actions = [model(**examples.get(name, {})) for name, model in ACTION_MODELS.items()]
    for action in [*actions, Invalid(reason="nonsense")]:
        vector = action_geometry(action, [])  # type: ignore[arg-type]
        assert vector.shape == (GEOMETRY_SIZE,)
        assert vector[: len(ACTION_MODELS) + 1].sum() == 1.0
        assert abs(vector).max() < 5
