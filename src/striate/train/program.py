"""What the loop drives: a compiled program that trains, and one that only infers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from striate.layers.shape import Array

Floats = NDArray[np.float32]
ProgramWeights = Mapping[str, Mapping[str, Floats]]
ProgramState = Mapping[str, Mapping[str, Mapping[str, Floats]]]


class InferenceProgram(Protocol):
    """A forward pass over batches of one size."""

    @property
    def batch(self) -> int:
        """The most images in one call."""
        ...

    def __call__(self, images: Array) -> Array:
        """Scores [n, K] of images [n, H, W, C], uint8 or float32; n is at most the batch."""
        ...

    def load(self, weights: ProgramWeights) -> None:
        """Copy weights, by node and parameter, into the program."""
        ...


class TrainingProgram(Protocol):
    """Forward, loss, backward and update over batches of one size.

    Attributes:
        steps: updates done so far; drives what counts them, such as Adam and dropout.
        seed: of the random numbers that layers draw.
    """

    steps: int
    seed: int

    @property
    def batch(self) -> int:
        """Images in one step."""
        ...

    @property
    def scores(self) -> Array:
        """Scores [batch, K] of the last step, before its update."""
        ...

    @property
    def weights(self) -> ProgramWeights:
        """The weights by node and parameter: the program's own memory."""
        ...

    @property
    def state(self) -> ProgramState:
        """What the optimizer keeps, by node, parameter and name: the program's own memory."""
        ...

    def step(self, images: Array, labels: Array, rate: float | None = None) -> float:
        """One update on images [batch, H, W, C] and labels [batch]; the loss before it."""
        ...

    def load(self, weights: ProgramWeights) -> None:
        """Copy weights, by node and parameter, into the program."""
        ...
