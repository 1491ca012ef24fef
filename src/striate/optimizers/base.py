"""What an optimizer is: hyper-parameters, the arrays it keeps, and the update that defines it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self, TypeVar

from striate.layers import named
from striate.layers.options import Number, check_values, option
from striate.layers.shape import Array

RATE = Number(0, open_low=True)
SHARE = Number(0, 1, open_high=True)
EPSILON = Number(0, open_low=True)


@dataclass(frozen=True)
class Optimizer:
    """The base of the optimizers; the formulas are those of PyTorch.

    Args:
        rate: the learning rate where no schedule gives one.
        weight_decay: times the weights, added to the gradient (but see AdamW).

    Raises:
        InputError: a hyper-parameter is of the wrong kind or range.
    """

    name: ClassVar[str] = ""

    rate: float = option("rate", RATE, "learning rate", 0.01)
    weight_decay: float = option("weight_decay", Number(0), "pull of the weights to zero", 0.0)

    def __post_init__(self) -> None:
        check_values(self)

    def state(self) -> tuple[str, ...]:
        """Names of the arrays kept for each parameter, shaped like it and 0 at the start."""
        return ()

    def update(
        self, weights: Array, gradient: Array, state: dict[str, Array], rate: float, step: int
    ) -> tuple[Array, dict[str, Array]]:
        """New weights and new state of one parameter; nothing is changed in place.

        Args:
            weights: the parameter.
            gradient: of the loss by it.
            state: the arrays that `state` names.
            rate: the learning rate of this step.
            step: number of this step, from 1.
        """
        raise NotImplementedError

    def coefficients(self, step: int) -> tuple[float, ...]:
        """Numbers that all parameters share in a step, such as Adam's corrections."""
        return ()

    def without_decay(self) -> Self:
        """This optimizer with no weight decay, for biases and norms."""
        return replace(self, weight_decay=0.0)

    def decayed(self, weights: Array, gradient: Array) -> Array:
        """The gradient with weight decay as L2 regularisation: gradient + weight_decay·weights."""
        return gradient + self.weight_decay * weights if self.weight_decay else gradient


OPTIMIZERS: dict[str, type[Optimizer]] = {}
OptimizerClass = TypeVar("OptimizerClass", bound=type[Optimizer])


def register(name: str) -> Callable[[OptimizerClass], OptimizerClass]:
    """Register an optimizer under its name."""

    def decorate(cls: OptimizerClass) -> OptimizerClass:
        cls.name = name
        OPTIMIZERS[name] = cls
        return cls

    return decorate


def optimizer(name: str, **settings: Any) -> Optimizer:
    """The optimizer of this name: ``optimizer("sgd", rate=0.1, momentum=0.9)``.

    Raises:
        InputError: there is no such optimizer or setting, or a setting is out of range.
    """
    return named.make("optimizer", OPTIMIZERS, name, settings)
