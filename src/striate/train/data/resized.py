"""Another data set's images, brought to the shape of a net's input as they are read."""

from __future__ import annotations

import numpy as np

from striate.errors import DataError
from striate.layers.shape import Array, Shape
from striate.train.data.dataset import DataSet, Indices, Labels
from striate.train.data.images import fit_array


class Resized:
    """A data set whose images are scaled, cropped and turned grey or into RGB as needed.

    Implements `DataSet`; how images are fitted is told in `striate.train.data.images`.
    """

    def __init__(self, data: DataSet, shape: Shape) -> None:
        """Bring the images of ``data`` to ``shape``.

        Raises:
            DataError: if the channels cannot be made: only 1 and 3 become each other.
        """
        ours, theirs = shape.channels, data.shape.channels
        if ours != theirs and {ours, theirs} != {1, 3}:
            raise DataError(
                f"{data.name}: the images are {data.shape} and the net takes {shape}: {theirs} "
                f"channels cannot become {ours}; only grey (1) and RGB (3) become each other"
            )
        self.data = data
        self.shape = shape
        self.name = data.name
        self.classes = data.classes
        self.labels = data.labels
        self.problems = data.problems

    def __len__(self) -> int:
        return len(self.data)

    def batch(self, indices: Indices, key: int = 0) -> tuple[Array, Labels]:
        """The fitted images and the labels at ``indices``; see `DataSet.batch`."""
        images, labels = self.data.batch(indices, key)
        fitted = np.empty(self.shape.array(len(images)), images.dtype)
        for place, image in zip(fitted, images, strict=True):
            place[...] = fit_array(image, self.shape)
        return fitted, labels
