"""adam: momentum and rmsprop in one, corrected for their start at zero (Kingma & Ba 2015)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from striate.layers.options import option
from striate.layers.shape import Array
from striate.optimizers.base import EPSILON, RATE, SHARE, Optimizer, register


@register("adam")
@dataclass(frozen=True)
class Adam(Optimizer):
    """m = beta1·m + (1 - beta1)·gradient; v = beta2·v + (1 - beta2)·gradient².

    weights -= rate·m̂/(sqrt(v̂) + epsilon), with m̂ = m/(1 - beta1^step), v̂ = v/(1 - beta2^step).
    """

    rate: float = option("rate", RATE, "learning rate", 0.001)
    beta1: float = option("beta1", SHARE, "share of m that is kept", 0.9)
    beta2: float = option("beta2", SHARE, "share of v that is kept", 0.999)
    epsilon: float = option("epsilon", EPSILON, "added to the divisor", 1e-8)

    def state(self) -> tuple[str, ...]:
        return ("m", "v")

    def update(
        self, weights: Array, gradient: Array, state: dict[str, Array], rate: float, step: int
    ) -> tuple[Array, dict[str, Array]]:
        gradient = self.decayed(weights, gradient)
        m = self.beta1 * state["m"] + (1 - self.beta1) * gradient
        v = self.beta2 * state["v"] + (1 - self.beta2) * np.square(gradient)
        of_m, of_v = self.coefficients(step)
        move = m / of_m / (np.sqrt(v / of_v) + self.epsilon)
        return weights - rate * move, {"m": m, "v": v}

    def coefficients(self, step: int) -> tuple[float, ...]:
        """The divisors that correct m and v: 1 - beta1^step and 1 - beta2^step."""
        return 1 - self.beta1**step, 1 - self.beta2**step
