"""Another data set's images, kept in memory once they are read: decoding costs one epoch only."""

from __future__ import annotations

import numpy as np

from striate.layers.shape import Array
from striate.train.data.dataset import DataSet, Indices, Labels

# A data set is kept when all of its images, at four bytes a value, need no more than this.
MOST_KEPT = 1 << 30


class Kept:
    """A data set that reads each image of another one once. Implements `DataSet`."""

    def __init__(self, data: DataSet) -> None:
        """Make room for the images of ``data``; the system gives the memory as they come.

        Raises:
            DataError: if the first image cannot be read.
        """
        self.data = data
        self.name = data.name
        self.classes = data.classes
        self.shape = data.shape
        self.labels = data.labels
        self.problems = data.problems
        first, _ = data.batch(np.zeros(1, np.int64))
        self._images = np.empty(self.shape.array(len(data)), first.dtype)
        self._known = np.zeros(len(data), dtype=bool)

    def __len__(self) -> int:
        return len(self.data)

    def batch(self, indices: Indices, key: int = 0) -> tuple[Array, Labels]:  # noqa: ARG002
        """Copies of the images, and the labels, at ``indices``; see `DataSet.batch`."""
        missing = indices[~self._known[indices]]
        if len(missing):
            # Two threads may read the same image; they store the same pixels.
            self._images[missing] = self.data.batch(missing)[0]
            self._known[missing] = True
        return self._images[indices], self.labels[indices]


def keep(data: DataSet) -> DataSet:
    """The data set with its images kept in memory if they fit; else as it is."""
    return Kept(data) if len(data) * data.shape.values * 4 <= MOST_KEPT else data
