"""Images that a net learns in seconds: a bright bar, upright or lying, in noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

NET = "INPUT -> CONV3-4 -> RELU -> POOL2 -> FC"
CLASSES = ("lying", "upright")

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]


def bars(count: int, seed: int = 0) -> tuple[Images, Labels]:
    """Images [count, 8, 8, 1] and their labels: 0 lying, 1 upright."""
    random = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int64) % 2
    images = random.integers(0, 60, (count, 8, 8, 1), dtype=np.uint8)
    for image, label, place in zip(images, labels, random.integers(1, 7, count), strict=True):
        if label:
            image[:, place] = 255
        else:
            image[place] = 255
    return images, labels


def write_bars(path: Path, count: int = 48) -> Path:
    """An .npz file with a train and a test part and the names of the classes."""
    images, labels = bars(count)
    test_images, test_labels = bars(16, seed=1)
    np.savez(
        path,
        x_train=images,
        y_train=labels,
        x_test=test_images,
        y_test=test_labels,
        classes=np.array(CLASSES),
    )
    return path
