"""adamw: adam with weight decay apart from the gradient (Loshchilov & Hutter 2019)."""

from __future__ import annotations

from dataclasses import dataclass

from striate.layers.options import Number, option
from striate.layers.shape import Array
from striate.optimizers.adam import Adam
from striate.optimizers.base import register


@register("adamw")
@dataclass(frozen=True)
class AdamW(Adam):
    """weights *= 1 - rate·weight_decay, then the step of adam; m and v never see the decay."""

    weight_decay: float = option("weight_decay", Number(0), "pull of the weights to zero", 0.01)

    def update(
        self, weights: Array, gradient: Array, state: dict[str, Array], rate: float, step: int
    ) -> tuple[Array, dict[str, Array]]:
        shrunk = weights * (1 - rate * self.weight_decay)
        return super().update(shrunk, gradient, state, rate, step)

    def decayed(self, weights: Array, gradient: Array) -> Array:
        """The gradient as it is: the weights have been shrunk already."""
        return gradient
