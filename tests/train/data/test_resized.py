"""Data sets brought to another shape, and kept in memory."""

from __future__ import annotations

import numpy as np
import pytest

from striate.errors import DataError
from striate.layers.shape import Shape
from striate.train.data import ArrayData, Resized
from striate.train.data.images import fit_array

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 8, 6, 3), dtype=np.uint8)
DATA = ArrayData(IMAGES, [0, 1, 0, 1, 1], ("a", "b"))


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("shape", [Shape(4, 4, 3), Shape(16, 10, 1), Shape(8, 6, 1)])
def test_each_image_is_fitted(shape: Shape, dtype: type) -> None:
    data = Resized(ArrayData(IMAGES.astype(dtype), DATA.labels), shape)
    images, labels = data.batch(np.array([3, 0]))
    assert images.dtype == dtype
    for image, index in zip(images, (3, 0), strict=True):
        assert np.array_equal(image, fit_array(IMAGES[index].astype(dtype), shape))
    assert labels.tolist() == [1, 0]
    assert (data.shape, len(data)) == (shape, 5)


def test_channels_that_cannot_be_made() -> None:
    with pytest.raises(DataError) as caught:
        Resized(DATA, Shape(4, 4, 2))
    assert str(caught.value) == (
        "arrays: the images are 6x8x3 and the net takes 4x4x2: 3 channels cannot become 2; "
        "only grey (1) and RGB (3) become each other"
    )


def test_any_number_of_channels_may_stay() -> None:
    data = ArrayData(np.zeros((2, 4, 4, 5), np.uint8), [0, 1])
    assert Resized(data, Shape(2, 2, 5)).batch(np.arange(2))[0].shape == (2, 2, 2, 5)
