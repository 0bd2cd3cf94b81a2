"""The critic's settings, apart from its code so that `--help` need not load torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass
class CriticConfig:
    """How the critic learns. The defaults suit hundreds to thousands of short episodes
    with a sparse reward in {0, 1}; with tens of thousands, try hidden=256, dropout=0.1."""

    critic: Literal["td", "mc"] = "td"
    """What Q and V regress to: td bootstraps from the next state's V, mc uses the
    Monte-Carlo return."""
    gamma: float = 0.95
    """Discount."""
    v_target: Literal["logged", "expected"] = "logged"
    """What V regresses to under td: Q of the logged action, or Q's mean over the valid
    candidates (which costs N times as much per step)."""
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
    patience: int = 6
    """Evaluations without a lower validation error after which training stops; the best
    weights are kept. 0 never stops early."""
    seed: int = 0
    """Decides the split, the initial weights, the batches and the dropout; `agentenv train
    digiq` adds its own seed."""
    threads: int = 1
    """CPU threads torch may use meanwhile."""
