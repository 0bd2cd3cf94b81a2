"""The critic: ensembles of Q(s, a) and V(s), small networks on frozen VLM features."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from agentenv.errors import ConfigError
from trainers.digiq.transitions import TransitionFeatures
from trainers.digiq.value_bins import expectation

STANDARDISED_LIMIT = 8.0
"""Standardised inputs are clipped here: VLM features have a few huge dimensions."""
FIT_ROWS = 4096
"""States that the standardisation is fitted on, at most."""


@dataclass(frozen=True)
class CriticShape:
    """Everything needed to build a critic before its weights are loaded."""

    state_size: int
    """D of the state features."""
    candidate_size: int
    """D of the candidate features."""
    geometry_size: int
    """G."""
    ensemble: int = 4
    """E: independent Q heads, and as many V heads."""
    hidden: int = 128
    layers: int = 2
    """Hidden layers of each head."""
    dropout: float = 0.0
    bins: int = 0
    """Categories of a value (see `trainers.digiq.value_bins`); 0: a head says it itself."""
    chunk: int = 1
    """K: actions that Q can value at once, the first by its features, the others by their
    geometry."""

    @property
    def outputs(self) -> int:
        """O: numbers that a head says of a value."""
        return self.bins or 1

    @property
    def following_size(self) -> int:
        """Numbers of the actions after the first: geometry, and whether there is one."""
        return (self.chunk - 1) * (self.geometry_size + 1)


class EnsembleMLP(nn.Module):
    """E independent multilayer perceptrons with O outputs each, computed as one."""

    def __init__(self, inputs: int, shape: CriticShape) -> None:
        super().__init__()
        sizes = [inputs, *[shape.hidden] * shape.layers, shape.outputs]
        self.dropout = shape.dropout
        self.weights = nn.ParameterList()
        self.biases = nn.ParameterList()
        for fan_in, fan_out in pairwise(sizes):
            weight = torch.empty(shape.ensemble, fan_in, fan_out)
            bound = fan_in**-0.5
            self.weights.append(nn.Parameter(weight.uniform_(-bound, bound)))
            self.biases.append(nn.Parameter(torch.zeros(shape.ensemble, 1, fan_out)))

    def forward(self, inputs: Tensor) -> Tensor:
        """What every member says of every row.

        Args:
            inputs: (B, inputs).

        Returns:
            (E, B, O).
        """
        value = inputs.expand(len(self.weights[0]), *inputs.shape)
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            if layer:
                value = functional.dropout(functional.gelu(value), self.dropout, self.training)
            value = torch.baddbmm(bias, value, weight)
        return value


class Standardise(nn.Module):
    """(x - mean) / std for each feature, fitted once on the training data."""

    mean: Tensor
    std: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("std", torch.ones(size))

    @torch.no_grad()
    def fit(self, rows: Tensor) -> None:
        """Take mean and standard deviation from rows (R, D).

        A feature that hardly varies beside the others keeps a small weight instead of
        having its noise blown up.
        """
        if not len(rows):
            return
        rows = rows.to(self.mean)
        std, self.mean = torch.std_mean(rows, dim=0, correction=0)
        positive = std[std > 0]
        floor = 0.01 * positive.median() if len(positive) else torch.ones_like(std[:1])
        self.std = std.clamp(min=floor)

    def forward(self, rows: Tensor) -> Tensor:
        """(..., D) to float32 of the same shape."""
        scaled = (rows.to(self.mean) - self.mean) / self.std
        return scaled.clamp(-STANDARDISED_LIMIT, STANDARDISED_LIMIT)


class Critic(nn.Module):
    """Q_i(s, a) and V_i(s), i in 1..E, and slowly moving copies of both (targets).

    The VLM below is frozen: its features come in, no gradient goes out.
    """

    def __init__(self, shape: CriticShape) -> None:
        super().__init__()
        self.shape = shape
        self.standardise_state = Standardise(shape.state_size)
        self.standardise_candidate = Standardise(shape.candidate_size)
        action_size = shape.candidate_size + shape.geometry_size + shape.following_size
        q_inputs = shape.state_size + action_size
        self.q_heads = EnsembleMLP(q_inputs, shape)
        self.v_heads = EnsembleMLP(shape.state_size, shape)
        self.target_q_heads = EnsembleMLP(q_inputs, shape)
        self.target_v_heads = EnsembleMLP(shape.state_size, shape)
        self.target_q_heads.requires_grad_(False).eval()
        self.target_v_heads.requires_grad_(False).eval()
        self.update_targets(1.0)

    def train(self, mode: bool = True) -> Critic:
        """As `nn.Module.train`; the targets always stay in evaluation mode."""
        super().train(mode)
        self.target_q_heads.eval()
        self.target_v_heads.eval()
        return self

    def fit_standardisation(self, features: TransitionFeatures, rows: Tensor) -> None:
        """Fit the inputs' mean and standard deviation on some states.

        Args:
            features: the data.
            rows: (R,) long, the states to use; the first `FIT_ROWS` are enough.
        """
        rows = rows[:FIT_ROWS]
        valid = features.candidate_valid[rows].clone()
        valid[:, 0] = True
        self.standardise_state.fit(features.state_features[rows])
        self.standardise_candidate.fit(features.candidate_features[rows][valid])

    def q(
        self,
        state: Tensor,
        candidate: Tensor,
        geometry: Tensor,
        target: bool = False,
        following: Tensor | None = None,
    ) -> Tensor:
        """Q_i(s, a) of some actions of each state: (E, B, C); arguments as of `q_outputs`."""
        return self.values(self.q_outputs(state, candidate, geometry, target, following))

    def v(self, state: Tensor, target: bool = False) -> Tensor:
        """V_i(s): (E, B); arguments as of `v_outputs`."""
        return self.values(self.v_outputs(state, target))

    def values(self, outputs: Tensor) -> Tensor:
        """What the heads' outputs mean: (..., O) to (...)."""
        return expectation(outputs) if self.shape.bins else outputs.squeeze(-1)

    def q_outputs(
        self,
        state: Tensor,
        candidate: Tensor,
        geometry: Tensor,
        target: bool = False,
        following: Tensor | None = None,
    ) -> Tensor:
        """What the Q heads say of some actions of each state.

        The state's own features come in beside the candidate's: with them, the heads need
        not find out from a few logged actions what in a candidate's features is the action.

        Args:
            state: (B, D) features of the states.
            candidate: (B, C, D) features of state and action, C actions a state.
            geometry: (B, C, G) of the actions.
            target: use the slowly moving copy.
            following: (B, K - 1, G + 1), of `TransitionFeatures.following_actions`: value
                them too; None values each action alone.

        Returns:
            (E, B, C, O).
        """
        batch, actions = candidate.shape[:2]
        if following is None:
            following = state.new_zeros(batch, self.shape.following_size, dtype=torch.float32)
        following = following.flatten(1)[:, None].expand(-1, actions, -1)
        state = self.standardise_state(state)[:, None].expand(-1, actions, -1)
        candidate = self.standardise_candidate(candidate)
        inputs = torch.cat([state, candidate, geometry.to(candidate), following], dim=-1)
        heads = self.target_q_heads if target else self.q_heads
        return heads(inputs.flatten(0, 1)).unflatten(1, (batch, actions))

    def v_outputs(self, state: Tensor, target: bool = False) -> Tensor:
        """What the V heads say of states.

        Args:
            state: (B, D) features of states.
            target: use the slowly moving copy.

        Returns:
            (E, B, O).
        """
        heads = self.target_v_heads if target else self.v_heads
        return heads(self.standardise_state(state))

    @torch.no_grad()
    def update_targets(self, tau: float) -> None:
        """Polyak averaging: target <- target + tau (head - target); tau = 1 is a hard copy."""
        pairs = ((self.target_q_heads, self.q_heads), (self.target_v_heads, self.v_heads))
        for slow, fast in pairs:
            for target, source in zip(slow.parameters(), fast.parameters(), strict=True):
                target.lerp_(source, tau)

    def save(self, path: Path) -> None:
        """Write weights and shape to one safetensors file."""
        metadata = {"critic_shape": json.dumps(asdict(self.shape))}
        save_file(self.state_dict(), path, metadata=metadata)

    @classmethod
    def load(cls, path: Path) -> Critic:
        """Read what `save` wrote; the critic is in evaluation mode.

        Raises:
            ConfigError: the file is not a critic's, or damaged.
        """
        try:
            with safe_open(path, framework="pt") as file:
                metadata = file.metadata() or {}
        except SafetensorError as error:
            raise ConfigError(f"{path} is damaged ({error}); train the critic again") from error
        if "critic_shape" not in metadata:
            raise ConfigError(f"{path.name} holds no critic; train one first")
        critic = cls(CriticShape(**json.loads(metadata["critic_shape"])))
        critic.load_state_dict(load_file(path))
        return critic.eval()


@torch.no_grad()
def evaluate(
    critic: Critic, features: TransitionFeatures, rows: Tensor | None = None, chunk: int = 512
) -> tuple[Tensor, Tensor]:
    """Values of every candidate of some states, read in chunks, without dropout.

    Args:
        rows: (R,) long; all states by default.

    Returns:
        Q (E, R, N) and V (E, R), float32. Invalid candidates have arbitrary values.
    """
    rows = torch.arange(len(features)) if rows is None else rows
    training = critic.training
    critic.eval()
    q_parts, v_parts = [], []
    for part in rows.split(chunk):
        state, candidates = features.state_features[part], features.candidate_features[part]
        q_parts.append(critic.q(state, candidates, features.candidate_geometry[part]))
        v_parts.append(critic.v(state))
    critic.train(training)
    return torch.cat(q_parts, dim=1), torch.cat(v_parts, dim=1)
