"""The critic's settings, apart from its code so that `--help` need not load torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from tyro.conf import arg

StopOn = Literal["return_error", "ranking", "ranking_within_task", "advantage_ranking"]
"""Diagnostics (see `trainers.digiq.diagnostics.Diagnostics`) that training can stop on."""


@dataclass
class CriticConfig:
    """How the critic learns. The defaults suit hundreds to thousands of short episodes
    with a sparse reward in {0, 1}; with tens of thousands, try hidden=256, dropout=0.1."""

    critic: Annotated[
        Literal["td", "mc", "nstep", "chunk", "iql", "hlgauss"], arg(aliases=("--critic",))
    ] = "td"
    """What Q and V learn: td bootstraps from the next state's V; nstep from V of the state
    `n_step` steps on; chunk values `chunk` logged actions at once beside single ones, and V
    learns from those; mc takes the Monte-Carlo return; iql is td with V an upper expectile
    of Q (better than what was logged); hlgauss is td with values as categories."""
    gamma: float = 0.95
    """Discount."""
    n_step: int = 3
    """Rewards that nstep adds up before it bootstraps."""
    chunk: int = 3
    """Logged actions that chunk values at once."""
    expectile: float = 0.7
    """Of iql: 0.5 is the mean (td), 1 the best logged action of like states."""
    bins: int = 51
    """Of hlgauss: categories of a value."""
    v_target: Literal["logged", "expected"] = "logged"
    """What V regresses to: Q of the logged action, or Q's mean over the valid
    candidates (which costs N times as much per step); mc, chunk and iql know only the
    former."""
    steps: int = 1000
    """Gradient steps, at most (see patience)."""
    batch: int = 128
    """States per gradient step."""
    lr: float = 3e-4
    """Learning rate of AdamW."""
    weight_decay: float = 1.0
    """Decoupled weight decay of AdamW, on weights and not on biases."""
    dropout: float = 0.3
    """Dropout after each hidden layer while training."""
    tau: float = 0.1
    """Polyak step of the targets, after every gradient step."""
    grad_clip: float = 1.0
    """Largest norm of the gradient."""
    ensemble: int = 4
    """Q heads, and as many V heads; the paper has 2."""
    hidden: int = 128
    """Width of the hidden layers."""
    layers: int = 2
    """Hidden layers."""
    validation_share: float = 0.2
    """Share of the episodes kept out of training; 0 trains on all, for all steps."""
    evaluate_every: int = 50
    """Gradient steps between evaluations."""
    stop_on: StopOn = "return_error"
    """The diagnostic on held-out episodes whose best evaluation is kept: the error of Q
    against the Monte-Carlo return (which iql means to exceed: prefer a ranking there), or
    how well Q, or Q - V, ranks successes."""
    patience: int = 6
    """Evaluations without a better one after which training stops. 0 never stops early."""
    seed: int = 0
    """Decides the split, the initial weights, the batches and the dropout; `agentenv train
    digiq` adds its own seed."""
    threads: int = 1
    """CPU threads torch may use meanwhile."""
