"""A critic of the size and shape of the Digi-Q authors', to measure what one costs.

Widths as in their public code (DigiRL-agent/digiq): three text encoders the size of
RoBERTa-base, trained along, under two Q heads and two V heads that are themselves larger than
the encoders. It learns by the rule of ours (`trainers.digiq.targets`, td). Its weights are
random: what a step takes does not depend on their values.

Where there is a choice it is the cheaper one: a word is one token (RoBERTa splits rare ones),
there is no dropout, and nothing is computed that the rule does not ask for.
"""

from __future__ import annotations

import copy
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import RobertaConfig, RobertaModel

from agentenv.actions import Action

MICRO_BATCH = 32
"""States whose gradients are computed at once, four times a step (the authors' setting, as
are those below)."""
LEARNING_RATE = 1e-5
GRAD_CLIP = 0.01
TAU = 0.1

START, PADDING, END = 0, 1, 2


@dataclass(frozen=True)
class AuthorsShape:
    """Widths; the authors' by default."""

    text: int = 768
    """T: of what an encoder says of a text."""
    layers: int = 12
    """Of each encoder."""
    vocabulary: int = 50265
    image: int = 2816
    """I: numbers of the state's image features, two times BLIP-2's 1408."""
    action: int = 4096
    """A: numbers of the VLM's features of state and action."""


@dataclass(frozen=True)
class Texts:
    """B texts as tokens."""

    ids: Tensor
    """(B, L) long, `PADDING` at the end."""

    @property
    def mask(self) -> Tensor:
        """(B, L) long: 1 where there is a token."""
        return (self.ids != PADDING).long()


@dataclass(frozen=True)
class Transitions:
    """S logged steps; a text is the tokens of it."""

    goal: Sequence[Sequence[int]]
    previous_type: Sequence[Sequence[int]]
    """Of the action before."""
    previous_text: Sequence[Sequence[int]]
    """What it typed."""
    action_type: Sequence[Sequence[int]]
    action_text: Sequence[Sequence[int]]
    image: Tensor
    """(S, I)."""
    later_image: Tensor
    """(S, I): of the state that follows."""
    action: Tensor
    """(S, A)."""
    rewards: Tensor
    """(S,)."""
    discount: Tensor
    """(S,): of the value of the state that follows; 0 where there is none."""


class AuthorsCritic(nn.Module):
    """Q_1, Q_2 and V_1, V_2 on texts and frozen features, the texts' encoders trained along."""

    def __init__(self, shape: AuthorsShape) -> None:
        super().__init__()
        config = RobertaConfig(
            vocab_size=shape.vocabulary,
            hidden_size=shape.text,
            num_hidden_layers=shape.layers,
            num_attention_heads=max(1, shape.text // 64),
            intermediate_size=4 * shape.text,
            max_position_embeddings=514,
            type_vocab_size=1,
        )
        self.goal, self.kind, self.words = (RobertaModel(config).eval() for _ in range(3))
        state, state_width = 3 * shape.text + shape.image, 3 * shape.text
        pair, pair_width = 5 * shape.text + shape.image + shape.action, 5 * shape.text
        self.q_heads = nn.ModuleList(_mlp(pair, pair, *[pair_width] * 3, 1) for _ in range(2))
        self.v_heads = nn.ModuleList(_mlp(state, *[state_width] * 3, 1) for _ in range(2))

    def state(self, kind: Texts, words: Texts, goal: Texts, image: Tensor) -> Tensor:
        """(B, 3 T + I): the action before (its type, what it typed), the goal, the image."""
        texts = [_encoded(self.kind, kind), _encoded(self.words, words), _encoded(self.goal, goal)]
        return torch.cat([*texts, image], dim=1)

    def q(self, state: Tensor, kind: Texts, words: Texts, action: Tensor) -> Tensor:
        """Q_i(s, a): (2, B), of what `state` gave, an action's texts and its features."""
        texts = [_encoded(self.kind, kind), _encoded(self.words, words)]
        pair = torch.cat([state, *texts, action], dim=1)
        return torch.stack([head(pair)[:, 0] for head in self.q_heads])

    def v(self, state: Tensor) -> Tensor:
        """V_i(s): (2, B), of what `state` gave."""
        return torch.stack([head(state)[:, 0] for head in self.v_heads])


def trainable_parameters(shape: AuthorsShape) -> int:
    """How many numbers such a critic learns, without building it."""
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in AuthorsCritic(shape).parameters())


class AuthorsTraining:
    """A critic that learns, with its slow copy and its optimiser.

    Args:
        shape: of the critic.
        data: what it learns from.
        seed: of the batches.
    """

    def __init__(self, shape: AuthorsShape, data: Transitions, seed: int = 0) -> None:
        self.critic = AuthorsCritic(shape)
        self.target = copy.deepcopy(self.critic).requires_grad_(False)
        self.optimizer = torch.optim.Adam(self.critic.parameters(), lr=LEARNING_RATE)
        self._data = data
        self._generator = torch.Generator().manual_seed(seed)

    def step(self, batch: int, micro_batch: int = MICRO_BATCH) -> float:
        """One step of the optimiser and of the slow copy; returns the loss.

        Args:
            batch: states whose gradients make the step.
            micro_batch: how many of them are computed at once.
        """
        rows = torch.randint(len(self._data.rewards), (batch,), generator=self._generator)
        total = 0.0
        for part in rows.split(micro_batch):
            loss = self._loss(part) * len(part) / batch
            loss.backward()
            total += float(loss.detach())
        nn.utils.clip_grad_norm_(self.critic.parameters(), GRAD_CLIP)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():
            pairs = zip(self.target.parameters(), self.critic.parameters(), strict=True)
            for slow, fast in pairs:
                slow.lerp_(fast, TAU)
        return total

    def _loss(self, rows: Tensor) -> Tensor:
        data = self._data
        previous = _texts(data.previous_type, rows), _texts(data.previous_text, rows)
        goal = _texts(data.goal, rows)
        acted = _texts(data.action_type, rows), _texts(data.action_text, rows)
        image, action = data.image[rows], data.action[rows]
        with torch.no_grad():
            later = self.target.v(self.target.state(*acted, goal, data.later_image[rows]))
            q_target = data.rewards[rows] + data.discount[rows] * later
            state = self.target.state(*previous, goal, image)
            v_target = self.target.q(state, *acted, action)
        state = self.critic.state(*previous, goal, image)
        q_loss = functional.mse_loss(self.critic.q(state, *acted, action), q_target)
        return q_loss + functional.mse_loss(self.critic.v(state), v_target)


def tokens(text: str, vocabulary: int = AuthorsShape.vocabulary) -> list[int]:
    """A token for each word and each mark, between a start and an end.

    Which number a word gets does not matter to the time, as long as equal ones are equal.
    """
    pieces = re.findall(r"\w+|[^\w\s]", text)
    special = END + 1
    return [
        START,
        *(special + zlib.crc32(p.encode()) % (vocabulary - special) for p in pieces),
        END,
    ]


def type_and_text(action: Action) -> tuple[str, str]:
    """The two texts the authors' critic is told of an action."""
    return action.type, getattr(action, "text", "")


def _encoded(encoder: RobertaModel, texts: Texts) -> Tensor:
    """(B, T)."""
    result: Tensor = encoder(input_ids=texts.ids, attention_mask=texts.mask).pooler_output
    return result


def _texts(of: Sequence[Sequence[int]], rows: Tensor) -> Texts:
    chosen = [torch.tensor(of[row]) for row in rows.tolist()]
    return Texts(nn.utils.rnn.pad_sequence(chosen, batch_first=True, padding_value=PADDING))


def _mlp(*sizes: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(sizes):
        layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
    return nn.Sequential(*layers[:-1])
