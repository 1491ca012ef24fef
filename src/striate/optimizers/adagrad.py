"""adagrad: each weight's rate falls with all its past gradients (Duchi et al. 2011)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from striate.layers.options import option
from striate.layers.shape import Array
from striate.optimizers.base import EPSILON, Optimizer, register


@register("adagrad")
@dataclass(frozen=True)
class Adagrad(Optimizer):
    """cache += gradient²; weights -= rate·gradient/(sqrt(cache) + epsilon)."""

    epsilon: float = option("epsilon", EPSILON, "added to the divisor", 1e-10)

    def state(self) -> tuple[str, ...]:
        return ("cache",)

    def update(
        self, weights: Array, gradient: Array, state: dict[str, Array], rate: float, step: int
    ) -> tuple[Array, dict[str, Array]]:
        gradient = self.decayed(weights, gradient)
        cache = state["cache"] + np.square(gradient)
        return weights - rate * gradient / (np.sqrt(cache) + self.epsilon), {"cache": cache}
