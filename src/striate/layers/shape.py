"""The shape of a volume of activations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Weights = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Shape:
    """Height, width and depth of the volume of one image: the array is [row, column, channel].

    ``str()`` writes it as the notes do, width first: ``227x227x3``.
    """

    height: int
    width: int
    channels: int

    @property
    def values(self) -> int:
        """How many numbers the volume of one image holds."""
        return self.height * self.width * self.channels

    @property
    def pixels(self) -> int:
        """Height times width: the number of depth columns."""
        return self.height * self.width

    def array(self, batch: int) -> tuple[int, int, int, int]:
        """The shape of the array that holds ``batch`` such volumes."""
        return batch, self.height, self.width, self.channels

    def empty(self, batch: int) -> Array:
        """A float64 array of zeros for ``batch`` such volumes."""
        return np.zeros(self.array(batch))

    def __str__(self) -> str:
        return f"{self.width}x{self.height}x{self.channels}"
