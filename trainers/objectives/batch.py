"""What an objective is computed from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """B answers of at most T tokens."""

    log_probs: Tensor
    """(B, T) float, log pi of each token under the policy in training; carries the gradient."""
    old_log_probs: Tensor
    """(B, T) of the policy that gave the answers, as stored when it acted."""
    mask: Tensor
    """(B, T) bool: the tokens to learn from. The others' numbers do not matter."""
    advantages: Tensor
    """(B,) of each answer, or (B, T)."""
    reference_log_probs: Tensor | None = None
    """(B, T) of a policy to stay near to."""
    proxy_log_probs: Tensor | None = None
    """(B, T) of the old policy without its noise, for `lp_reg`."""

    def tidy(self) -> Batch:
        """The same with advantages for each token and zeros where the mask is False.

        Raises:
            ValueError: shapes differ, or the mask is not boolean.
        """
        shape = tuple(self.log_probs.shape)
        if len(shape) != 2 or tuple(self.mask.shape) != shape:
            raise ValueError(
                f"log_probs {shape} and mask {tuple(self.mask.shape)}: both are (B, T)"
            )
        if self.mask.dtype != torch.bool:
            raise ValueError(f"the mask is {self.mask.dtype}; give it as bool")
        whole = self.advantages if self.advantages.dim() == 2 else self.advantages[:, None]
        if tuple(whole.shape) not in (shape, (shape[0], 1)):
            raise ValueError(f"advantages {tuple(self.advantages.shape)} for a batch of {shape}")
        return replace(
            self,
            log_probs=self._zeroed(self.log_probs),
            old_log_probs=self._zeroed(self.old_log_probs),
            advantages=self._zeroed(whole.expand(shape)),
            reference_log_probs=self._optional(self.reference_log_probs),
            proxy_log_probs=self._optional(self.proxy_log_probs),
        )

    def _zeroed(self, values: Tensor) -> Tensor:
        if values.shape != self.mask.shape:
            raise ValueError(f"{tuple(values.shape)} for a batch of {tuple(self.mask.shape)}")
        return values.masked_fill(~self.mask, 0.0)

    def _optional(self, values: Tensor | None) -> Tensor | None:
        return None if values is None else self._zeroed(values)
