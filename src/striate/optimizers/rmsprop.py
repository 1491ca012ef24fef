"""rmsprop: each weight's gradient is divided by its recent size (Tieleman & Hinton 2012)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from striate.layers.options import option
from striate.layers.shape import Array
from striate.optimizers.base import EPSILON, SHARE, Optimizer, register


@register("rmsprop")
@dataclass(frozen=True)
class RmsProp(Optimizer):
    """cache = decay_rate·cache + (1 - decay_rate)·gradient².

    The step is gradient/(sqrt(cache) + epsilon), with momentum gathered in a velocity as in sgd:
    velocity = momentum·velocity + step; weights -= rate·velocity.
    """

    decay_rate: float = option("decay_rate", SHARE, "share of the cache that is kept", 0.99)
    momentum: float = option("momentum", SHARE, "share of the velocity that is kept", 0.0)
    epsilon: float = option("epsilon", EPSILON, "added to the divisor", 1e-8)

    def state(self) -> tuple[str, ...]:
        return ("cache", "velocity") if self.momentum else ("cache",)

    def update(
        self, weights: Array, gradient: Array, state: dict[str, Array], rate: float, step: int
    ) -> tuple[Array, dict[str, Array]]:
        gradient = self.decayed(weights, gradient)
        cache = self.decay_rate * state["cache"] + (1 - self.decay_rate) * np.square(gradient)
        move = gradient / (np.sqrt(cache) + self.epsilon)
        if not self.momentum:
            return weights - rate * move, {"cache": cache}
        velocity = self.momentum * state["velocity"] + move
        return weights - rate * velocity, {"cache": cache, "velocity": velocity}
