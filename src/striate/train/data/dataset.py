"""What a data set is, and how one is divided: the protocol, subsets, stratified splits, statistics.

A data set is images of one shape with a class number each, read in any order by index. It is
safe to read from several threads.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from striate.errors import DataError, InputError
from striate.layers.shape import Array, Shape

Labels = NDArray[np.int64]
Indices = NDArray[np.int64]

# The grey of red, green and blue (ITU-R 601).
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)

CHUNK_VALUES = 1 << 21


class DataSet(Protocol):
    """Images of one shape with a class number each."""

    @property
    def name(self) -> str:
        """What the data set is called in errors and reports."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes; a label is an index into it."""
        ...

    @property
    def shape(self) -> Shape:
        """The shape of every image that `batch` gives."""
        ...

    @property
    def labels(self) -> Labels:
        """The class number of every image, [len] int64; not to be written to."""
        ...

    @property
    def problems(self) -> tuple[str, ...]:
        """One text for each file or folder that was left out, with the reason."""
        ...

    def __len__(self) -> int:
        """The number of images."""
        ...

    def batch(self, indices: Indices, key: int = 0) -> tuple[Array, Labels]:
        """The images [n, H, W, C] and the labels [n] int64 of the given indices.

        The images are pixel values, uint8 or float32, in a contiguous array that the caller may
        keep and change. ``key`` is what random augmentation depends on besides the index
        (`striate.train.augment`); data sets that draw nothing ignore it.

        Raises:
            DataError: if a file cannot be read; the text names it.
        """
        ...


class Subset:
    """Some images of another data set, in the given order."""

    def __init__(self, data: DataSet, indices: Indices, name: str | None = None) -> None:
        """Take the images at ``indices`` [n] of ``data``.

        Raises:
            DataError: if there are no indices.
            InputError: if an index is not one of the data set's.
        """
        self.name = data.name if name is None else name
        self.indices = np.asarray(indices, dtype=np.int64)
        if self.indices.size == 0:
            raise DataError(f"{self.name}: expected at least one image, got none")
        low, high = int(self.indices.min()), int(self.indices.max())
        if low < 0 or high >= len(data):
            wrong = low if low < 0 else high
            raise InputError(
                f"{self.name}: index {wrong} is out of range: {len(data)} images go from 0 "
                f"to {len(data) - 1}"
            )
        self.data = data
        self.classes = data.classes
        self.shape = data.shape
        self.labels: Labels = data.labels[self.indices]
        self.problems = data.problems

    def __len__(self) -> int:
        return len(self.indices)

    def batch(self, indices: Indices, key: int = 0) -> tuple[Array, Labels]:
        """The images and labels at ``indices`` of this subset; see `DataSet.batch`."""
        return self.data.batch(self.indices[indices], key)


def divide(data: DataSet, fraction: float = 0.2, seed: int = 0) -> tuple[Subset, Subset]:
    """Divide a data set into a larger and a held-out part, the same share of every class in each.

    From a class with n images round(n * fraction) are held out, but at least one, and none from a
    class with a single image. Both parts keep the order of the data set. The same data set,
    fraction and seed always give the same parts.

    Args:
        data: the data set to divide.
        fraction: the share that is held out, above 0 and below 1.
        seed: which images are drawn.

    Returns:
        The rest and the held-out part.

    Raises:
        InputError: if the fraction is not between 0 and 1.
        DataError: if nothing can be held out because every class has a single image.
    """
    if not 0 < fraction < 1:
        raise InputError(f"fraction: expected a number between 0 and 1, got {fraction:g}")
    held = np.zeros(len(data), dtype=bool)
    for label in np.unique(data.labels):
        members = np.flatnonzero(data.labels == label)
        count = min(max(1, round(len(members) * fraction)), len(members) - 1)
        drawn = np.random.default_rng([seed, int(label)]).permutation(len(members))[:count]
        held[members[drawn]] = True
    if not held.any():
        raise DataError(
            f"{data.name}: no image can be held out: every class has a single image; "
            "add images or give a data set with a test part"
        )
    share = round(100 * fraction)
    rest = Subset(data, np.flatnonzero(~held), f"{data.name} ({100 - share}%)")
    return rest, Subset(data, np.flatnonzero(held), f"{data.name} (other {share}%)")


def require_trainable(data: DataSet) -> None:
    """Raise DataError if all images are of one class: there would be nothing to learn."""
    found = np.unique(data.labels)
    if len(found) < 2:
        only = data.classes[int(found[0])]
        raise DataError(
            f"{data.name}: expected images of at least 2 classes, got only class '{only}'"
        )


def pixel_statistics(
    data: DataSet, limit: int = 8192
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and standard deviation of each channel, in pixel units, for the INPUT layer.

    At most ``limit`` images are read, evenly spaced over the data set. A channel that is the same
    everywhere gets the standard deviation 1, so that dividing by it is safe.

    Returns:
        The mean [C] and the standard deviation [C], float32.
    """
    count = min(limit, len(data))
    indices = np.arange(count, dtype=np.int64) * len(data) // count
    step = max(1, CHUNK_VALUES // data.shape.values)
    seen = 0
    mean = np.zeros(data.shape.channels)
    squares = np.zeros(data.shape.channels)
    for start in range(0, count, step):
        images, _ = data.batch(indices[start : start + step])
        pixels = images.reshape(-1, data.shape.channels).astype(np.float64)
        # Chan's merging of means and squared deviations: no cancellation for large means.
        chunk_mean = pixels.mean(axis=0)
        total = seen + len(pixels)
        difference = chunk_mean - mean
        squares += np.square(pixels - chunk_mean).sum(axis=0)
        squares += np.square(difference) * seen * len(pixels) / total
        mean += difference * len(pixels) / total
        seen = total
    std = np.sqrt(squares / seen)
    std[std == 0] = 1
    return mean.astype(np.float32), std.astype(np.float32)
