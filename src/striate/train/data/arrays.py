"""Images and labels in memory: what every reader of a whole file ends in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from striate.errors import DataError
from striate.layers.shape import Array, Shape
from striate.train.data.dataset import Indices, Labels

MOST_CLASSES = 100_000


class ArrayData:
    """A data set whose images are one array. Implements `DataSet`."""

    def __init__(
        self,
        images: ArrayLike,
        labels: ArrayLike,
        classes: Sequence[str] = (),
        name: str = "arrays",
    ) -> None:
        """Check the arrays and take them; uint8 and float32 images are not copied.

        Args:
            images: [N, H, W, C], or [N, H, W] for one channel. uint8 and other whole numbers from
                0 to 255, or floats, which become float32.
            labels: [N] or [N, 1], whole numbers from 0.
            classes: the names of the classes; by default ``0``, ``1`` ... up to the largest label.
            name: what errors call the data set.

        Raises:
            DataError: if the arrays are empty, of the wrong kind, shape or length, hold NaN, or if
                a label is out of range.
        """
        self.name = name
        self.images = _images(np.asarray(images), name)
        self.labels = _labels(np.asarray(labels), len(self.images), len(classes), name)
        self.classes = tuple(classes) or tuple(map(str, range(int(self.labels.max()) + 1)))
        self.shape = Shape(*self.images.shape[1:])
        self.problems: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, indices: Indices, key: int = 0) -> tuple[Array, Labels]:  # noqa: ARG002
        """Copies of the images and labels at ``indices``; see `DataSet.batch`."""
        return self.images[indices], self.labels[indices]


def _images(images: NDArray[Any], name: str) -> Array:
    if images.ndim not in (3, 4):
        raise DataError(
            f"{name}: images: expected an array [N, H, W, C] or [N, H, W], got shape {images.shape}"
        )
    if images.size == 0:
        raise DataError(f"{name}: expected at least one image, got shape {images.shape}")
    if images.ndim == 3:
        images = images[..., np.newaxis]
    count, rows, columns, depth = images.shape
    if rows in (1, 3) and columns == depth and depth >= 8:
        raise DataError(
            f"{name}: images: expected [N, H, W, C], got shape {images.shape}, which looks like "
            f"channels first; images.transpose(0, 2, 3, 1) gives {(count, columns, depth, rows)}"
        )
    return _pixels(images, name)


def _pixels(images: NDArray[Any], name: str) -> Array:
    if images.dtype == np.uint8:
        return images
    if images.dtype.kind in "iu":
        low, high = int(images.min()), int(images.max())
        if low < 0 or high > 255:
            raise DataError(
                f"{name}: images: expected whole numbers from 0 to 255, got {images.dtype} from "
                f"{low} to {high}; scale them to that range or convert them to float32"
            )
        return images.astype(np.uint8)
    if images.dtype.kind != "f":
        raise DataError(f"{name}: images: expected numbers, got {images.dtype}")
    # A number too large for float32 becomes infinite and is then named.
    with np.errstate(over="ignore"):
        images = images.astype(np.float32, copy=False)
    finite = np.isfinite(images).all(axis=(1, 2, 3))
    if not finite.all():
        raise DataError(f"{name}: images: image {int(finite.argmin())} holds NaN or infinity")
    return images


def _labels(labels: NDArray[Any], images: int, classes: int, name: str) -> Labels:
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or labels.dtype.kind not in "iub":
        raise DataError(
            f"{name}: labels: expected one whole number for each image, "
            f"got {labels.dtype} of shape {labels.shape}"
        )
    if len(labels) != images:
        raise DataError(
            f"{name}: expected one label for each image, "
            f"got {images} images and {len(labels)} labels"
        )
    low, high = int(labels.min()), int(labels.max())
    most = classes or MOST_CLASSES
    if low < 0 or high >= most:
        wrong = low if low < 0 else high
        where = int((labels == wrong).argmax())
        raise DataError(
            f"{name}: label {wrong} of image {where} is out of range: "
            + (f"with {classes} classes" if classes else "without class names")
            + f" labels go from 0 to {most - 1}"
        )
    return labels.astype(np.int64, copy=False)
