"""sgd: gradient descent with momentum, classical or Nesterov's (Sutskever et al. 2013)."""

from __future__ import annotations

from dataclasses import dataclass

from striate.errors import InputError
from striate.layers.options import YesNo, option
from striate.layers.shape import Array
from striate.optimizers.base import SHARE, Optimizer, register


@register("sgd")
@dataclass(frozen=True)
class Sgd(Optimizer):
    """velocity = momentum·velocity + gradient; weights -= rate·velocity.

    Nesterov steps by gradient + momentum·velocity instead. Without momentum no velocity is kept.
    """

    momentum: float = option("momentum", SHARE, "share of the velocity that is kept", 0.9)
    nesterov: bool = option("nesterov", YesNo(), "whether the step looks ahead", False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.nesterov and not self.momentum:
            raise InputError("nesterov: expected a momentum above 0, got momentum=0")

    def state(self) -> tuple[str, ...]:
        return ("velocity",) if self.momentum else ()

    def update(
        self, weights: Array, gradient: Array, state: dict[str, Array], rate: float, step: int
    ) -> tuple[Array, dict[str, Array]]:
        gradient = self.decayed(weights, gradient)
        if not self.momentum:
            return weights - rate * gradient, {}
        velocity = self.momentum * state["velocity"] + gradient
        move = gradient + self.momentum * velocity if self.nesterov else velocity
        return weights - rate * move, {"velocity": velocity}
