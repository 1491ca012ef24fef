"""Data sets in memory: what is taken, and the exact words of what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from striate.errors import DataError
from striate.layers.shape import Shape
from striate.train.data import ArrayData

IMAGES = np.arange(3 * 4 * 5 * 2, dtype=np.uint8).reshape(3, 4, 5, 2)


def test_gives_images_and_labels_in_any_order() -> None:
    data = ArrayData(IMAGES, [2, 0, 1], ("a", "b", "c"))
    images, labels = data.batch(np.array([2, 0]))
    assert np.array_equal(images, IMAGES[[2, 0]])
    assert images.dtype == np.uint8
    assert images.flags.c_contiguous
    assert labels.tolist() == [1, 2]
    assert labels.dtype == np.int64
    assert (len(data), data.shape, data.classes) == (3, Shape(4, 5, 2), ("a", "b", "c"))


def test_a_batch_is_a_copy() -> None:
    data = ArrayData(IMAGES.copy(), [0, 1, 1])
    data.batch(np.array([0]))[0][:] = 99
    assert np.array_equal(data.images, IMAGES)


def test_three_dimensions_are_grey_images() -> None:
    data = ArrayData(np.zeros((2, 6, 7), np.uint8), [0, 1])
    assert data.shape == Shape(6, 7, 1)


def test_classes_default_to_numbers() -> None:
    assert ArrayData(IMAGES, [0, 3, 1]).classes == ("0", "1", "2", "3")


@pytest.mark.parametrize(
    ("given", "expected"), [("int64", "uint8"), ("float64", "float32"), ("float16", "float32")]
)
def test_pixels_become_uint8_or_float32(given: str, expected: str) -> None:
    data = ArrayData(IMAGES.astype(given), [0, 1, 1])
    assert data.images.dtype == expected
    assert np.array_equal(data.images, IMAGES)


def test_labels_may_be_a_column_of_any_whole_numbers() -> None:
    data = ArrayData(IMAGES, np.array([[1], [0], [1]], np.uint8))
    assert data.labels.tolist() == [1, 0, 1]


def nan_image() -> np.ndarray:
    images = IMAGES.astype(np.float32)
    images[1, 2, 3, 0] = np.nan
    return images


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (
            np.zeros((3, 4)),
            [0],
            "arrays: images: expected an array [N, H, W, C] or [N, H, W], got shape (3, 4)",
        ),
        (
            np.zeros((0, 4, 5, 3)),
            [],
            "arrays: expected at least one image, got shape (0, 4, 5, 3)",
        ),
        (
            np.zeros((2, 3, 32, 32), np.uint8),
            [0, 1],
            "arrays: images: expected [N, H, W, C], got shape (2, 3, 32, 32), which looks like "
            "channels first; images.transpose(0, 2, 3, 1) gives (2, 32, 32, 3)",
        ),
        (
            IMAGES.astype(int) * 3 - 1,
            [0, 1, 1],
            "arrays: images: expected whole numbers from 0 to 255, got int64 from -1 to 356; "
            "scale them to that range or convert them to float32",
        ),
        (IMAGES.astype(bool), [0, 1, 1], "arrays: images: expected numbers, got bool"),
        (nan_image(), [0, 1, 1], "arrays: images: image 1 holds NaN or infinity"),
        (
            np.full((1, 2, 2, 1), 1e300),
            [0],
            "arrays: images: image 0 holds NaN or infinity",
        ),
        (
            IMAGES,
            [0.0, 1.0, 1.0],
            "arrays: labels: expected one whole number for each image, got float64 of shape (3,)",
        ),
        (
            IMAGES,
            np.eye(3, dtype=int),
            "arrays: labels: expected one whole number for each image, got int64 of shape (3, 3)",
        ),
        (IMAGES, [0, 1], "arrays: expected one label for each image, got 3 images and 2 labels"),
        (
            IMAGES,
            [0, 1, -1],
            "arrays: label -1 of image 2 is out of range: without class names labels go from 0 "
            "to 99999",
        ),
        (
            IMAGES,
            [0, 10**12, 1],
            "arrays: label 1000000000000 of image 1 is out of range: without class names labels "
            "go from 0 to 99999",
        ),
    ],
)
def test_refused(images: np.ndarray, labels: object, message: str) -> None:
    with pytest.raises(DataError) as caught:
        ArrayData(images, labels)
    assert str(caught.value) == message


def test_label_beyond_the_classes() -> None:
    with pytest.raises(DataError) as caught:
        ArrayData(IMAGES, [0, 2, 1], ("cat", "dog"), "pets")
    assert str(caught.value) == (
        "pets: label 2 of image 1 is out of range: with 2 classes labels go from 0 to 1"
    )
